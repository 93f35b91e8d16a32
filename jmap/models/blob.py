"""Blob: octets by account and digest, and who uploaded them (RFC 8620 §6).

Rules kept here:
- one row for each (account, digest); the object in the blob store has the same key, so accounts never share octets;
- a writer may rely on an object that is already there only while it holds the Blob row locked and live;
- the collector marks a row dying under the same lock, and deletes the object after a grace period.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode
from jmap.models.account import Account


class Blob(models.Model):
    """Immutable octets (RFC 8620 §1.2, §6). ``digest`` is SHA-256; ``dying_since`` is set by the collector."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="+", db_index=False, verbose_name=_("account"))
    digest = models.BinaryField(_("SHA-256"), max_length=32)
    size = models.PositiveBigIntegerField(_("size in octets"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    dying_since = models.DateTimeField(_("dying since"), null=True, blank=True)

    class Meta:
        verbose_name = _("blob")
        verbose_name_plural = _("blobs")
        constraints = [models.UniqueConstraint(fields=["account", "digest"], name="jmap_core_blob_once")]
        indexes = [
            models.Index(
                fields=["dying_since"], name="jmap_core_blob_dying", condition=models.Q(dying_since__isnull=False)
            )
        ]
        permissions = [("open_blob", _("Can open the content of a blob"))]

    def __str__(self) -> str:
        return self.wire_id

    @property
    def wire_id(self) -> str:
        """The blobId of the whole blob; a part of a message appends ``-`` and the part's number."""
        return encode("b", self.pk)


class Upload(models.Model):
    """A user's claim on a blob that nothing refers to yet; only that user sees it, for a limited time (RFC 8620 §6)."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", db_index=False)
    blob = models.ForeignKey(Blob, models.CASCADE, related_name="uploads")
    type = models.CharField(_("type"), max_length=255)
    uploaded_at = models.DateTimeField(_("uploaded"))

    class Meta:
        verbose_name = _("upload")
        verbose_name_plural = _("uploads")
        constraints = [models.UniqueConstraint(fields=["account", "user", "blob"], name="jmap_core_upload_once")]
        indexes = [models.Index(fields=["uploaded_at"], name="jmap_core_upload_age")]

    def __str__(self) -> str:
        return f"{self.blob} by {self.user}"


class UploadTally(models.Model):
    """At most how many octets of a user's uploads nothing refers to: what was uploaded since they were last
    counted, and
    what that count gave. It spares counting them at every upload.
    """

    pk = models.CompositePrimaryKey("account_id", "user_id")
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    octets = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return f"{self.user_id} in {self.account_id}: {self.octets}"


class BlobHold(models.Model):
    """While one of these has not expired, no octets are deleted: a backup copies the database first, then the blobs."""

    reason = models.CharField(_("reason"), max_length=255)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"))

    class Meta:
        verbose_name = _("hold on blobs")
        verbose_name_plural = _("holds on blobs")

    def __str__(self) -> str:
        return self.reason
