"""Quota: what an account holds and may hold (RFC 9425)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account
from mail.models.address import Domain


class Quota(models.Model):
    """How much mail an account holds, and may hold.

    ``octets``: the sizes of its emails added up, ``emails``: their number; both are written by
    ``mail.services.quotas`` alone, in the transaction that adds or removes an email. ``max_octets`` and ``max_emails``:
    None for no limit. ``domain``: the one of the primary address, in which the account counts too. ``modseq`` and
    ``limits_modseq``: of the last change of anything, and of a limit.
    """

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="quota")
    domain = models.ForeignKey(Domain, models.SET_NULL, null=True, related_name="+")
    octets = models.PositiveBigIntegerField(_("octets"), default=0)
    emails = models.PositiveBigIntegerField(_("emails"), default=0)
    max_octets = models.PositiveBigIntegerField(_("octets at most"), null=True, blank=True)
    max_emails = models.PositiveBigIntegerField(_("emails at most"), null=True, blank=True)
    modseq = models.PositiveBigIntegerField(default=0)
    limits_modseq = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")

    def __str__(self) -> str:
        return f"{self.account_id}: {self.emails} emails, {self.octets} octets"
