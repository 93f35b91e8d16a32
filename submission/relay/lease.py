"""Leases: whose a recipient is while it is being sent, and what becomes of it when its worker is gone.

Rules kept here:
- a lease is renewed while its holder lives; who could not renew it stops before it hands anything over;
- a lease has run out when it was not renewed for its length by the clock of the process that watches it, which nobody
  can set: a jump of the wall clock neither frees what is being sent nor keeps what is lost;
- what ran out goes back into the queue ``in_doubt``: it may have been handed over.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import Error as AnyDatabaseError
from django.db import connection
from django.db.models import F, Max, Q, QuerySet
from django.utils import timezone

from submission import sql
from submission.conf import submission_options
from submission.models import QueuedRecipient, Status
from submission.relay.patience import LONGEST

log = logging.getLogger("submission.relay")

BATCH = 50
"""Recipients claimed at once: few, since what is claimed waits for what is before it."""


class LeaseLost(Exception):
    """Somebody else may be sending what was claimed."""


class Lease:
    """A claim on recipients, kept alive by ``tick``."""

    def __init__(self) -> None:
        self.token = uuid.uuid4()
        self._length = float(submission_options().lease)
        self._renewed = time.monotonic()

    def claim(self, most: int = BATCH) -> dict[int, list[int]]:
        """Claim what is due: recipients by message."""
        now = timezone.now()
        self._renewed = time.monotonic()
        claimed: dict[int, list[int]] = {}
        for recipient, message in sql.claim(self.token, self._until(now), now, most):
            claimed.setdefault(message, []).append(recipient)
        return claimed

    @property
    def is_alive(self) -> bool:
        """Whether nobody can have taken it over."""
        return time.monotonic() - self._renewed < self._length

    def tick(self) -> None:
        """Renew the lease if a third of it is over. Raises LeaseLost."""
        since = time.monotonic() - self._renewed
        if since < self._length / 3:
            return
        try:
            mine = QueuedRecipient.objects.filter(lease=self.token, status=Status.SENDING)
            renewed = mine.update(lease_until=self._until(timezone.now()))
        except AnyDatabaseError as error:
            log.warning("a lease could not be renewed: %s", type(error).__name__)
            connection.close()
            if since >= self._length * 0.8:
                raise LeaseLost from None
            return
        if not renewed:
            raise LeaseLost
        self._renewed = time.monotonic()

    def give_back(self, recipient_keys: Iterable[int], at: datetime, *, is_attempt: bool = False) -> int:
        """Return recipients to the queue unsent, to be tried at a time; says how many were still ours."""
        mine = QueuedRecipient.objects.filter(pk__in=list(recipient_keys), lease=self.token, status=Status.SENDING)
        return mine.update(
            status=Status.WAITING,
            lease=None,
            lease_until=None,
            next_attempt_at=at,
            attempts=F("attempts") + int(is_attempt),
        )

    def _until(self, now: datetime) -> datetime:
        # Rounded to what every database keeps, so that a watcher compares equal what is equal.
        return now + timedelta(seconds=self._length)


class Watch:
    """What this process has seen of other workers' leases; one for the process."""

    def __init__(self) -> None:
        self._seen: dict[UUID, tuple[datetime, float]] = {}
        self._lock = threading.Lock()

    def sweep(self) -> int:
        """Free what is held by a lease that has not been renewed for its length; how many recipients were freed."""
        with self._lock:
            rows: Sequence[tuple[UUID, datetime]] = list(
                QueuedRecipient.objects.filter(status=Status.SENDING)
                .values_list("lease")
                .annotate(until=Max("lease_until"))
            )
            now, length = time.monotonic(), submission_options().lease
            seen = {}
            for token, until in rows:
                known = self._seen.get(token)
                seen[token] = known if known is not None and known[0] == until else (until, now)
            self._seen = seen
            stale = [(token, until) for token, (until, since) in seen.items() if now - since >= length]
        return sum(_free(token, until) for token, until in stale)


def free_expired(now: datetime | None = None) -> int:
    """Free what is held by leases that ran out by the wall clock, twice their length ago: for a process that does not
    live long enough to watch."""
    before = (now or timezone.now()) - timedelta(seconds=submission_options().lease)
    return _back(QueuedRecipient.objects.filter(status=Status.SENDING, lease_until__lt=before))


def mend_clock(now: datetime | None = None) -> int:
    """Make due what waits longer than anything should, since the clock was set back; how many recipients."""
    moment = now or timezone.now()
    late = QueuedRecipient.objects.filter(status=Status.WAITING, next_attempt_at__gt=moment + LONGEST)
    return late.filter(Q(message__release_at=None) | Q(message__release_at__lte=moment)).update(next_attempt_at=moment)


def _free(token: UUID, until: datetime) -> int:
    freed = _back(QueuedRecipient.objects.filter(status=Status.SENDING, lease=token, lease_until=until))
    if freed:
        log.warning("%d recipients of a worker that is gone are tried again; they may get a message twice", freed)
    return freed


def _back(rows: QuerySet[Any]) -> int:
    return rows.update(
        status=Status.WAITING, lease=None, lease_until=None, in_doubt=True, next_attempt_at=timezone.now()
    )
