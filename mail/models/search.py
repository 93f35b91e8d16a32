"""SearchText: the tokens of an email, from which both databases build their text index."""

from __future__ import annotations

from django.db import models

from jmap.models.tracked import GuardedModel
from mail.models.email import Email


class SearchText(GuardedModel):
    """The tokens of one email as ``mail.search.tokenizer`` made them; the index over them is the database's own.

    On PostgreSQL a ``tsvector`` column with a GIN index, on SQLite an external-content FTS5 table, both made by a
    migration and written by ``mail.search`` alone.
    """

    email = models.OneToOneField(Email, models.DO_NOTHING, primary_key=True, related_name="+", db_constraint=False)
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    tokens = models.TextField()
    version = models.PositiveIntegerField(db_index=True)

    def __str__(self) -> str:
        return str(self.email_id)
