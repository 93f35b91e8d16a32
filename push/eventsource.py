"""The event source resource (RFC 8620 §7.3).

Rules kept here:
- ``event:`` stands before a single line of ``data:``, lines end with LF, and nothing on the way may hold them back;
- an event id says how far the client has been told, so a reconnection misses nothing; a stream begins with one, since
  a change may come before the first event;
- a ping sets no id; where the client wants none, a comment now and then keeps proxies and finds dead peers;
- how soon a client comes back differs from client to client, so that a restart brings no herd.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from urllib.parse import parse_qs

import orjson

from jmap.edge.exchange import Exchange
from jmap.edge.http import Headers, common_headers
from jmap.edge.problems import Problem
from push import tickets
from push.conf import push_options
from push.listener import GONE, Changed, Listener, Pace
from push.position import from_text
from push.serving import serving
from push.types import type_names
from push.visitor import welcome

SILENCE = 300.0
"""Seconds after which a stream without pings shows that it is alive."""

RETRY = (1_000, 5_000)
"""Milliseconds after which a client whose stream has ended may come back."""

HEADERS: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-store, no-transform"),
    (b"x-accel-buffering", b"no"),
]


def template(site: str) -> str:
    """The eventSourceUrl (RFC 8620 §2)."""
    return f"{site}/events?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"


@dataclass(frozen=True, slots=True)
class Wish:
    """The variables of the URL: types (None for all), whether to close after a state, seconds between pings or 0."""

    types: frozenset[str] | None
    closes: bool
    ping: int
    ticket: str | None

    @classmethod
    def read(cls, query: str) -> Wish:
        """What a query string asks for; variables left out mean all types, no end, no pings. Raises Problem."""
        given = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
        types, close, ping = given.get("types", "*"), given.get("closeafter", "no"), given.get("ping", "0")
        if close not in {"state", "no"}:
            raise Problem(400, "closeafter must be state or no.")
        if not ping.isascii() or not ping.isdigit() or len(ping) > 15:
            raise Problem(400, "ping must be a number of seconds, 0 for none.")
        wanted = None
        if types != "*":
            try:
                wanted = type_names(types.split(","))
            except ValueError as error:
                raise Problem(400, f"types: {error}.") from None
        return cls(wanted, close == "state", clamped(int(ping)), given.get("ticket"))


def clamped(ping: int) -> int:
    """The interval that a client gets."""
    options = push_options()
    return min(max(ping, options.min_ping), options.max_ping) if ping else 0


async def events(exchange: Exchange) -> None:
    """Tell a client of changes for as long as it listens."""
    exchange.allow("GET")
    wish = Wish.read(exchange.head.query)
    visitor = await welcome(exchange, wish.ticket, tickets.Kind.EVENT_SOURCE)
    async with serving(exchange.edge).listening(visitor, wish.types) as listener:
        known = exchange.head.optional(b"last-event-id")
        if known:
            listener.catch_up(from_text(known), listener.accounts)
        await exchange.start(200, [*HEADERS, *common_headers(exchange.head)])
        if not listener.pending:
            await exchange.put(_beginning(listener))
        exchange.gone.add_done_callback(lambda _gone: listener.end(GONE))
        await _tell(exchange, listener, wish)
        if not exchange.gone.done():
            await exchange.put(b"", more=False)


async def _tell(exchange: Exchange, listener: Listener, wish: Wish) -> None:
    pace = Pace()
    pause = float(wish.ping or SILENCE)
    is_first = True
    due = time.monotonic() + pause
    while not listener.ending:
        now = time.monotonic()
        free_in = pace.wait(now)
        if listener.pending and free_in <= 0:
            await exchange.put(_state(listener.take(), listener.position(), is_first))
            if wish.closes:
                return
            is_first = False
            pace.went(now)
            due = now + pause
        elif now >= due:
            await exchange.put(_ping(wish.ping))
            due = now + pause
        else:
            await listener.wait(min(free_in, due - now) if listener.pending else due - now)


def _beginning(listener: Listener) -> bytes:
    """When to come back, and where the stream begins; who comes when the server ends keeps the id that they have."""
    retry = f"retry: {random.randrange(*RETRY)}\n"
    return (f"{retry}\n" if listener.ending else f"{retry}id: {listener.position()}\n\n").encode()


def _state(changed: Changed, position: str, is_first: bool) -> bytes:
    data = orjson.dumps({"@type": "StateChange", "changed": changed})
    retry = f"retry: {random.randrange(*RETRY)}\n" if is_first else ""
    return b"event: state\ndata: %s\nid: %s\n%s\n" % (data, position.encode(), retry.encode())


def _ping(interval: int) -> bytes:
    return b'event: ping\ndata: {"interval":%d}\n\n' % interval if interval else b":\n\n"
