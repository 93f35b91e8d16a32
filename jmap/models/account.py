"""Account: the unit of state, of locking and of sharing (RFC 8620 §1.6.2).

Rules kept here:
- the account row is the lock of everything that it holds, and carries the last modseq given out;
- an account outlives its Django user: deleting the user marks the account destroyed and purging it is a task;
- sharing is of a whole account.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from jmap.ids import encode


class Account(models.Model):
    """A collection of data under one owner (RFC 8620 §1.6.2).

    ``epoch`` changes when a backup is restored, so that no state from a lost future is believed. ``modseq`` is the last
    one given out.
    """

    name = models.CharField(_("name"), max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="jmap_accounts",
        verbose_name=_("owner"),
    )
    epoch = models.PositiveBigIntegerField(_("epoch"), default=1, editable=False)
    modseq = models.PositiveBigIntegerField(_("modseq"), default=0, editable=False)
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    destroyed_at = models.DateTimeField(_("destroyed"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")

    def __str__(self) -> str:
        return self.name

    @property
    def wire_id(self) -> str:
        """The account id as clients see it."""
        return encode("u", self.pk)


class AccountAccess(models.Model):
    """A user who may enter an account that is not their own (RFC 8620 §1.6.2)."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="access", verbose_name=_("account"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="jmap_access", verbose_name=_("user")
    )
    is_read_only = models.BooleanField(_("read only"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("account access")
        verbose_name_plural = _("account access")
        constraints = [models.UniqueConstraint(fields=["account", "user"], name="jmap_core_access_once")]

    def __str__(self) -> str:
        return f"{self.user} → {self.account}"


class TypeState(models.Model):
    """The modseq of the last change to one type in one account: what ``state`` is made of (RFC 8620 §5.1).

    Changes after ``history_modseq`` are remembered; of older ones the tombstones are purged.
    """

    pk = models.CompositePrimaryKey("account_id", "type")
    account = models.ForeignKey(Account, models.CASCADE, related_name="states")
    type = models.CharField(max_length=64)
    modseq = models.PositiveBigIntegerField()
    history_modseq = models.PositiveBigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.type} {self.modseq}"
