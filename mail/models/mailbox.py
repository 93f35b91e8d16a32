"""Mailbox: a named set of emails (RFC 8621 §2).

Rules kept here:
- the four counters are stored and exact at all times; nothing counts on read;
- ``modseq`` is the last change of any kind, ``properties_modseq`` the last change that was not of counters alone;
- sibling names and roles are unique; several rows of one /set may swap them, since uniqueness is judged at the end.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode
from jmap.models import TrackedModel
from jmap.models.tracked import GuardedModel, TrackedQuerySet


class Role(models.TextChoices):
    """The mailbox roles that mean something to this server; a client may set any role of the IANA registry."""

    INBOX = "inbox", _("Inbox")
    ARCHIVE = "archive", _("Archive")
    DRAFTS = "drafts", _("Drafts")
    SENT = "sent", _("Sent")
    TRASH = "trash", _("Trash")
    JUNK = "junk", _("Junk")


class Mailbox(TrackedModel):
    """A named set of emails in an account (RFC 8621 §2)."""

    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    name = models.CharField(_("name"), max_length=255)
    # Null is what the wire says for no role, and what the unique constraint passes over.
    role = models.CharField(_("role"), max_length=32, null=True, blank=True)  # noqa: DJ001
    sort_order = models.PositiveIntegerField(_("sort order"), default=0)
    total_emails = models.PositiveIntegerField(_("emails"), default=0, editable=False)
    unread_emails = models.PositiveIntegerField(_("unread emails"), default=0, editable=False)
    total_threads = models.PositiveIntegerField(_("threads"), default=0, editable=False)
    unread_threads = models.PositiveIntegerField(_("unread threads"), default=0, editable=False)
    properties_modseq = models.PositiveBigIntegerField(editable=False)

    class Meta(TrackedModel.Meta):
        verbose_name = _("mailbox")
        verbose_name_plural = _("mailboxes")
        constraints = [
            models.UniqueConstraint("account", Coalesce("parent", 0), "name", name="jmap_mail_mailbox_name_once"),
            models.UniqueConstraint(
                fields=["account", "role"], condition=models.Q(role__isnull=False), name="jmap_mail_mailbox_role_once"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "modseq"], name="jmap_mail_mailbox_changed"),
            models.Index(fields=["account", "created_modseq"], name="jmap_mail_mailbox_created"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wire_id(self) -> str:
        """The mailbox id as clients see it."""
        return encode("m", self.pk)


class SubscriptionQuerySet(TrackedQuerySet):
    """Lets Django remove a user's answers together with the user, who asks no more."""

    def _raw_delete(self, using: str | None) -> int:
        return models.QuerySet._raw_delete(self, using)


class MailboxSubscription(GuardedModel):
    """A user's own answer to isSubscribed; without a row it is true for the owner and false for a delegate."""

    pk = models.CompositePrimaryKey("user_id", "mailbox_id")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    mailbox = models.ForeignKey(Mailbox, models.CASCADE, related_name="subscriptions")
    is_subscribed = models.BooleanField(_("subscribed"))

    objects: ClassVar[models.Manager[Any]] = SubscriptionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.mailbox_id} {self.is_subscribed}"
