"""The ORM behind the ports: locks, modseqs, states, snapshots, /changes.

Rules kept here:
- the first statement of a write locks the account row; nothing is read before it, so modseq order is commit order;
- every changed row gets a modseq of its own; the state of a type is the modseq of its last change;
- ``modseq`` is stored, ``state`` travels: epoch and modseq, so that a restored backup invalidates states of the
  lost future;
- on commit the new states are announced as a hint;
- long work commits in slices and leaves a gap after each, so that others wait no longer than for one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connection, models, transaction

from jmap import sql
from jmap.models.account import Account, TypeState
from jmap.models.tracked import services_write
from jmap.protocol.errors import MethodError
from jmap.signals import state_changed

log = logging.getLogger("jmap.store")

_SOON, _GAP, _LONG_GAP = 0.1, 0.026, 0.101
"""Seconds: how often SQLite's waiters look at first, and later."""


def format_state(epoch: int, modseq: int) -> str:
    """The state string that clients see."""
    return f"{epoch:x}-{modseq}"


def parse_state(state: str) -> tuple[int, int] | None:
    """Epoch and modseq of a state string, or None where we never made it."""
    epoch, dash, modseq = state.partition("-")
    if not dash or not modseq.isascii() or not modseq.isdigit() or len(modseq) > 18 or len(epoch) > 15:
        return None
    try:
        parsed = int(epoch, 16), int(modseq)
    except ValueError:
        return None
    return parsed if format_state(*parsed) == state else None


class Pending(Protocol):
    """Writes that wait for the end of a transaction: of rows that several accounts share, and so are locked last."""

    def settle(self, writer: Writer) -> None:
        """Write; whatever is raised undoes the transaction."""


@dataclass(slots=True)
class Writer:
    """One transaction's hold on an account: gives out modseqs and remembers which types changed."""

    account_id: int
    epoch: int
    modseq: int
    states: dict[str, int]
    """Type name to the modseq of its last change, for the types asked of so far."""
    since: int
    """The account's modseq before this transaction."""
    changed: set[str] = field(default_factory=set)
    pending: dict[str, Pending] = field(default_factory=dict)
    """By name, what is settled when everything else is written."""

    def next(self, type_name: str) -> int:
        """A new modseq for one changed row of that type."""
        self.modseq += 1
        self.states[type_name] = self.modseq
        self.changed.add(type_name)
        return self.modseq

    def also(self, type_name: str, modseq: int) -> None:
        """Count a change of one type as a change of another too (EmailDelivery, RFC 8621 §1.5)."""
        self.states[type_name] = modseq
        self.changed.add(type_name)

    def state(self, type_name: str) -> str:
        """The state of a type as it will be after this transaction."""
        if type_name not in self.states:
            self.states[type_name] = _type_modseq(self.account_id, type_name)
        return format_state(self.epoch, self.states[type_name])


@contextmanager
def writing(account_id: int, *, is_pipelined: bool = False) -> Iterator[Writer]:
    """Lock the account and write; on commit the changed states are announced.

    ``is_pipelined`` is for who knows every statement inside: see ``sql.pipelined``.
    Raises MethodError accountNotFound where the account is gone. May be nested for the same account only through
    the Writer that is passed on.
    """
    with transaction.atomic(), services_write(), sql.pipelined() if is_pipelined else nullcontext():
        row = sql.lock_account(account_id)
        if row is None:
            raise MethodError("accountNotFound")
        writer = Writer(account_id, *row, {}, since=row[1])
        yield writer
        for pending in writer.pending.values():
            pending.settle(writer)
        if writer.changed:
            _flush(writer)


def begin_epoch(writer: Writer) -> None:
    """Let no state of before be believed any more: every client fetches the account anew (RFC 8620 §5.2).

    Epochs follow the clock, so that one is never used twice, whatever is restored.
    """
    writer.epoch = max(writer.epoch + 1, time.time_ns() // 1_000_000)
    Account.objects.filter(pk=writer.account_id).update(epoch=writer.epoch)
    for name, modseq in TypeState.objects.filter(account=writer.account_id).values_list("type", "modseq"):
        writer.also(name, writer.states.get(name, modseq))


@contextmanager
def writing_slice(account_id: int) -> Iterator[Writer]:
    """``writing`` for one slice of long work: whoever waited meanwhile comes first afterwards.

    PostgreSQL has a queue for that. Who waits for SQLite's one lock looks for it now and then, every 25 ms at most in
    the first tenth of a second and every 100 ms later, so the lock stays free for as long.
    """
    start = time.monotonic()
    with writing(account_id) as writer:
        yield writer
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        time.sleep(_GAP if time.monotonic() - start < _SOON else _LONG_GAP)


@contextmanager
def reading() -> Iterator[None]:
    """One snapshot for all reads inside (RFC 8620 §5.1: state and list belong together)."""
    if connection.in_atomic_block:
        yield
        return
    sql.begin_snapshot()
    try:
        yield
    finally:
        sql.end_snapshot()


class OrmBackend:
    """The Backend port over Django's default database."""

    def reading(self) -> Any:
        """See ``reading``."""
        return reading()


def current_state(account_id: int, type_name: str) -> str:
    """The state of a type now (RFC 8620 §5.1)."""
    row = sql.state_row(account_id, type_name)
    if row is None:
        raise MethodError("accountNotFound")
    return format_state(row[0], row[1] or 0)


def tracked(
    model: type[models.Model],
    type_name: str,
    account_id: int,
    columns: Sequence[str],
    keys: Sequence[int] | None,
    most: int,
) -> tuple[str, dict[int, tuple[Any, ...]]]:
    """The state of a type, and the columns of its objects by key, all or some of them, in one statement.

    JSON columns come as text. Raises MethodError accountNotFound, and requestTooLarge where all are asked for and there
    are more than ``most`` (RFC 8620 §5.1).
    """
    rows = sql.tracked_rows(model._meta.db_table, columns, type_name, account_id, keys, most + 1)
    if not rows:
        raise MethodError("accountNotFound")
    if keys is None and len(rows) > most:
        raise MethodError("requestTooLarge", f"there are more than {most}; ask for them by id")
    return format_state(rows[0][0], rows[0][1]), {row[2]: row[3:] for row in rows if row[2] is not None}


@dataclass(frozen=True, slots=True)
class Span:
    """The changes between two states of one type."""

    since: int
    until: int
    epoch: int
    has_more: bool
    created: list[int]
    updated: list[int]
    destroyed: list[int]

    @property
    def new_state(self) -> str:
        """The state that the client is at after these changes."""
        return format_state(self.epoch, self.until)


def known_since(account_id: int, type_name: str, since: str) -> tuple[int, int, int]:
    """(epoch, modseq of ``since``, modseq now) of a type.

    Raises MethodError cannotCalculateChanges where ``since`` is of another epoch, of the future, never ours, or older
    than the kept history (RFC 8620 §5.2).
    """
    row = sql.history_row(account_id, type_name)
    parsed = parse_state(since)
    if row is None or parsed is None:
        raise MethodError("cannotCalculateChanges")
    _check_known(parsed, row)
    return row[0], parsed[1], row[2]


def _check_known(parsed: tuple[int, int], row: tuple[int, int, int, int]) -> None:
    epoch, newest, _now, oldest = row
    if parsed[0] != epoch or not oldest <= parsed[1] <= newest:
        raise MethodError("cannotCalculateChanges")


def changes(model: type[models.Model], type_name: str, account_id: int, since: str, limit: int | None) -> Span:
    """What happened to a tracked model since a state, oldest first, cut after ``limit`` objects (RFC 8620 §5.2).

    Pages over events: a row's event is its creation where that is after ``since``, otherwise its last change; a
    tombstone's is its destruction, unseen where the object was created after ``since`` too.
    """
    parsed = parse_state(since)
    if parsed is None:
        raise MethodError("cannotCalculateChanges")
    start = parsed[1]
    found = sql.events(model._meta.db_table, type_name, account_id, start, None if limit is None else limit + 1)
    header = next((row for row in found if row[0] == -1), None)
    if header is None:
        raise MethodError("cannotCalculateChanges")
    _check_known(parsed, header[1:])
    epoch, now = header[1], header[3]
    events = [(modseq, kind, key) for kind, modseq, key, _, _ in found if kind >= 0]
    events.sort()
    has_more = limit is not None and len(events) > limit
    if has_more:
        del events[limit:]
    keys: tuple[list[int], list[int], list[int]] = ([], [], [])
    for _modseq, kind, key in events:
        keys[kind].append(key)
    until = events[-1][0] if has_more else max(now, start)
    return Span(start, until, epoch, has_more, *keys)


def _type_modseq(account_id: int, type_name: str) -> int:
    row = sql.state_row(account_id, type_name)
    return (row and row[1]) or 0


def _flush(writer: Writer) -> None:
    changed = sorted(writer.changed)
    sql.save_changes(writer.account_id, writer.modseq, [(name, writer.states[name]) for name in changed])
    states = {name: writer.state(name) for name in changed}
    transaction.on_commit(lambda: _announce(writer, states), robust=True)


def _announce(writer: Writer, states: dict[str, str]) -> None:
    told = {"account_id": writer.account_id, "changed": states, "since": writer.since, "until": writer.modseq}
    for receiver, answer in state_changed.send_robust(sender=None, **told):
        if isinstance(answer, Exception):
            log.error("a listener to state changes failed: %r: %s", receiver, type(answer).__name__)
