"""VapidKey: by which push services know this server (RFC 8292)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class VapidKey(models.Model):
    """A pair of keys; the newest is advertised, older ones sign for the subscriptions that were made with them."""

    public = models.CharField(max_length=100)
    """Uncompressed point in URL-safe base64 (RFC 9749)."""
    private = models.BinaryField()
    """Encrypted; see ``push.secrets``."""
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_current"], condition=Q(is_current=True), name="jmap_push_one_current")
        ]

    def __str__(self) -> str:
        return self.public[:12]
