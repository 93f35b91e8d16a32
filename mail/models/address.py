"""Domain, Address and AddressTarget: which names of mail are ours, and where their mail goes.

Rules kept here:
- an address is an account's own, or it is an alias of none and has targets: people here, other aliases, people
  elsewhere;
- the local part "" is the catch-all of its domain, an alias too;
- one table holds every name, so that none can stand for two things.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account


class Domain(models.Model):
    """A domain that this site receives mail for; the name is stored in lowercase A-label form.

    ``octets`` and ``emails`` add up the accounts whose primary address is of this domain (``Quota``); ``max_octets``
    and ``max_emails`` are what they may hold all together, None for no limit.
    """

    name = models.CharField(_("name"), max_length=253, unique=True)
    is_active = models.BooleanField(_("active"), default=True)
    octets = models.PositiveBigIntegerField(_("octets"), default=0, editable=False)
    emails = models.PositiveBigIntegerField(_("emails"), default=0, editable=False)
    max_octets = models.PositiveBigIntegerField(_("octets at most"), null=True, blank=True)
    max_emails = models.PositiveBigIntegerField(_("emails at most"), null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Address(models.Model):
    """A local part of a domain, in lowercase and NFC, and the account whose own it is, or None for an alias."""

    domain = models.ForeignKey(Domain, models.PROTECT, related_name="addresses", verbose_name=_("domain"))
    local_part = models.CharField(_("local part"), max_length=64, blank=True)
    account = models.ForeignKey(
        Account, models.CASCADE, null=True, blank=True, related_name="addresses", verbose_name=_("account")
    )
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


class Alias(Address):
    """An address that is no account's own, for pages that show those alone."""

    class Meta:
        proxy = True
        verbose_name = _("alias")
        verbose_name_plural = _("aliases and groups")


class AddressTarget(models.Model):
    """One of the addresses that mail for an alias goes to, of this site or of another, in the form of
    ``str(Address)``.
    """

    address = models.ForeignKey(Address, models.CASCADE, related_name="targets", db_index=False)
    target = models.CharField(_("goes to"), max_length=320)

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        constraints = [models.UniqueConstraint(fields=["address", "target"], name="jmap_mail_target_once")]

    def __str__(self) -> str:
        return self.target
