"""What flood control asks of a store, and the values that pass between the two.

Rules kept here:
- a slot in flight is a lease: it ends by itself when its holder dies, so a killed worker locks nobody out;
- a rate is a bucket that refills evenly (GCRA): one number for each key, exact for any burst;
- no call raises for a store that is out of reach: the store falls back to what the process knows by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` events at once, refilled evenly over ``period`` seconds."""

    burst: int
    period: float

    @property
    def interval(self) -> float:
        """Seconds in which one event is refilled."""
        return self.period / self.burst


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether an event was allowed, how many more are, and in how many seconds the next will be if not."""

    allowed: bool
    remaining: int
    retry_after: float


class Lease(Protocol):
    """One slot in flight."""

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""


class LimitStore(Protocol):
    """Slots in flight, rates and remembered keys. Keys are any text; stores keep digests of them."""

    blocking: bool
    """Whether calls may wait for the network, so that an event loop must not make them."""

    def describe(self) -> str:
        """What is in force, for the system check: how far the limits reach."""

    def acquire(self, key: str, limit: int) -> Lease | None:
        """One of ``limit`` slots of the key, or None where all are taken."""

    def take(self, key: str, rate: Rate) -> Taken:
        """Count one event against the key's bucket if there is room."""

    def refund(self, key: str, rate: Rate) -> None:
        """Undo one allowed ``take``."""

    def remember(self, key: str, seconds: float) -> None:
        """Know the key for that long."""

    def knows(self, key: str) -> bool:
        """Whether the key is remembered."""


def spend(full_at: float, now: float, rate: Rate) -> tuple[float, Taken]:
    """The bucket arithmetic: from when the bucket will be full again to the new such moment, and the verdict."""
    # A clock that was set back must not lock a key out for longer than one whole period.
    full_at = min(max(full_at, now), now + rate.period)
    after = full_at + rate.interval
    slack = now + rate.period - after
    # A tolerance, so that the last event of a burst is not lost to rounding.
    if slack < -1e-6:
        return full_at, Taken(False, 0, -slack)
    return after, Taken(True, int(slack / rate.interval + 1e-6), 0.0)
