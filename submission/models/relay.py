"""Where mail leaves: smarthosts, and how the way to each of them is.

Rules kept here: a password is stored sealed (``submission.secrets``); the state of a route is a row of its own, so that
a worker that finds a server dead tells all the others.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mail.models import Domain


class Security(models.TextChoices):
    """How a connection is encrypted; the server's certificate is verified in either case."""

    STARTTLS = "starttls", _("STARTTLS")
    TLS = "tls", _("TLS from the beginning")
    NONE = "none", _("not encrypted")


class Smarthost(models.Model):
    """A server that takes mail for everywhere: of one sending domain, or the site's own where ``domain`` is None.

    ``authorities``: PEM certificates that its certificate is verified against, "" for those of the system.
    ``max_connections``: how many sessions all workers together have with it.
    ``signs_return_path``: whether a message gets a return path that names it, so that a bounce is known for sure.
    """

    domain = models.OneToOneField(
        Domain, models.CASCADE, null=True, blank=True, related_name="smarthost", verbose_name=_("domain of the sender")
    )
    host = models.CharField(_("host"), max_length=253)
    port = models.PositiveIntegerField(_("port"), default=587)
    security = models.CharField(_("encryption"), max_length=8, choices=Security.choices, default=Security.STARTTLS)
    authorities = models.TextField(_("trusted certificates"), blank=True)
    username = models.CharField(_("user name"), max_length=255, blank=True)
    sealed_password = models.TextField(blank=True, editable=False)
    max_connections = models.PositiveIntegerField(_("connections at most"), default=4)
    signs_return_path = models.BooleanField(_("return path of its own for each message"), default=True)

    class Meta:
        verbose_name = _("smarthost")
        verbose_name_plural = _("smarthosts")
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(domain__isnull=True), name="jmap_sub_smarthost_one_default"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class RouteState(models.Model):
    """How the way to a server is; ``route`` is its host and port.

    ``failures``: connections that failed since the last that did not; until ``retry_at`` nobody tries again.
    """

    route = models.CharField(_("server"), max_length=300, unique=True)
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    retry_at = models.DateTimeField(_("next attempt"), null=True)
    reason = models.CharField(_("reason"), max_length=1000, blank=True)
    failed_at = models.DateTimeField(_("last failure"), null=True)
    succeeded_at = models.DateTimeField(_("last success"), null=True)

    class Meta:
        verbose_name = _("state of a route")
        verbose_name_plural = _("state of the routes")

    def __str__(self) -> str:
        return self.route
