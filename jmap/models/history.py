"""HistoryMark: which modseq an account was at on a day, so that history can be purged by age."""

from __future__ import annotations

from django.db import models

from jmap.models.account import Account


class HistoryMark(models.Model):
    """At ``at`` the account had given out ``modseq``, and its types were at ``states`` (name to modseq)."""

    pk = models.CompositePrimaryKey("account_id", "modseq")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    modseq = models.PositiveBigIntegerField()
    states = models.JSONField()
    at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.account_id} {self.modseq} {self.at:%Y-%m-%d}"
