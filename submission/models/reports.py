"""Reports that came in and wait to be read."""

from __future__ import annotations

from django.db import models

from jmap.models import Account, Blob


class ReportDue(models.Model):
    """A delivered message that may be a report on mail of ours: its envelope, and its octets, pinned."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    rcpt_to = models.CharField(max_length=320)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "received_at"], name="jmap_sub_report_due")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.received_at:%Y-%m-%d}"
