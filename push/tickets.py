"""Tickets: what pages of a browser open streams with, which can send no Authorization header there.

Rules kept here:
- a ticket opens a stream and nothing else, is stored hashed, and dies with the credentials that it was asked with;
- one for an event source serves one stream at a time: the newest has it, which is a page that reconnects; after its
  stream ended it is good for some minutes more, since a browser reconnects to the same URL by itself;
- one for a WebSocket is used up when it is used;
- none lives longer than a day, however often its stream is opened again.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models.functions import Least
from django.utils import timezone

from jmap import access
from jmap.auth.verify import Refused, Verified, by_login
from jmap.models.credential import digest
from push.models import Ticket

Kind = Ticket.Kind

UNUSED = timedelta(minutes=2)
"""How long a ticket waits for its first use."""
AFTERWARDS = timedelta(minutes=5)
"""How long one is good after its stream was last seen open."""
LIFETIME = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket while its stream is open."""

    key: int
    holder: str

    def renew(self) -> None:
        """Keep it good. Raises Refused where another stream has it now, or its day is over."""
        now = timezone.now()
        held = Ticket.objects.filter(pk=self.key, holder=self.holder, ends_at__gt=now)
        if not held.update(good_until=Least("ends_at", now + AFTERWARDS)):
            raise Refused


def issue(user_key: Any, login: str, kind: str) -> tuple[str, datetime]:
    """A new ticket, known only now, and until when it has to be used."""
    now = timezone.now()
    Ticket.objects.filter(user_id=user_key, good_until__lte=now).delete()
    secret = secrets.token_urlsafe(24)
    Ticket.objects.create(
        user_id=user_key,
        kind=kind,
        secret_digest=digest(secret),
        login=login,
        good_until=now + UNUSED,
        ends_at=now + LIFETIME,
    )
    return secret, now + UNUSED


def redeem(secret: str, kind: str) -> tuple[Verified, Held | None]:
    """Who the ticket speaks for, and the hold that its stream keeps on it. Raises Refused."""
    now = timezone.now()
    ticket = Ticket.objects.filter(secret_digest=digest(secret), kind=kind, good_until__gt=now).first()
    verified = None if ticket is None else by_login(ticket.user_id, ticket.login)
    if ticket is None or verified is None:
        raise Refused
    if kind == Kind.WEB_SOCKET:
        if not Ticket.objects.filter(pk=ticket.pk).delete()[0]:
            raise Refused
        return verified, None
    held = Held(ticket.pk, secrets.token_hex(8))
    mine = Ticket.objects.filter(pk=ticket.pk, good_until__gt=now)
    if not mine.update(holder=held.holder, good_until=Least("ends_at", now + AFTERWARDS)):
        raise Refused
    if ticket.holder:
        access.changed(user_keys=[ticket.user_id])
    return verified, held


def forget_old() -> None:
    """A chore: remove what is good no more."""
    Ticket.objects.filter(good_until__lte=timezone.now()).delete()
