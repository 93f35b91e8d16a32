"""Credential: what a client signs in with other than the user's own password.

Rules kept here: the secret is random (so SHA-256 is a sufficient hash and costs a microsecond), shown once, stored
hashed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from jmap import access


def digest(secret: str) -> bytes:
    """The stored form of a random secret."""
    return hashlib.sha256(secret.encode()).digest()


class Credential(models.Model):
    """An app password (Basic) or an access token (Bearer) of a user."""

    class Kind(models.TextChoices):
        """How the secret travels."""

        APP_PASSWORD = "app", _("app password")
        TOKEN = "token", _("token")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="jmap_credentials", verbose_name=_("user")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    name = models.CharField(_("name"), max_length=100)
    secret_digest = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("credential")
        verbose_name_plural = _("credentials")

    def __str__(self) -> str:
        return self.name

    @classmethod
    def issue(cls, user: Any, kind: str, name: str, **fields: Any) -> tuple[Credential, str]:
        """A new credential and its secret, which is known only now."""
        secret = secrets.token_urlsafe(24)
        return cls.objects.create(user=user, kind=kind, name=name, secret_digest=digest(secret), **fields), secret

    @classmethod
    def revoke(cls, keys: Iterable[int]) -> int:
        """Make credentials useless from the next request on; returns how many were not revoked yet."""
        good = cls.objects.filter(pk__in=list(keys), revoked_at=None)
        users = set(good.values_list("user_id", flat=True))
        revoked: int = good.update(revoked_at=timezone.now())
        access.changed(user_keys=users)
        return revoked
