"""How much is sent, how much may be, and what looks wrong.

Rules kept here:
- what is sent is counted in slices of five minutes, so that an hour and a day roll and nobody gets twice the limit
  around the turn of one;
- counts are kept apart from the queue, whose rows go; they are purged after some days.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from jmap.models import Account
from mail.models import Domain


class SendingLimit(models.Model):
    """What an account, or all accounts of a domain together, may send; None for no limit.

    Without account and domain it is what every account may send that has no limit of its own. ``is_suspended``: nothing
    may be sent, everything else goes on.
    """

    account = models.OneToOneField(
        Account, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("account")
    )
    domain = models.OneToOneField(
        Domain, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("domain")
    )
    messages_per_hour = models.PositiveIntegerField(_("messages an hour"), null=True, blank=True)
    messages_per_day = models.PositiveIntegerField(_("messages a day"), null=True, blank=True)
    recipients_per_hour = models.PositiveIntegerField(_("recipients an hour"), null=True, blank=True)
    recipients_per_day = models.PositiveIntegerField(_("recipients a day"), null=True, blank=True)
    is_suspended = models.BooleanField(_("sending is suspended"), default=False)
    reason = models.CharField(_("reason, told to the user"), max_length=255, blank=True)

    class Meta:
        verbose_name = _("sending limit")
        verbose_name_plural = _("sending limits")
        constraints = [
            models.CheckConstraint(
                condition=Q(account__isnull=True) | Q(domain__isnull=True), name="jmap_sub_limit_of_one"
            ),
            models.UniqueConstraint(
                models.Value(1),
                condition=Q(account__isnull=True, domain__isnull=True),
                name="jmap_sub_limit_one_default",
            ),
        ]

    def __str__(self) -> str:
        return str(self.account or self.domain or _("every account"))


class AccountFlow(models.Model):
    """What an account sent in the five minutes from ``at`` on, and what became of recipients in that time."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField(db_index=True)
    messages = models.PositiveIntegerField(default=0)
    recipients = models.PositiveIntegerField(default=0)
    sent = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    complaints = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "at"], name="jmap_sub_account_flow_once")]

    def __str__(self) -> str:
        return f"{self.account_id} {self.at:%Y-%m-%d %H:%M}"


class DomainFlow(models.Model):
    """What the accounts of a domain that has a limit sent in the five minutes from ``at`` on."""

    domain = models.ForeignKey(Domain, models.CASCADE, related_name="+", db_index=False)
    at = models.DateTimeField(db_index=True)
    messages = models.PositiveIntegerField(default=0)
    recipients = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["domain", "at"], name="jmap_sub_domain_flow_once")]

    def __str__(self) -> str:
        return f"{self.domain_id} {self.at:%Y-%m-%d %H:%M}"


class QueueFlow(models.Model):
    """What became of recipients in an hour, over all accounts: what the charts show.

    ``doubtful``: attempts that ended between the end of the data and its reply, after which a message may come twice.
    """

    at = models.DateTimeField(_("hour"), unique=True)
    sent = models.PositiveIntegerField(_("sent"), default=0)
    deferred = models.PositiveIntegerField(_("deferred"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    doubtful = models.PositiveIntegerField(_("in doubt"), default=0)

    class Meta:
        verbose_name = _("flow of the queue")
        verbose_name_plural = _("flow of the queue")

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:00}"


class SendingAlarm(models.Model):
    """Something about an account's sending that a person should look at."""

    class Kind(models.TextChoices):
        """What is unusual."""

        SPIKE = "spike", _("sends far more than usual")
        BOUNCES = "bounces", _("much of what it sends comes back")
        COMPLAINTS = "complaints", _("recipients complain")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", verbose_name=_("account"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    measured = models.PositiveIntegerField(_("measured"))
    usual = models.PositiveIntegerField(_("bound"))
    raised_at = models.DateTimeField(_("raised"))
    settled_at = models.DateTimeField(_("settled"), null=True)

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        constraints = [
            models.UniqueConstraint(
                F("account"), F("kind"), condition=Q(settled_at__isnull=True), name="jmap_sub_alarm_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.get_kind_display()}"
