"""Thread: emails that belong to one conversation (RFC 8621 §3).

Rules kept here:
- the thread of an email never changes; a late link merges by giving the emails of the smaller thread new ids;
- ``unread_live`` counts unread emails that are in at least one mailbox other than Trash, ``unread_trash`` unread
  ones in
  Trash: unreadThreads of every mailbox follows from them (RFC 8621 §2).
"""

from __future__ import annotations

from django.db import models

from jmap.models import TrackedModel
from jmap.models.tracked import GuardedModel


class Thread(TrackedModel):
    """A conversation: how many emails it has, and how many of those are unread where."""

    size = models.PositiveIntegerField(default=0)
    unread_live = models.PositiveIntegerField(default=0)
    unread_trash = models.PositiveIntegerField(default=0)

    class Meta(TrackedModel.Meta):
        indexes = [
            models.Index(fields=["account", "modseq"], name="jmap_mail_thread_changed"),
            models.Index(fields=["account", "created_modseq"], name="jmap_mail_thread_created"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} ({self.size})"


class ThreadMailbox(GuardedModel):
    """How many emails of a thread a mailbox holds; there is a row only where there is one."""

    pk = models.CompositePrimaryKey("thread_id", "mailbox_id")
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    thread = models.ForeignKey(Thread, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    mailbox = models.ForeignKey("Mailbox", models.DO_NOTHING, related_name="+", db_constraint=False)
    size = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.thread_id} in {self.mailbox_id}: {self.size}"


class ThreadReference(GuardedModel):
    """A message id that links into a thread, hashed together with the base subject (RFC 8621 §3).

    Only emails that share a message id *and* the base subject belong together, so one key of both is looked up.
    """

    pk = models.CompositePrimaryKey("account_id", "key", "thread_id")
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    key = models.BinaryField(max_length=16)
    thread = models.ForeignKey(Thread, models.DO_NOTHING, related_name="+", db_constraint=False)

    def __str__(self) -> str:
        return f"{bytes(self.key).hex()} → {self.thread_id}"
