"""Push on an event loop: hub, warden and the subscription to other processes' news, from start to end.

Rules kept here: where the server ends, streams end before it, so that it need not wait for them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from weakref import WeakKeyDictionary

from django.db import Error

from jmap.edge import endpoint
from jmap.edge.asgi import Edge
from jmap.edge.extensions import Extension
from push import announce
from push.carriers import carrier
from push.hub import Hub
from push.listener import MOVED, SERVER_ENDS, Listener
from push.marker import marker
from push.visitor import Visitor
from push.warden import Warden, Watched

log = logging.getLogger("jmap.push")


class Serving:
    """What serves the streams of one edge."""

    def __init__(self) -> None:
        self.hub = Hub(asyncio.get_running_loop())
        self.warden = Warden(self.hub)
        self.hub.hearers.append(marker().put)
        self._news = self.hub.loop.create_task(carrier().subscribe(self.hub))
        self._news.add_done_callback(_look_at)
        self._is_closed = False
        announce.hubs.add(self.hub)

    def close(self) -> None:
        """End every stream, then the rest; whoever comes until the server listens no more is sent away at once."""
        self._is_closed = True
        announce.hubs.discard(self.hub)
        self.warden.close(SERVER_ENDS)
        self._news.cancel()
        self.hub.close()

    @contextlib.asynccontextmanager
    async def listening(
        self, visitor: Visitor, types: frozenset[str] | None, *, moves: bool = False
    ) -> AsyncIterator[Listener]:
        """A listener to all accounts of a visitor, which ends when these change, unless it moves with them."""
        listener = Listener(types)
        if self._is_closed:
            listener.end(SERVER_ENDS)
            yield listener
            return
        moved = (lambda accounts: self._move(listener, accounts)) if moves else (lambda _accounts: listener.end(MOVED))
        self.warden.watch(Watched(visitor, listener, moved))
        try:
            try:
                await self.hub.add(listener, visitor.accounts)
            except Error:
                raise endpoint.unavailable() from None
            yield listener
        finally:
            self.hub.remove(listener)
            self.warden.leave(listener)

    def _move(self, listener: Listener, accounts: frozenset[int]) -> None:
        """Let a listener hear of other accounts than before; of new ones it is told their states."""
        before = set(listener.accounts)
        self.hub.remove(listener, before - accounts)

        async def add() -> None:
            new = accounts - before
            await self.hub.add(listener, new)
            listener.catch_up({}, new & listener.accounts.keys())
            if listener not in self.warden.watched:
                self.hub.remove(listener)

        self.warden.start(add())


_servings: WeakKeyDictionary[Edge, Serving] = WeakKeyDictionary()


def serving(edge: Edge) -> Serving:
    """What serves the streams of an edge."""
    return _servings[edge]


def _start(edge: Edge) -> None:
    earlier = _servings.get(edge)
    if earlier is not None:
        announce.hubs.discard(earlier.hub)  # its event loop is over
    _servings[edge] = Serving()


def _stop(edge: Edge) -> None:
    found = _servings.get(edge)
    if found is not None:
        found.close()


def _look_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the subscription to news ended: %s: %s", type(error).__name__, error)


def extension() -> Extension:
    """What push adds to the edge."""
    from jmap.edge.resources import PREFIX
    from push import eventsource, websocket

    return Extension(
        resources={f"{PREFIX}/events": eventsource.events, f"{PREFIX}/events/": eventsource.events},
        sockets={f"{PREFIX}/ws": websocket.converse, f"{PREFIX}/ws/": websocket.converse},
        event_source=eventsource.template,
        capabilities=websocket.capabilities,
        start=_start,
        stop=_stop,
    )
