"""What an alias of ours sends on to other sites.

Rules kept here: an alias has no account, and whatever is queued belongs to one: each domain has an account of nobody's,
in whose name its aliases forward.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.models import Account
from mail.models import Domain


class ForwardingAccount(models.Model):
    """The account in whose name mail for aliases of a domain is sent on; it has no user and no mailboxes."""

    account = models.OneToOneField(Account, models.PROTECT, related_name="+", verbose_name=_("account"))
    domain = models.OneToOneField(Domain, models.CASCADE, related_name="+", verbose_name=_("domain"))

    def __str__(self) -> str:
        return str(self.domain)


class Forwarded(models.Model):
    """A message that an alias of ours sent on: taken once, however often it is offered; ``key`` is its name."""

    key = models.BinaryField(max_length=32, unique=True)
    alias = models.CharField(max_length=320)
    message_key = models.BigIntegerField()
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["alias", "at"], name="jmap_sub_forwarded_alias"),
            models.Index(fields=["at"], name="jmap_sub_forwarded_at"),
        ]

    def __str__(self) -> str:
        return self.alias
