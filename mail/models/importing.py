"""ImportedMessage: the journal that makes an import safe to interrupt and to run again."""

from __future__ import annotations

from django.db import models

from jmap.models.tracked import GuardedModel


class ImportedMessage(GuardedModel):
    """One message of one source that was imported: unique name of a Maildir file, or hash and ordinal of an mbox
    entry.
    """

    account = models.ForeignKey("jmap_core.Account", models.CASCADE, related_name="+", db_index=False)
    source = models.BinaryField(max_length=32)
    key = models.BinaryField(max_length=32)
    imported_at = models.DateTimeField(auto_now_add=True)

    class Meta(GuardedModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "source", "key"], name="jmap_mail_imported_once")]

    def __str__(self) -> str:
        return bytes(self.key).hex()
