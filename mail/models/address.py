"""Domain and Address: which names of mail are ours, and whose they are."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account


class Domain(models.Model):
    """A domain that this site receives mail for; the name is stored in lowercase A-label form."""

    name = models.CharField(_("name"), max_length=253, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """A local part of a domain and the account that its mail goes to; local parts are matched in lowercase."""

    domain = models.ForeignKey(Domain, models.PROTECT, related_name="addresses", verbose_name=_("domain"))
    local_part = models.CharField(_("local part"), max_length=64)
    account = models.ForeignKey(Account, models.CASCADE, related_name="addresses", verbose_name=_("account"))
    is_primary = models.BooleanField(_("primary"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("address")
        verbose_name_plural = _("addresses")
        constraints = [
            models.UniqueConstraint(fields=["domain", "local_part"], name="jmap_mail_address_once"),
            models.UniqueConstraint(
                fields=["account"], condition=models.Q(is_primary=True), name="jmap_mail_address_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain.name}"
