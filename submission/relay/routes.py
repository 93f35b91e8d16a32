"""Where mail leaves: by the smarthost of the sender's domain, by the site's, or by the ``EMAIL_*`` settings.

Rules kept here: recipients in a domain of this site never leave; a domain without a way out is no error of the message,
so its mail waits, and everybody is told why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register
from django.db import Error as AnyDatabaseError

from mail.models import Domain
from submission import secrets
from submission.conf import submission_options
from submission.models import Security, Smarthost
from submission.relay.hostname import hostname
from submission.smtp.client import Server, Timeouts

_SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


@dataclass(frozen=True, slots=True)
class Route:
    """A way out. ``name``: host and port, under which the state of the route is kept."""

    name: str
    server: Server
    max_connections: int
    signs_return_path: bool


def local_domains(domains: Iterable[str]) -> set[str]:
    """Those of the domains (A-labels) that this site receives mail for."""
    return set(Domain.objects.filter(name__in=set(domains), is_active=True).values_list("name", flat=True))


def routes(sender_domains: Iterable[str]) -> dict[str, Route | None]:
    """The way out for mail of each of these domains; None where there is none. Raises SealBroken."""
    wanted = set(sender_domains)
    found = {
        row.domain.name if row.domain is not None else "": row
        for row in Smarthost.objects.select_related("domain")
        if row.domain is None or row.domain.name in wanted
    }
    site = _of_row(found[""]) if "" in found else of_settings()
    return {name: _of_row(found[name]) if name in found else site for name in wanted}


def _of_row(row: Smarthost) -> Route:
    server = Server(
        row.host,
        row.port,
        row.security,
        row.authorities,
        row.username,
        secrets.unseal(row.sealed_password) if row.sealed_password else "",
        hostname(),
        timeouts(),
    )
    return Route(str(row), server, row.max_connections, row.signs_return_path)


def of_settings() -> Route | None:
    """The route that Django's own settings for mail describe, where a site has given them."""
    # Django's default names this machine, which says nothing of what the site wants.
    is_given = settings.is_overridden("EMAIL_HOST")  # type: ignore[misc]
    if not is_given or not settings.EMAIL_HOST or settings.EMAIL_BACKEND != _SMTP_BACKEND:
        return None
    security = Security.TLS if settings.EMAIL_USE_SSL else Security.STARTTLS
    if not settings.EMAIL_USE_SSL and not settings.EMAIL_USE_TLS:
        security = Security.NONE
    server = Server(
        settings.EMAIL_HOST,
        int(settings.EMAIL_PORT),
        security.value,
        "",
        settings.EMAIL_HOST_USER,
        settings.EMAIL_HOST_PASSWORD,
        hostname(),
        timeouts(),
    )
    return Route(f"{server.host}:{server.port}", server, 4, submission_options().signed_return_paths)


def timeouts() -> Timeouts:
    """How long a server may take, as the options say."""
    reply = float(submission_options().smtp_timeout)
    return Timeouts(connect=min(30.0, reply), command=reply, block=min(180.0, reply), end_of_data=reply * 2)


@register(deploy=True)
def there_is_a_way_out(**kwargs: object) -> list[CheckMessage]:
    """System check (``check --deploy``): mail for other sites has to leave somewhere."""
    try:
        if of_settings() is not None or Smarthost.objects.filter(domain=None).exists():
            return []
    except AnyDatabaseError:
        return []
    said = "No smarthost is configured: mail for other sites waits in the queue."
    hint = "Make one in the admin, or set EMAIL_HOST and its like."
    return [Warning(said, hint=hint, id="jmap_submission.W001")]
