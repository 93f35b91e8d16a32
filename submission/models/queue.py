"""The outbound queue: a message, and a row for each recipient, that need nothing else to be delivered.

Rules kept here:
- a QueuedMessage pins the octets, the sender and the parameters of the envelope; no row of mail or of a submission is
  needed any more, whatever becomes of them;
- a recipient is claimed by a lease: ``status`` SENDING, ``lease`` a token, ``lease_until`` when it runs out; an outcome
  is written only by who still holds the token;
- the life of a recipient: WAITING (until ``next_attempt_at``) or HELD → SENDING → WAITING again, or one of the settled
  ones: RELAYED, DELIVERED, FAILED, CANCELED; RELAYED may still become DELIVERED or FAILED when a DSN arrives;
- ``in_doubt``: a lease ran out without an outcome, so it may have been sent: it is not cancelled any more, and who
  claims it again (SENDING with ``lease_until`` in the past) sets this.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jmap.models import Account, Blob


class Origin(models.TextChoices):
    """Why a message is in the queue."""

    SUBMISSION = "submission", _("submission")
    VACATION = "vacation", _("vacation response")
    FORWARD = "forward", _("forwarding")
    DSN = "dsn", _("delivery status notification")
    REPORT = "report", _("report")


class Status(models.TextChoices):
    """Where a recipient is in the queue."""

    WAITING = "waiting", _("waiting")
    HELD = "held", _("held")
    SENDING = "sending", _("being sent")
    RELAYED = "relayed", _("relayed")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed")
    CANCELED = "canceled", _("canceled")


OPEN = (Status.WAITING, Status.HELD, Status.SENDING)
"""A recipient that still has to be dealt with; all other states are settled."""


class QueuedMessage(models.Model):
    """A message to be sent, with its envelope sender.

    ``mail_from``: the reverse-path, "" for the null one. ``sender_domain``: the domain (A-label) on whose behalf it is
    sent, which decides signature and route. ``ret``, ``envid`` (without xtext), ``body``, ``smtputf8``: parameters of
    MAIL as the client asked, "" for none (RFC 3461, RFC 6152, RFC 6531). ``release_at``: when FUTURERELEASE lets it go
    (RFC 4865). ``message_id``: its Message-ID, by which a report that comes back may name it; known once it was tried.
    ``expires_at``: when trying ends (RFC 5321 §4.5.4). ``finished_at``: when the last recipient was settled; some time
    after, ``blob`` is let go.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False, verbose_name=_("account"))
    blob = models.ForeignKey(Blob, models.PROTECT, null=True, related_name="+", verbose_name=_("blob"))
    origin = models.CharField(_("origin"), max_length=10, choices=Origin.choices)
    submission_key = models.BigIntegerField(_("submission"), null=True)
    size = models.PositiveBigIntegerField(_("size in octets"))
    mail_from = models.CharField(_("sender"), max_length=320, blank=True)
    sender_domain = models.CharField(_("domain of the sender"), max_length=253)
    ret = models.CharField("RET", max_length=4, blank=True)
    envid = models.CharField("ENVID", max_length=100, blank=True)
    body = models.CharField("BODY", max_length=8, blank=True)
    smtputf8 = models.BooleanField("SMTPUTF8", default=False)
    release_at = models.DateTimeField(_("release"), null=True)
    created_at = models.DateTimeField(_("queued"))
    expires_at = models.DateTimeField(_("expires"))
    message_id = models.CharField("Message-ID", max_length=255, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("queued message")
        verbose_name_plural = _("queued messages")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "submission_key"],
                condition=Q(submission_key__isnull=False),
                name="jmap_sub_message_of_submission",
            )
        ]
        indexes = [
            models.Index(fields=["account", "created_at"], name="jmap_sub_message_age"),
            models.Index(fields=["account", "message_id"], condition=~Q(message_id=""), name="jmap_sub_message_named"),
            models.Index(
                fields=["finished_at"], condition=Q(finished_at__isnull=False), name="jmap_sub_message_finished"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.origin} {self.pk}"


class QueuedRecipient(models.Model):
    """One recipient of a queued message.

    ``address`` is as the client wrote it, and the key of deliveryStatus; ``domain`` its domain in A-labels, or an
    address literal. ``notify`` (comma-separated, upper case) and ``orcpt`` (without xtext, with its type) are
    parameters of RCPT, "" for none (RFC 3461). The reply is that of RCPT, or of DATA where that refused the message;
    ``reply_text`` is one line (RFC 8621 §7, smtpReply). ``displayed``: an MDN says so. ``delay_told``: its sender knows
    that it still waits.
    """

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False, verbose_name=_("account"))
    message = models.ForeignKey(
        QueuedMessage, models.CASCADE, related_name="recipients", verbose_name=_("queued message")
    )
    address = models.CharField(_("address"), max_length=320)
    domain = models.CharField(_("domain"), max_length=255)
    notify = models.CharField("NOTIFY", max_length=32, blank=True)
    orcpt = models.CharField("ORCPT", max_length=500, blank=True)
    status = models.CharField(_("status"), max_length=9, choices=Status.choices, default=Status.WAITING)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    next_attempt_at = models.DateTimeField(_("next attempt"))
    last_attempt_at = models.DateTimeField(_("last attempt"), null=True)
    lease = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    in_doubt = models.BooleanField(_("in doubt"), default=False)
    reply_code = models.PositiveSmallIntegerField(_("reply code"), null=True)
    reply_enhanced = models.CharField(_("enhanced code"), max_length=11, blank=True)
    reply_text = models.CharField(_("reply"), max_length=1000, blank=True)
    relay_host = models.CharField(_("answered by"), max_length=255, blank=True)
    displayed = models.BooleanField(_("displayed"), default=False)
    delay_told = models.BooleanField(default=False)
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("queued recipient")
        verbose_name_plural = _("queued recipients")
        constraints = [
            models.UniqueConstraint(fields=["account", "message", "address"], name="jmap_sub_recipient_once")
        ]
        indexes = [
            # What a worker claims: the oldest due, and leases that ran out; both stay as small as the queue is.
            models.Index(fields=["next_attempt_at"], condition=Q(status=Status.WAITING), name="jmap_sub_recipient_due"),
            models.Index(fields=["lease_until"], condition=Q(status=Status.SENDING), name="jmap_sub_recipient_leased"),
            # What the admin lists.
            models.Index(fields=["status", "next_attempt_at"], name="jmap_sub_recipient_status"),
            models.Index(fields=["domain", "status"], name="jmap_sub_recipient_domain"),
        ]

    def __str__(self) -> str:
        return self.address
