"""EmailSubmission: what a client asked to be sent, and the reports that came back (RFC 8621 §7).

Rules kept here:
- identity, email and thread are plain keys: what they point at may be destroyed, the submission stays as it was;
- what becomes of each recipient stands in the queue (``QueuedRecipient``), not here; ``undo_status`` is kept in step;
- destroying a submission takes its reports along and leaves the queue alone.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode
from jmap.models import Blob, TrackedModel
from jmap.models.tracked import GuardedModel


class UndoStatus(models.TextChoices):
    """Whether a submission can still be taken back (RFC 8621 §7)."""

    PENDING = "pending", _("pending")
    FINAL = "final", _("final")
    CANCELED = "canceled", _("canceled")


class EmailSubmission(TrackedModel):
    """The submission of an email for delivery (RFC 8621 §7).

    ``envelope`` is what travels: ``{"mailFrom": {"email", "parameters"}, "rcptTo": [{"email", "parameters"}, …]}``, as
    the client gave it or as it was made from the email. ``send_at``: when it is, or was, released.
    """

    identity_key = models.BigIntegerField(_("identity"))
    email_key = models.BigIntegerField(_("email"))
    thread_key = models.BigIntegerField(_("thread"))
    envelope = models.JSONField(_("envelope"))
    send_at = models.DateTimeField(_("sent at"))
    undo_status = models.CharField(
        _("undo status"), max_length=8, choices=UndoStatus.choices, default=UndoStatus.PENDING
    )

    class Meta(TrackedModel.Meta):
        verbose_name = _("submission")
        verbose_name_plural = _("submissions")
        indexes = [
            models.Index(fields=["account", "modseq"], name="jmap_sub_submission_changed"),
            models.Index(fields=["account", "created_modseq"], name="jmap_sub_submission_created"),
            models.Index(fields=["account", "send_at", "id"], name="jmap_sub_submission_sent"),
            models.Index(fields=["account", "email_key"], name="jmap_sub_submission_email"),
        ]

    def __str__(self) -> str:
        return self.wire_id

    @property
    def wire_id(self) -> str:
        """The submission id as clients see it."""
        return encode("s", self.pk)


class SubmissionReport(GuardedModel):
    """A DSN or an MDN that came back for a submission, whole, in order of receipt (RFC 8621 §7, dsnBlobIds)."""

    class Kind(models.TextChoices):
        """What a report tells of: delivery (RFC 3464) or display (RFC 8098)."""

        DSN = "dsn", _("delivery status")
        MDN = "mdn", _("disposition")

    account = models.ForeignKey("jmap_core.Account", models.PROTECT, related_name="+", db_index=False)
    submission_key = models.BigIntegerField()
    kind = models.CharField(max_length=3, choices=Kind.choices)
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    received_at = models.DateTimeField()

    class Meta(GuardedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["account", "submission_key", "blob"], name="jmap_sub_report_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {encode('s', self.submission_key)}"
