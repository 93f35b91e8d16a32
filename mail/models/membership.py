"""Membership: an email in a mailbox, with copies of what lists need, its history and its counts.

Rules kept here:
- a page of a folder, collapsed or not, is one walk of a covering index of Membership;
- ``is_head``: the newest email of its thread in that mailbox, by (received_at, email id);
- membership has its own history: ``created_modseq`` when the email came into the mailbox, ``keyword_modseq`` when its
  keywords changed, FormerMembership when it left; a flag is no change of a plain folder view;
- DayCount makes any position cheap; mailbox 0 stands for the whole account.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from jmap.models.tracked import GuardedModel
from mail.models.email import Email, Flags
from mail.models.mailbox import Mailbox
from mail.models.thread import Thread


class Membership(Flags, GuardedModel):
    """An email in a mailbox (RFC 8621 §4.1.1, mailboxIds)."""

    pk = models.CompositePrimaryKey("mailbox_id", "email_id")
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    mailbox = models.ForeignKey(Mailbox, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    email = models.ForeignKey(Email, models.PROTECT, related_name="+", db_constraint=False)
    thread = models.ForeignKey(Thread, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    received_at = models.DateTimeField()
    is_head = models.BooleanField(default=False)
    created_modseq = models.PositiveBigIntegerField()
    keyword_modseq = models.PositiveBigIntegerField()

    class Meta(GuardedModel.Meta):
        indexes = [
            models.Index(fields=["mailbox", "received_at", "email"], include=["thread"], name="jmap_mail_member_date"),
            models.Index(
                fields=["mailbox", "received_at", "email"],
                include=["thread"],
                condition=Q(is_head=True),
                name="jmap_mail_member_head",
            ),
            models.Index(
                fields=["mailbox", "received_at", "email"],
                include=["thread"],
                condition=Q(seen=False),
                name="jmap_mail_member_unseen",
            ),
            models.Index(
                fields=["mailbox", "received_at", "email"],
                include=["thread"],
                condition=Q(flagged=True),
                name="jmap_mail_member_flagged",
            ),
            models.Index(fields=["thread", "mailbox", "received_at", "email"], name="jmap_mail_member_thread"),
            models.Index(fields=["mailbox", "created_modseq"], name="jmap_mail_member_created"),
            models.Index(fields=["mailbox", "keyword_modseq"], name="jmap_mail_member_keyword"),
        ]

    def __str__(self) -> str:
        return f"{self.email_id} in {self.mailbox_id}"


class FormerMembership(GuardedModel):
    """An email that was in a mailbox, for exact /queryChanges (RFC 8620 §5.6); several rows for one pair may exist."""

    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    mailbox_key = models.BigIntegerField()
    email_key = models.BigIntegerField()
    thread_key = models.BigIntegerField()
    received_at = models.DateTimeField()
    created_modseq = models.PositiveBigIntegerField()
    removed_modseq = models.PositiveBigIntegerField()

    class Meta(GuardedModel.Meta):
        indexes = [
            models.Index(fields=["mailbox_key", "removed_modseq"], name="jmap_mail_former_removed"),
            models.Index(fields=["account", "removed_modseq"], name="jmap_mail_former_account"),
            models.Index(fields=["thread_key", "removed_modseq"], name="jmap_mail_former_thread"),
        ]

    def __str__(self) -> str:
        return f"{self.email_key} left {self.mailbox_key} at {self.removed_modseq}"


class DayCount(GuardedModel):
    """How many members and thread heads a mailbox has of each day (UTC, days since 1970-01-01); mailbox 0 is the
    account.
    """

    pk = models.CompositePrimaryKey("account_id", "mailbox_key", "day")
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    mailbox_key = models.BigIntegerField()
    day = models.IntegerField()
    members = models.IntegerField()
    heads = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.mailbox_key} {self.day}: {self.members}/{self.heads}"
