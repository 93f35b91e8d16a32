"""VacationResponse, who was answered already, and which messages wait for an answer (RFC 8621 §8, RFC 5230).

Rules kept here:
- a delivery leaves a VacationDue row in its own transaction, so that a crash neither loses nor doubles an answer; the
  answer is written and queued later, in one transaction with the removal of that row;
- a VacationReply remembers when a sender was answered and by which edition: a changed response answers anew.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account, Blob, TrackedModel


class VacationResponse(TrackedModel):
    """The one vacation response of an account; without a row it is off and empty (RFC 8621 §8)."""

    is_enabled = models.BooleanField(_("enabled"), default=False)
    from_date = models.DateTimeField(_("from"), null=True, blank=True)
    to_date = models.DateTimeField(_("to"), null=True, blank=True)
    # Null is what the wire says where the server is to choose, and an empty text is a text.
    subject = models.CharField(_("subject"), max_length=500, null=True, blank=True)  # noqa: DJ001
    text_body = models.TextField(_("text"), null=True, blank=True)  # noqa: DJ001
    html_body = models.TextField(_("HTML"), null=True, blank=True)  # noqa: DJ001

    class Meta(TrackedModel.Meta):
        verbose_name = _("vacation response")
        verbose_name_plural = _("vacation responses")
        constraints = [models.UniqueConstraint(fields=["account"], name="jmap_sub_vacation_once")]

    def __str__(self) -> str:
        return str(self.account)


class VacationReply(models.Model):
    """When a sender last got the vacation response of an account, and which edition (its modseq) of it."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    sender = models.CharField(max_length=320)
    edition = models.PositiveBigIntegerField()
    replied_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "sender"], name="jmap_sub_reply_once")]

    def __str__(self) -> str:
        return self.sender


class VacationDue(models.Model):
    """A delivered message that a vacation response may have to answer; its envelope, and its octets, pinned."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    mail_from = models.CharField(max_length=320)
    rcpt_to = models.CharField(max_length=320)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["account", "received_at"], name="jmap_sub_vacation_due")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.received_at:%Y-%m-%d}"
