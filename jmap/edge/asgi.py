"""The ASGI edge: answers the protocol's resources itself and passes everything else to Django.

Rules kept here:
- a request that is answered costs the event loop parsing and bookkeeping, and one hand-over to a thread;
- the address, scheme and host that trusted proxies tell hold for Django too;
- credentials that are not remembered are verified in threads of their own, the same ones once at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from jmap.auth.verify import Verified
from jmap.edge import daphne, endpoint, gate, resources
from jmap.edge.exchange import Exchange, Receive, Send
from jmap.edge.http import Head, proxies, request_id
from jmap.edge.options import edge_options
from jmap.edge.problems import Problem
from jmap.edge.threads import WorkerPool

Scope = dict[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOGIN_THREADS = 2


class Edge:
    """An ASGI application in front of Django's."""

    pool: WorkerPool
    logins: WorkerPool

    def __init__(self, django: Any) -> None:
        self.django = django
        self._loop: asyncio.AbstractEventLoop | None = None
        self._under_way: dict[tuple[bytes, str], asyncio.Future[Verified]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        if scope["type"] == "http":
            head = head_of(scope)
            handler = resources.find(head.path)
            if handler is None:
                await self.django(as_told(scope, head), receive, send)
                return
            self._start()
            await Exchange(self, head, receive, send).run(handler)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            # Nothing here speaks WebSocket, and Django's handler would fail at it.
            await receive()
            await send({"type": "websocket.close", "code": 1000})

    async def login(self, header: bytes, address: str) -> Verified:
        """Verify credentials that are not remembered. Raises Refused, TooManyFailures, Problem."""
        key = (header, address)
        running = self._under_way.get(key)
        if running is None:
            if len(self._under_way) >= gate.MAX_LOGINS_WAITING:
                raise Problem(503, "Too many log-ins are waiting.", [(b"retry-after", b"5")])
            running = self.logins.run(address, endpoint.verify, header, address)
            self._under_way[key] = running
            running.add_done_callback(lambda done: self._login_done(key, done))
        return await asyncio.shield(running)

    def _login_done(self, key: tuple[bytes, str], done: asyncio.Future[Verified]) -> None:
        self._under_way.pop(key, None)
        if not done.cancelled():
            done.exception()  # looked at even where all who waited have gone

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop = loop
            self.pool = WorkerPool(edge_options().threads, "jmap-work")
            self.logins = WorkerPool(LOGIN_THREADS, "jmap-login")
            self._under_way = {}

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            self._start()
            await send({"type": "lifespan.startup.complete"})
        if self._loop is not None:
            self.pool.close()
            self.logins.close()
        await send({"type": "lifespan.shutdown.complete"})


def edge(django_application: Any) -> Edge:
    """The ASGI application to serve: the protocol's resources, and Django for everything else."""
    daphne.install()
    return Edge(django_application)


def head_of(scope: Scope) -> Head:
    """The head of a request in ASGI's terms."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    client = scope.get("client")
    peer: str = client[0] if client else ""
    origin = proxies().origin(peer, scope.get("scheme", "http"), headers)
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return Head(
        method=scope["method"],
        path=path,
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        address=origin.address,
        scheme=origin.scheme,
        host=origin.host,
        prefix=root + resources.PREFIX,
        request_id=request_id(headers.get(b"x-request-id"), peer),
    )


def as_told(scope: Scope, head: Head) -> Scope:
    """The scope for Django, with the address, scheme and host that trusted proxies told."""
    client = scope.get("client")
    host = head.host.encode("latin-1")
    told = (scope.get("scheme", "http"), head.headers.get(b"host", b""))
    if client is not None and client[0] == head.address and told == (head.scheme, host):
        return scope
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {
        **scope,
        "client": (head.address, 0) if head.address else None,
        "scheme": head.scheme,
        "headers": [*headers, (b"host", host)],
    }
