"""Limits kept in the process: right for a single worker, and what the other stores fall back to.

Rules kept here: bounded memory; a bucket that is full again is forgotten before any other.
"""

from __future__ import annotations

import threading
import time

from jmap.limits.ports import Lease, Rate, Taken, spend

MAX_KEYS = 100_000


class MemoryLease:
    """A slot counted in the process."""

    __slots__ = ("key", "store")

    def __init__(self, store: MemoryLimitStore, key: str) -> None:
        self.store: MemoryLimitStore | None = store
        self.key = key

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        store, self.store = self.store, None
        if store is not None:
            store._release(self.key)


class MemoryLimitStore:
    """See LimitStore; nothing is shared between processes."""

    blocking = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_flight: dict[str, int] = {}
        self._full_at: dict[str, float] = {}
        self._known_until: dict[str, float] = {}

    def describe(self) -> str:
        """What is in force."""
        return "memory of the process: every worker process counts for itself"

    def acquire(self, key: str, limit: int) -> Lease | None:
        """One of ``limit`` slots of the key, or None where all are taken."""
        with self._lock:
            count = self._in_flight.get(key, 0)
            if count >= limit:
                return None
            self._in_flight[key] = count + 1
        return MemoryLease(self, key)

    def take(self, key: str, rate: Rate) -> Taken:
        """Count one event against the key's bucket if there is room."""
        now = time.time()
        with self._lock:
            full_at, taken = spend(self._full_at.get(key, 0.0), now, rate)
            self._full_at[key] = full_at
            if len(self._full_at) > MAX_KEYS:
                _shrink(self._full_at, now)
        return taken

    def refund(self, key: str, rate: Rate) -> None:
        """Undo one allowed ``take``."""
        with self._lock:
            if key in self._full_at:
                self._full_at[key] -= rate.interval

    def remember(self, key: str, seconds: float) -> None:
        """Know the key for that long."""
        now = time.time()
        with self._lock:
            self._known_until[key] = now + seconds
            if len(self._known_until) > MAX_KEYS:
                _shrink(self._known_until, now)

    def knows(self, key: str) -> bool:
        """Whether the key is remembered."""
        return self._known_until.get(key, 0.0) > time.time()

    def _release(self, key: str) -> None:
        with self._lock:
            count = self._in_flight[key] - 1
            if count:
                self._in_flight[key] = count
            else:
                del self._in_flight[key]


def _shrink(until: dict[str, float], now: float) -> None:
    """Drop what lies in the past, then the nearest to it, down to half the room."""
    for key in [key for key, moment in until.items() if moment <= now]:
        del until[key]
    for key in sorted(until, key=until.__getitem__)[: max(0, len(until) - MAX_KEYS // 2)]:
        del until[key]
