"""Open sessions with servers, used for one message after the other.

Rules kept here:
- all workers together have at most as many sessions with a server as its route allows;
- a server that cannot be reached is left alone for a while by everybody, and longer each time;
- a session that was closed while it was idle is no failure: another one is opened, once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from jmap.limits import limit_store
from jmap.limits.ports import Lease as Slot
from submission.models import RouteState
from submission.relay import patience
from submission.relay.routes import Route
from submission.smtp.client import Client, Envelope, Sent
from submission.smtp.connection import Tick
from submission.smtp.replies import ConnectFailed, Reply, SessionLost, SmtpError, temporary

log = logging.getLogger("submission.relay")

IDLE = 5.0
"""Seconds after which an unused session is closed."""


class RouteClosed(Exception):
    """Nobody may use the route before ``until``; ``reply`` says why. ``is_busy``: it is only used by others.
    ``is_news``: this very attempt found out."""

    def __init__(self, reply: Reply, until: datetime, *, is_busy: bool = False, is_news: bool = False) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.until = until
        self.is_busy = is_busy
        self.is_news = is_news


class Sessions:
    """The sessions of one worker."""

    def __init__(self) -> None:
        self._open: dict[str, tuple[Client, Slot, Route]] = {}
        self._offered: dict[str, frozenset[str]] = {}

    def send(self, route: Route, envelope: Envelope, chunks: Iterable[bytes], tick: Tick) -> Sent:
        """Send one message. Raises RouteClosed where the server cannot be had, and what ``tick`` raises."""
        client, is_new = self._client(route, tick)
        try:
            return self._sent(route, client, envelope, chunks)
        except SessionLost as error:
            if is_new:
                raise self._failed(route, error) from None
        client, _ = self._client(route, tick)
        try:
            return self._sent(route, client, envelope, chunks)
        except SessionLost as error:
            raise self._failed(route, error) from None

    def _sent(self, route: Route, client: Client, envelope: Envelope, chunks: Iterable[bytes]) -> Sent:
        try:
            return client.send(envelope, chunks)
        finally:
            if not client.is_open:
                self._forget(route.name)

    def _client(self, route: Route, tick: Tick) -> tuple[Client, bool]:
        """A session, and whether it was opened just now."""
        held = self._open.get(route.name)
        if held is not None and held[0].is_open and held[2] == route:
            held[0].tick = tick
            return held[0], False
        self.close(route.name)
        self._require_open(route)
        slot = limit_store().acquire(f"relay {route.name}", route.max_connections)
        if slot is None:
            soon = patience.next_attempt(timezone.now(), 1, (2,))
            raise RouteClosed(temporary("4.4.5", f"{route.name} is busy with other messages"), soon, is_busy=True)
        client = Client(route.server, tick)
        try:
            client.open()
        except ConnectFailed as error:
            slot.release()
            raise self._failed(route, error) from None
        except BaseException:
            slot.release()
            raise
        self._open[route.name] = (client, slot, route)
        self._offered[route.name] = frozenset(client.extensions)
        self._succeeded(route)
        return client, True

    def offers(self, name: str, extension: str) -> bool:
        """Whether the server that was last spoken to by that name announced an extension."""
        return extension in self._offered.get(name, ())

    def close(self, name: str) -> None:
        """Part from a server."""
        held = self._open.get(name)
        if held is not None:
            held[0].quit()
            self._forget(name)

    def close_idle(self, seconds: float = IDLE) -> None:
        """Part from servers that were not needed for a while."""
        for name in [name for name, held in self._open.items() if time.monotonic() - held[0].used_at >= seconds]:
            self.close(name)

    def _forget(self, name: str) -> None:
        held = self._open.pop(name, None)
        if held is not None:
            held[1].release()

    # ------------------------------------------------------------------------------------------ the state of the route

    def _require_open(self, route: Route) -> None:
        state = RouteState.objects.filter(route=route.name, retry_at__gt=timezone.now()).first()
        # A clock that was set back closes no route for long.
        if state is not None and state.retry_at is not None:
            longest = patience.next_attempt(timezone.now(), 2, (0, patience.ROUTE[-1] * 2))
            if state.retry_at <= longest:
                raise RouteClosed(temporary("4.4.1", state.reason), state.retry_at)

    def _failed(self, route: Route, error: SmtpError) -> RouteClosed:
        now = timezone.now()
        state, _ = RouteState.objects.get_or_create(route=route.name)
        until = patience.next_attempt(now, state.failures + 1, patience.ROUTE)
        RouteState.objects.filter(pk=state.pk).update(
            failures=F("failures") + 1, retry_at=until, reason=error.reply.text, failed_at=now
        )
        log.warning("%s: %s; tried again in %d s", route.name, error.reply, (until - now).total_seconds())
        return RouteClosed(error.reply, until, is_news=True)

    def _succeeded(self, route: Route) -> None:
        """Note that the server can be had; a row is written only where that is news."""
        known = RouteState.objects.filter(route=route.name).values_list("failures", flat=True).first()
        if known is None or known:
            fine = {"failures": 0, "retry_at": None, "succeeded_at": timezone.now()}
            RouteState.objects.update_or_create(route=route.name, defaults=fine)


def reopen(route: str | None = None) -> int:
    """Let a route, or all of them, be tried at once; how many were closed."""
    closed = RouteState.objects.filter(retry_at__isnull=False)
    return (closed if route is None else closed.filter(route=route)).update(retry_at=None)
