"""Delivery of Web Push from rows: who is due, what they are told, and what becomes of it (RFC 8620 §7.2, RFC 8030).

Rules kept here:
- a row is worked on under a lease, so any number of workers may run and one that dies holds nothing up;
- what is told is the difference between ``told`` and the accounts as they are when it is sent, so changes coalesce
  while a device, or its push service, is away;
- credentials are looked at before each message; those that no longer hold take the subscription with them;
- a push service that has enough (429) gets fewer messages from then on, and is left alone for as long as it asks.

What is due is marked by ``push.marker``; a sweep finds what was not.
"""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from django.db.models import Q
from django.utils import timezone

from jmap.auth.verify import Refused, by_login
from jmap.ids import encode
from jmap.store import format_state
from push import sql
from push.models import PushSubscription
from push.position import Position, from_text, to_text
from push.secrets import Unreadable
from push.visitor import account_keys
from push.webpush import encryption, guard, post, vapid
from push.webpush.target import Target

log = logging.getLogger("jmap.push")

LEASE = timedelta(minutes=3)
SENDERS = 16
SWEEP_EVERY = 60.0
SOON = 2.0

FIRST_PAUSE, LONGEST_PAUSE = 10, 3_600
"""Seconds until an attempt that failed is made again: doubled each time."""
MAX_REFUSALS = 5
"""How often a push service may refuse a message for good before the subscription goes."""
MAX_ASKED = timedelta(days=1)
"""How long a device has to confirm."""
ROOM = 3_500
"""Octets of a StateChange; those of more accounts than fit go in several messages."""

TTL = {"state": 7 * 86_400, "verification": 86_400}
"""Seconds that a push service keeps a message for a device that is away (RFC 8030 §5.2)."""

_swept: list[float] = []


@dataclass(slots=True)
class Message:
    """What one subscription is sent: bodies in order, and how far it has been told once it has them."""

    row: PushSubscription
    target: Target
    kind: str
    urgency: str
    bodies: list[bytes]
    authorization: str = ""
    position: Position = field(default_factory=dict)


def run() -> int:
    """Send what is due; how many subscriptions were worked on. The database is this thread's business alone."""
    if not _swept or time.monotonic() - _swept[0] >= SWEEP_EVERY:
        _swept[:] = [time.monotonic()]
        sweep()
    worked_on = 0
    under_way: dict[Future[post.Answer], Message] = {}
    with ThreadPoolExecutor(SENDERS, "jmap-webpush") as senders:
        while True:
            batch = claim(most=SENDERS - len(under_way))
            worked_on += len(batch)
            for row in batch:
                message = _prepared(row)
                if message is not None:
                    under_way[senders.submit(_send, message)] = message
            if under_way:
                # A slow push service holds up nobody else: whoever is done makes room.
                done, _others = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    _settle(under_way.pop(future), future)
            elif not batch and not _wait_for_the_next():
                return worked_on


def _wait_for_the_next() -> bool:
    """Wait for what is due very soon, since a worker looks again only after a while; whether there is any."""
    soon = timezone.now() + timedelta(seconds=SOON)
    waiting = PushSubscription.objects.filter(changed_at__isnull=False, leased_until=None, due_at__lte=soon)
    due_at = waiting.order_by("due_at").values_list("due_at", flat=True).first()
    if due_at is None:
        return False
    time.sleep(max(0.0, (due_at - timezone.now()).total_seconds()))
    return True


def claim(most: int = SENDERS) -> list[PushSubscription]:
    """Take a lease on some that are due."""
    moment = timezone.now()
    lease = secrets.token_hex(8)
    is_free = Q(leased_until=None) | Q(leased_until__lte=moment)
    # One whose worker died has a lease that is over, and what it wanted to tell is not told.
    has_work = Q(changed_at__isnull=False) | Q(leased_until__lte=moment)
    due = PushSubscription.objects.filter(is_free, has_work, due_at__lte=moment)
    keys = list(due.order_by("due_at").values_list("pk", flat=True)[:most])
    taken = PushSubscription.objects.filter(is_free, has_work, pk__in=keys)
    if not keys or not taken.update(lease=lease, leased_until=moment + LEASE, changed_at=None):
        return []
    return list(PushSubscription.objects.filter(lease=lease).select_related("vapid_key"))


def sweep() -> int:
    """Mark those whose accounts are not where they were told, and remove what is over; how many were marked."""
    remove_over()
    marked = last = 0
    while True:
        page = PushSubscription.objects.filter(pk__gt=last, changed_at=None, leased_until=None, asked_at=None)
        rows = list(page.order_by("pk").values_list("pk", "user_id", "told")[:500])
        if not rows:
            return marked
        last = rows[-1][0]
        accounts = sql.accounts_of({user_key for _key, user_key, _told in rows})
        behind = [key for key, user_key, told in rows if _is_behind(from_text(told), accounts.get(user_key, {}))]
        now = timezone.now()
        marked += PushSubscription.objects.filter(pk__in=behind, changed_at=None).update(changed_at=now)


def remove_over() -> int:
    """Remove subscriptions that expired or were never confirmed."""
    now = timezone.now()
    unconfirmed = Q(verified_at=None, created_at__lte=now - MAX_ASKED)
    return PushSubscription.objects.filter(Q(expires_at__lte=now) | unconfirmed).delete()[0]


def _is_behind(told: Position, marks: Position) -> bool:
    return any(told.get(key, (0, -1)) < mark for key, mark in marks.items())


# ---------------------------------------------------------------------------------------------------------- one of them


def _prepared(row: PushSubscription) -> Message | None:
    """What a subscription is to be sent now; None where it was dealt with without."""
    accounts = _accounts(row)
    if accounts is None or row.expires_at <= timezone.now():
        _remove(row, "its credentials are gone, or it expired")
        return None
    try:
        target = Target.unsealed(row.target)
        message = _verification(row, target) if row.verified_at is None else _state_change(row, target, accounts)
        if not message.bodies:
            _release(row, told=to_text(message.position) if message.position else row.told)
            return None
        message.authorization = vapid.authorization(row.vapid_key, target.url)
        return message
    except Unreadable:
        _remove(row, "it was sealed under another secret key")
        return None


def _accounts(row: PushSubscription) -> frozenset[int] | None:
    """The accounts that its credentials may read now, None where they no longer hold."""
    verified = by_login(row.user_id, row.login)
    try:
        return None if verified is None else account_keys(verified.current_principal())
    except Refused:
        return None


def _verification(row: PushSubscription, target: Target) -> Message:
    """The verification, which a push service takes once (RFC 8620 §7.2.2)."""
    if row.asked_at is not None:
        return Message(row, target, "verification", "high", [])
    body = orjson.dumps({"@type": "PushVerification", "pushSubscriptionId": row.wire_id, "verificationCode": row.code})
    return Message(row, target, "verification", "high", [body])


def _state_change(row: PushSubscription, target: Target, accounts: Iterable[int]) -> Message:
    """A StateChange for what changed since the last one (RFC 8620 §7.1)."""
    states = sql.states_of(accounts)
    position = {key: (epoch, modseq) for key, (epoch, modseq, _types) in states.items()}
    changed = changes(from_text(row.told), states, row.types)
    is_mail = any("EmailDelivery" in types for types in changed.values())
    bodies = [orjson.dumps({"@type": "StateChange", "changed": part}) for part in parts(changed)]
    return Message(row, target, "state", "high" if is_mail else "normal", bodies, position=position)


def changes(
    told: Position, states: dict[int, tuple[int, int, dict[str, int]]], types: Sequence[str] | None
) -> dict[str, dict[str, str]]:
    """The ``changed`` of a StateChange: what is newer than was told, of the types asked for."""
    changed: dict[str, dict[str, str]] = {}
    for key, (epoch, _modseq, modseqs) in sorted(states.items()):
        known_epoch, known = told.get(key, (0, -1))
        since = known if known_epoch == epoch else -1
        of_account = {
            name: format_state(epoch, modseq)
            for name, modseq in sorted(modseqs.items())
            if modseq > since and (types is None or name in types)
        }
        if of_account:
            changed[encode("u", key)] = of_account
    return changed


def parts(changed: dict[str, dict[str, str]]) -> list[dict[str, dict[str, str]]]:
    """The changes in as many messages as they need room."""
    found: list[dict[str, dict[str, str]]] = []
    room = 0
    for account_id, types in changed.items():
        size = len(account_id) + 6 + sum(len(name) + len(state) + 6 for name, state in types.items())
        if size > room:
            found.append({})
            room = ROOM
        found[-1][account_id] = types
        room -= size
    return found


def _send(message: Message) -> post.Answer:
    """Send the bodies, until one is not taken; in a thread without the database. Raises guard.Forbidden."""
    target, answer = message.target, post.Answer(0)
    headers = {
        "Content-Type": "application/json",
        "TTL": str(TTL[message.kind]),
        "Urgency": message.urgency,
        "Authorization": message.authorization,
    }
    if target.p256dh is not None:
        headers["Content-Encoding"] = "aes128gcm"
    for body in message.bodies:
        if target.p256dh is not None and target.auth is not None:
            body = encryption.encrypt(body, target.p256dh, target.auth)
        answer = post.post(target.url, headers, body)
        if not answer.is_good:
            break
    return answer


def _settle(message: Message, future: Future[post.Answer]) -> None:
    """Write down what became of a message."""
    row = message.row
    try:
        answer = future.result()
    except guard.Forbidden as error:
        _remove(row, f"its address {error}")
        return
    except Exception as error:
        log.error("push subscription %d failed: %s", row.pk, type(error).__name__)
        answer = post.Answer(0)
    if not answer.is_good:
        _failed(row, answer)
    elif message.kind == "verification":
        _release(row, asked_at=timezone.now(), failures=0)
    else:
        due_at = timezone.now() + timedelta(seconds=row.gap)
        gap = max(1, row.gap - row.gap // 8)
        _release(row, told=to_text(message.position), failures=0, gap=gap, due_at=due_at)


def _failed(row: PushSubscription, answer: post.Answer) -> None:
    """Try again later, or never (RFC 8030 §7.3, §8.4)."""
    failures = row.failures + 1
    is_refused = 400 <= answer.status < 500 and answer.status not in {408, 425, 429}
    if answer.status in {404, 410} or (is_refused and failures >= MAX_REFUSALS):
        _remove(row, f"the push service said {answer.status}")
        return
    pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 12), LONGEST_PAUSE) * random.uniform(0.8, 1.2)
    pause = max(pause, min(answer.retry_after, 86_400))
    log.info("push subscription %d: %d from %s; again in %d s", row.pk, answer.status, row.host, pause)
    now = timezone.now()
    gap = min(max(row.gap * 2, FIRST_PAUSE), LONGEST_PAUSE) if answer.status == 429 else row.gap
    _release(row, failures=failures, gap=gap, changed_at=now, due_at=now + timedelta(seconds=pause))


def _remove(row: PushSubscription, why: str) -> None:
    log.info("push subscription %d of %s is removed: %s", row.pk, row.host, why)
    PushSubscription.objects.filter(pk=row.pk).delete()


def _release(row: PushSubscription, **fields: Any) -> None:
    """Give the lease back; what was marked meanwhile stays marked."""
    PushSubscription.objects.filter(pk=row.pk, lease=row.lease).update(lease="", leased_until=None, **fields)
