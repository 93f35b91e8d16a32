"""A worker: claims what is due, sends it message by message, and writes down what came of it.

Rules kept here:
- it is a plain function over rows, run by a thread of the server, by Celery, or by ``manage.py run_queue``, as many at
  a time as are wanted;
- what it claimed and cannot send now it gives back at once, with one statement for all;
- who finds more than it can take wakes another;
- a message that breaks the worker is put off and hinders no other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from django.utils import timezone

from jmap import work
from submission.dkim.sign import Signer
from submission.models import QueuedMessage, QueuedRecipient
from submission.relay import lease as leases
from submission.relay import patience, routes, transmit
from submission.relay.lease import Lease, LeaseLost, Watch
from submission.relay.letter import Letter
from submission.relay.notices import is_late
from submission.relay.record import record
from submission.relay.sessions import RouteClosed, Sessions
from submission.relay.transmit import Parcel
from submission.secrets import SealBroken
from submission.services import dkim_keys, flow, limits
from submission.services.outbox import QUEUE, Outcome, Result
from submission.smtp.replies import Reply

log = logging.getLogger("submission.relay")

SWEEP, WATCH = 10.0, 300.0
"""Seconds between two looks at what workers that are gone left behind, and at what accounts send."""
RUN = 60.0
"""Seconds after which a run makes place for another, so that a task of a worker that is to end does end."""

_watch = Watch()


def run() -> int:
    """Send what is due, until nothing is or RUN is over; how many messages were dealt with."""
    _sweep.when_due()
    _alarms.when_due()
    sessions = Sessions()
    try:
        return Worker(sessions).run()
    finally:
        sessions.close_idle(0.0)


def sweep() -> int:
    """Take back what a worker that is gone had claimed, and what a clock put off; how many recipients."""
    return _watch.sweep() + leases.mend_clock()


class _NowAndThen:
    """Something that one of the threads of this process does every few seconds."""

    def __init__(self, do: Callable[[], object], seconds: float) -> None:
        self._do, self._seconds = do, seconds
        self._lock = threading.Lock()
        self._done = -seconds

    def when_due(self) -> None:
        """Do it if it was done long enough ago, and nobody is at it."""
        if self._lock.acquire(blocking=False):
            try:
                if time.monotonic() - self._done >= self._seconds:
                    self._done = time.monotonic()
                    self._do()
            finally:
                self._lock.release()


_sweep = _NowAndThen(sweep, SWEEP)
_alarms = _NowAndThen(limits.watch, WATCH)


class Worker:
    """One worker with its open sessions."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._stop = work.stopping
        self._counts: Counter[tuple[int, str]] = Counter()

    def run(self) -> int:
        """Work until nothing is due, or RUN is over."""
        done, begin = 0, time.monotonic()
        while not self._stop.is_set():
            lease = Lease()
            claimed = lease.claim()
            if not claimed:
                break
            if sum(map(len, claimed.values())) >= leases.BATCH or time.monotonic() - begin >= RUN:
                work.tell(QUEUE)
            self._batch(lease, claimed)
            done += len(claimed)
            if time.monotonic() - begin >= RUN:
                break
        return done

    def _batch(self, lease: Lease, claimed: Mapping[int, Sequence[int]]) -> None:
        unsent = {key for keys in claimed.values() for key in keys}
        put_off: dict[str, tuple[RouteClosed, list[int]]] = {}
        try:
            for parcel in load(claimed):
                if self._stop.is_set():
                    break
                lease.tick()
                unsent.difference_update(row.pk for row in parcel.rows)
                self._parcel(parcel, lease, put_off)
            for closed, keys in put_off.values():
                lease.give_back(keys, closed.until, is_attempt=not closed.is_busy)
        except LeaseLost:
            log.warning("a lease was lost: %d recipients are somebody else's now", len(unsent))
            return
        finally:
            self._count()
        lease.give_back(unsent, timezone.now())

    def _parcel(self, parcel: Parcel, lease: Lease, put_off: dict[str, tuple[RouteClosed, list[int]]]) -> None:
        try:
            self._send(parcel, lease, put_off)
        except LeaseLost:
            raise
        except Exception:
            log.exception("message %d could not be sent", parcel.message.pk)
            later = patience.next_attempt(timezone.now(), max(row.attempts for row in parcel.rows) + 1)
            lease.give_back([row.pk for row in parcel.rows], later, is_attempt=True)

    def _send(self, parcel: Parcel, lease: Lease, put_off: dict[str, tuple[RouteClosed, list[int]]]) -> None:
        letter = transmit.ready(parcel)
        if isinstance(letter, Reply):
            outcomes = [transmit.outcome(parcel.message, row, letter) for row in parcel.rows]
            self._record(parcel, None, outcomes, lease)
            return
        if parcel.here:
            self._record(parcel, letter, transmit.deliver_here(parcel, letter), lease)
        if not parcel.elsewhere:
            return
        name = parcel.route.name if parcel.route is not None else ""
        closed = put_off[name][0] if name in put_off else None
        try:
            if closed is not None:
                raise closed
            outcomes = transmit.hand_on(parcel, letter, self._sessions, lease)
        except RouteClosed as error:
            put_off.setdefault(name, (error, []))
            # The attempt that found out is one of these recipients'; for all others it is enough to wait.
            outcomes = self._closed(parcel, error, is_first=closed is None and error.is_news)
            known = {one.recipient_id for one in outcomes}
            put_off[name][1].extend(row.pk for row in parcel.elsewhere if row.pk not in known)
        self._record(parcel, letter, outcomes, lease)

    def _closed(self, parcel: Parcel, closed: RouteClosed, *, is_first: bool) -> list[Outcome]:
        """The outcomes of those who have to hear of a closed route now: it is too late for them, or late."""
        found = []
        for row in parcel.elsewhere:
            one = transmit.outcome(parcel.message, row, closed.reply, host=parcel.route.name if parcel.route else "")
            has_to_hear = not closed.is_busy and not row.delay_told and is_late(parcel.message, timezone.now())
            if one.result is Result.FAILED or is_first or has_to_hear:
                if one.result is Result.DEFERRED:
                    one = Outcome(row.pk, Result.DEFERRED, closed.reply, one.host, closed.until)
                found.append(one)
        return found

    def _record(self, parcel: Parcel, letter: Letter | None, outcomes: list[Outcome], lease: Lease) -> None:
        if not outcomes:
            return
        name = parcel.route.name if parcel.route is not None else ""
        record(parcel, letter, outcomes, lease, hop_sends_dsn=self._sessions.offers(name, "DSN"))
        account = parcel.message.account_id
        for one in outcomes:
            self._counts[account, flow.COUNTED[one.result]] += 1
            self._counts[account, "doubtful"] += one.in_doubt

    def _count(self) -> None:
        counts, self._counts = self._counts, Counter()
        try:
            flow.count_outcomes(counts)
        except Exception:
            # Counts are for looking at; what they count is done.
            log.exception("what was sent could not be counted")


def load(claimed: Mapping[int, Sequence[int]]) -> list[Parcel]:
    """What was claimed, with all that sending it needs; a fixed number of statements."""
    messages = QueuedMessage.objects.select_related("blob").in_bulk(list(claimed))
    rows = QueuedRecipient.objects.in_bulk([key for keys in claimed.values() for key in keys])
    here = routes.local_domains(row.domain for row in rows.values())
    senders = {message.sender_domain for message in messages.values()}
    ways, signers = _ways(senders), _signers(senders)
    parcels = []
    for key, recipients in claimed.items():
        message, mine = messages[key], [rows[recipient] for recipient in recipients]
        parcels.append(
            Parcel(
                message,
                [row for row in mine if row.domain in here],
                [row for row in mine if row.domain not in here],
                ways[message.sender_domain],
                signers.get(message.sender_domain, ()),
            )
        )
    return parcels


def _ways(senders: set[str]) -> dict[str, routes.Route | None]:
    try:
        return routes.routes(senders)
    except SealBroken as error:
        log.error("nothing can be sent: %s", error)
        return dict.fromkeys(senders)


def _signers(senders: set[str]) -> dict[str, list[Signer]]:
    try:
        return dkim_keys.signers(senders)
    except (SealBroken, ValueError) as error:
        log.error("mail goes out without DKIM signatures: %s", error)
        return {}
