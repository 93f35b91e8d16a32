"""A listener: what waits to be told to one client, merged, and how far that client has been told.

Rules kept here:
- what waits is a map of accounts and types to their last states, so a client that takes nothing costs no more than one
  that has just begun to wait;
- one future wakes whoever serves the client, whatever happened: a change, the end, or the client gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from jmap.ids import encode
from jmap.store import format_state
from push.position import Position, to_text

if TYPE_CHECKING:
    from push.hub import Account

Changed = dict[str, dict[str, str]]
"""Account id to type name to state: the ``changed`` of a StateChange (RFC 8620 §7.1)."""

GONE, MOVED, SERVER_ENDS, NOT_ALLOWED = (
    "The client has gone.",
    "The accounts have changed.",
    "The server ends.",
    "The credentials no longer hold.",
)
"""Why a client is served no more."""

FIRST_GAP, LAST_GAP = 0.05, 1.0
"""Seconds between two events to one client: the first of a burst waits for nothing, the next ever longer."""


class Listener:
    """``types`` None stands for all of them. ``ending`` says why the client is served no more."""

    __slots__ = ("_waiter", "accounts", "ending", "pending", "types")

    def __init__(self, types: frozenset[str] | None) -> None:
        self.types = types
        self.accounts: dict[int, Account] = {}
        self.pending: dict[int, dict[str, int]] = {}
        self.ending = ""
        self._waiter: asyncio.Future[None] | None = None

    def offer(self, key: int, types: dict[str, int]) -> None:
        """Keep what the client wants to hear of; wake it."""
        wanted = types if self.types is None else {name: types[name] for name in types.keys() & self.types}
        if wanted:
            self.pending.setdefault(key, {}).update(wanted)
            self.wake()

    def catch_up(self, position: Position, accounts: Iterable[int]) -> None:
        """Offer everything that changed since a position; all of an account that it does not hold."""
        for key in accounts:
            account = self.accounts[key]
            epoch, modseq = position.get(key, (0, -1))
            since = modseq if epoch == account.epoch else -1
            self.offer(key, {name: changed for name, changed in account.types.items() if changed > since})

    def take(self) -> Changed:
        """What waits, and nothing waits any more."""
        pending, self.pending = self.pending, {}
        return {
            encode("u", key): {
                name: format_state(self.accounts[key].epoch, modseq) for name, modseq in sorted(types.items())
            }
            for key, types in sorted(pending.items())
        }

    def position(self) -> str:
        """How far the client has been told once it has what ``take`` gave."""
        return to_text({key: (account.epoch, max(account.complete, 0)) for key, account in self.accounts.items()})

    def end(self, why: str) -> None:
        """Serve the client no more."""
        self.ending = self.ending or why
        self.wake()

    def wake(self) -> None:
        """Let whoever waits look around."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Return when something happened, or the time has passed."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None


class Pace:
    """When the next event may go: at once after a pause, ever later in a burst."""

    __slots__ = ("_free_at", "_gap")

    def __init__(self) -> None:
        self._gap = FIRST_GAP
        self._free_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next event may go."""
        return max(0.0, self._free_at - now)

    def went(self, now: float) -> None:
        """An event went out."""
        in_a_burst = now - self._free_at < self._gap
        self._gap = min(self._gap * 2, LAST_GAP) if in_a_burst else FIRST_GAP
        self._free_at = now + self._gap
