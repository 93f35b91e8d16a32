"""PushSubscription: a push service of somebody's device (RFC 8620 §7.2).

Rules kept here:
- where it pushes to, and the keys of the device, are stored encrypted, and go with the row;
- the row is the queue: what is due is seen by comparing ``told`` with the accounts, and a lease says who works on it.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode
from push.models.vapid import VapidKey


class PushSubscription(models.Model):
    """``login`` names the credentials that made it and that it dies with; ``told`` is a ``push.position`` as text."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="jmap_push_subscriptions", verbose_name=_("user")
    )
    login = models.CharField(max_length=100, editable=False)
    device = models.CharField(_("device"), max_length=255)
    host = models.CharField(_("push service"), max_length=255)
    target = models.BinaryField(editable=False)
    """Address and keys, encrypted; see ``push.webpush.target``."""
    vapid_key = models.ForeignKey(VapidKey, models.PROTECT, related_name="+", editable=False)
    types = models.JSONField(_("types"), null=True, default=None)
    expires_at = models.DateTimeField(_("expires"))
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    code = models.CharField(max_length=64, editable=False)
    verified_at = models.DateTimeField(_("verified"), null=True, editable=False)
    asked_at = models.DateTimeField(null=True, editable=False)
    """When the push service took the verification; nothing more is sent until it is answered."""
    told = models.TextField(default="-", editable=False)
    changed_at = models.DateTimeField(null=True, editable=False)
    """Since when there may be something to tell; None where there is nothing."""
    due_at = models.DateTimeField(editable=False)
    """Nothing is sent before."""
    lease = models.CharField(max_length=16, default="", editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(_("failures"), default=0, editable=False)
    """Attempts in a row that came to nothing."""
    gap = models.PositiveIntegerField(default=1, editable=False)
    """Seconds between two messages; a push service that has enough of us makes it longer."""

    class Meta:
        verbose_name = _("push subscription")
        verbose_name_plural = _("push subscriptions")
        indexes = [
            models.Index(fields=["user", "login"], name="jmap_push_of_login"),
            models.Index(fields=["due_at"], condition=Q(changed_at__isnull=False), name="jmap_push_due"),
        ]

    def __str__(self) -> str:
        return f"{self.device} ({self.host})"

    @property
    def wire_id(self) -> str:
        """The id as clients see it."""
        return encode("s", self.pk)
