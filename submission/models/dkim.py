"""DKIM keys of domains (RFC 6376).

Rules kept here:
- the private key is stored sealed and never shown; the DNS record is public;
- the life of a key: NEW, while its record is being published; ACTIVE, one for each algorithm of a domain; RETIRED, when
  another took its place: it signs no more and its record stays published for a grace, so that mail under way verifies.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mail.models import Domain


class DkimKey(models.Model):
    """A key that signs the mail of a domain."""

    class Algorithm(models.TextChoices):
        """RSA is verified everywhere, Ed25519 is short and quick (RFC 8463)."""

        RSA = "rsa", _("RSA, 2048 bits")
        ED25519 = "ed25519", _("Ed25519")

    class Stage(models.TextChoices):
        """Where a key is in its life."""

        NEW = "new", _("to be published")
        ACTIVE = "active", _("signs")
        RETIRED = "retired", _("retired")

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="dkim_keys", verbose_name=_("domain"))
    selector = models.CharField(_("selector"), max_length=63)
    algorithm = models.CharField(_("algorithm"), max_length=7, choices=Algorithm.choices, default=Algorithm.RSA)
    stage = models.CharField(_("stage"), max_length=7, choices=Stage.choices, default=Stage.NEW)
    sealed_key = models.TextField(editable=False)
    record = models.TextField(_("DNS record"), editable=False)
    created_at = models.DateTimeField(_("created"))
    activated_at = models.DateTimeField(_("signs since"), null=True)
    retired_at = models.DateTimeField(_("retired"), null=True)

    class Meta:
        verbose_name = _("DKIM key")
        verbose_name_plural = _("DKIM keys")
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="jmap_sub_dkim_selector_once"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"], condition=Q(stage="active"), name="jmap_sub_dkim_one_active"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"
