"""Email: one message, what is derived from it, and what is kept of it after it is destroyed (RFC 8621 §4).

Rules kept here:
- Email is the narrow row that changes (keywords) and that sorts walk; EmailContent never changes after arrival;
- the common keywords are columns, all others rows of EmailKeyword, told of by ``has_other_keywords``;
- what is derived carries the version of what derived it; ids of the email are not in what is stored as JSON, since
  a late
  thread link gives an email a new id;
- a destroyed email's blob, mailboxes and keywords move to RetainedEmail, out of all hot tables.
"""

from __future__ import annotations

from django.db import models

from jmap.ids import encode
from jmap.models import Blob, TrackedModel
from jmap.models.tracked import GuardedModel
from mail.models.thread import Thread

KEYWORD_COLUMNS = {
    "$seen": "seen",
    "$flagged": "flagged",
    "$answered": "answered",
    "$draft": "draft",
    "$forwarded": "forwarded",
}
"""The keywords that every list asks for, each a column of Email and of Membership."""


class Flags(models.Model):
    """The common keywords as columns (RFC 8621 §4.1.1)."""

    seen = models.BooleanField(default=False)
    flagged = models.BooleanField(default=False)
    answered = models.BooleanField(default=False)
    draft = models.BooleanField(default=False)
    forwarded = models.BooleanField(default=False)

    class Meta:
        abstract = True


class Email(Flags, TrackedModel):
    """A message in an account: the part that sorts, filters and writes touch.

    ``subject_key``, ``from_key`` and ``to_key`` are sort keys by ``i;unicode-casemap`` (RFC 5051), cut to 255 octets.
    """

    thread = models.ForeignKey(Thread, models.PROTECT, related_name="emails")
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    size = models.PositiveBigIntegerField()
    has_attachment = models.BooleanField(default=False)
    has_other_keywords = models.BooleanField(default=False)
    subject_key = models.BinaryField(max_length=255)
    from_key = models.BinaryField(max_length=255)
    to_key = models.BinaryField(max_length=255)

    class Meta(TrackedModel.Meta):
        indexes = [
            models.Index(fields=["account", "modseq"], name="jmap_mail_email_changed"),
            models.Index(fields=["account", "created_modseq"], name="jmap_mail_email_created"),
            models.Index(fields=["account", "received_at", "id"], name="jmap_mail_email_received"),
            models.Index(fields=["account", "sent_at", "id"], name="jmap_mail_email_sent"),
            models.Index(fields=["account", "size", "id"], name="jmap_mail_email_size"),
            models.Index(fields=["account", "subject_key", "id"], name="jmap_mail_email_subject"),
            models.Index(fields=["account", "from_key", "id"], name="jmap_mail_email_from"),
            models.Index(fields=["account", "to_key", "id"], name="jmap_mail_email_to"),
        ]

    def __str__(self) -> str:
        return self.wire_id

    @property
    def wire_id(self) -> str:
        """The email id as clients see it."""
        return encode("e", self.pk)


class EmailContent(GuardedModel):
    """What was derived from the message on arrival.

    ``properties`` holds the JSON values of the immutable metadata, one a line in the order of
    ``mail.services.content.LINES``; ``index`` is the MIME index (``mail.mime.index``) as JSON; ``version`` is that of
    what derived both.
    """

    email = models.OneToOneField(
        Email, models.DO_NOTHING, primary_key=True, related_name="content", db_constraint=False
    )
    properties = models.TextField()
    index = models.TextField()
    version = models.PositiveIntegerField(db_index=True)

    def __str__(self) -> str:
        return str(self.email_id)


class EmailKeyword(GuardedModel):
    """A keyword that is not one of the common ones, on one email (RFC 8621 §4.1.1); stored in lowercase."""

    pk = models.CompositePrimaryKey("email_id", "keyword")
    account = models.ForeignKey(
        "jmap_core.Account", models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    email = models.ForeignKey(Email, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False)
    keyword = models.CharField(max_length=255)

    class Meta(GuardedModel.Meta):
        indexes = [models.Index(fields=["account", "keyword", "email"], name="jmap_mail_keyword_emails")]

    def __str__(self) -> str:
        return self.keyword


class RetainedEmail(GuardedModel):
    """A destroyed email, kept for a time so that it can be restored under a new id."""

    account = models.ForeignKey("jmap_core.Account", models.PROTECT, related_name="+", db_index=False)
    email_key = models.BigIntegerField()
    blob = models.ForeignKey(Blob, models.PROTECT, related_name="+")
    received_at = models.DateTimeField()
    mailboxes = models.JSONField()
    keywords = models.JSONField()
    destroyed_at = models.DateTimeField()

    class Meta(GuardedModel.Meta):
        indexes = [models.Index(fields=["account", "destroyed_at"], name="jmap_mail_retained_age")]

    def __str__(self) -> str:
        return encode("e", self.email_key)
