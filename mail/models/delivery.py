"""What is remembered of mail that came in: what was received already, and what became of every attempt.

Rules kept here: no content and no subject; rows are found by an index of what a person asks for, and purged in the
order of their keys, so that no index is there for the purge alone.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account


class ReceivedMessage(models.Model):
    """A message that an account received lately: the same one sent again is known by ``key``, the SHA-256 of its octets
    as they came and of its sender.
    """

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    key = models.BinaryField(max_length=32)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="jmap_mail_received_once")]

    def __str__(self) -> str:
        return bytes(self.key).hex()


class Verdict(models.TextChoices):
    """What became of a message for one recipient."""

    DELIVERED = "delivered", _("delivered")
    DUPLICATE = "duplicate", _("was here already")
    FORWARDED = "forwarded", _("forwarded")
    DEFERRED = "deferred", _("to be tried again")
    REFUSED = "refused", _("refused")


class DeliveryRecord(models.Model):
    """One attempt to deliver a message to one recipient: the answer to "where is my mail?".

    ``is_failed``: whether it was deferred or refused. ``code`` and ``enhanced``: the reply (RFC 5321 §4.2, RFC 3463).
    ``account`` and ``mailbox`` (its name): where the message went. ``target``: the address it was forwarded to.
    ``email``: the key of the Email. ``client``: who handed it in. ``size`` in octets.
    """

    at = models.DateTimeField(_("when"))
    verdict = models.CharField(_("verdict"), max_length=10, choices=Verdict.choices)
    is_failed = models.BooleanField(_("failed"), default=False)
    code = models.PositiveSmallIntegerField(_("code"))
    enhanced = models.CharField(_("enhanced status code"), max_length=11)
    text = models.CharField(_("answer"), max_length=255)
    sender = models.CharField(_("envelope sender"), max_length=320, blank=True)
    recipient = models.CharField(_("envelope recipient"), max_length=320)
    target = models.CharField(_("forwarded to"), max_length=320, blank=True)
    account = models.ForeignKey(
        Account,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("account"),
    )
    mailbox = models.CharField(_("mailbox"), max_length=255, blank=True)
    email = models.BigIntegerField(_("email"), null=True)
    message_id = models.CharField(_("Message-ID"), max_length=255, blank=True)
    queue_id = models.CharField(_("queue id"), max_length=64, blank=True)
    client = models.CharField(_("client"), max_length=255, blank=True)
    protocol = models.CharField(_("protocol"), max_length=20, blank=True)
    size = models.PositiveBigIntegerField(_("size in octets"))

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("delivery log")
        indexes = [
            models.Index(fields=["recipient", "id"], name="jmap_mail_log_recipient"),
            models.Index(fields=["sender", "id"], name="jmap_mail_log_sender"),
            models.Index(fields=["account", "id"], name="jmap_mail_log_account"),
            models.Index(fields=["message_id", "id"], name="jmap_mail_log_message"),
            models.Index(fields=["queue_id", "id"], name="jmap_mail_log_queue"),
            models.Index(fields=["id"], name="jmap_mail_log_failed", condition=models.Q(is_failed=True)),
        ]

    def __str__(self) -> str:
        return f"{self.recipient}: {self.code} {self.enhanced}"
