"""Push subscriptions: who may have how many, for how long, and how one is confirmed (RFC 8620 §7.2).

Rules kept here:
- only the credentials that made one see it, and it goes when they do: its row is deleted, and address and keys with it;
- nothing but the verification is sent before it is confirmed, and whoever guesses at codes has no chance;
- how many there are, and how often one is made, is bounded for each user.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from jmap import work
from jmap.limits import Rate, limit_store
from jmap.models import Credential
from push import sql
from push.conf import push_options
from push.models import PushSubscription
from push.position import to_text
from push.webpush import guard, vapid
from push.webpush.target import Target

QUEUE = "push"
"""The queue's name for ``jmap.work``."""

HOUR = 3_600


class TooMany(Exception):
    """The user has as many as there may be."""


class TooOften(Exception):
    """The user makes them faster than is allowed."""


class WrongCode(Exception):
    """It is not the code that was sent to the device."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The credentials that see a subscription."""

    user_key: Any
    login: str

    def all(self) -> QuerySet[PushSubscription]:
        """Their subscriptions that have not expired."""
        mine = PushSubscription.objects.filter(user_id=self.user_key, login=self.login)
        return mine.filter(expires_at__gt=timezone.now()).order_by("pk")


def create(
    owner: Owner,
    accounts: Sequence[int],
    device: str,
    target: Target,
    expires_at: datetime | None,
    types: list[str] | None,
) -> PushSubscription:
    """Make one, and have the verification sent. Raises TooMany, TooOften, guard.Forbidden, OSError."""
    options, now = push_options(), timezone.now()
    host, port, _path = guard.split(target.url)
    rate = Rate(options.subscriptions_an_hour, HOUR)
    if not limit_store().take(f"push subscriptions {owner.user_key}", rate).allowed:
        raise TooOften
    guard.resolve(host, port)
    key = vapid.current_key()
    with transaction.atomic():
        user_s = PushSubscription.objects.filter(user_id=owner.user_key)
        user_s.filter(expires_at__lte=now).delete()
        if user_s.count() >= options.max_subscriptions:
            raise TooMany
        work.wake(QUEUE)
        return PushSubscription.objects.create(
            user_id=owner.user_key,
            login=owner.login,
            device=device,
            host=host,
            target=target.sealed(),
            vapid_key=key,
            types=types,
            expires_at=bounded(owner.login, expires_at),
            code=secrets.token_urlsafe(24),
            told=to_text(sql.marks_of(accounts)),
            changed_at=now,
            due_at=now,
        )


def bounded(login: str, wanted: datetime | None) -> datetime:
    """When a subscription expires: with its credentials where these have an end, and otherwise before long."""
    kind, _, key = login.partition(" ")
    ends_at = (
        Credential.objects.filter(pk=int(key)).values_list("expires_at", flat=True).first()
        if kind == "credential"
        else None
    )
    latest = ends_at or timezone.now() + timedelta(days=push_options().subscription_days)
    return latest if wanted is None else min(wanted, latest)


def confirm(subscription: PushSubscription, code: str) -> None:
    """Begin to push, since the device got the code. Raises WrongCode."""
    if not hmac.compare_digest(code.encode(), subscription.code.encode()):
        raise WrongCode
    if subscription.verified_at is None:
        _update(subscription, verified_at=timezone.now(), asked_at=None, failures=0)


def prolong(subscription: PushSubscription, wanted: datetime | None) -> datetime:
    """Let it expire at another time; the time that it came to."""
    expires_at = bounded(subscription.login, wanted)
    _update(subscription, expires_at=expires_at)
    return expires_at


def choose(subscription: PushSubscription, types: list[str] | None) -> None:
    """Push changes of other types than before."""
    _update(subscription, types=types)


def destroy(subscription: PushSubscription) -> None:
    """Push no more; address and keys go with the row."""
    PushSubscription.objects.filter(pk=subscription.pk).delete()


def _update(subscription: PushSubscription, **fields: Any) -> None:
    now = timezone.now()
    PushSubscription.objects.filter(pk=subscription.pk).update(changed_at=now, due_at=now, **fields)
    for name, value in fields.items():
        setattr(subscription, name, value)
    work.wake(QUEUE)
