"""The ASGI edge: answers the protocol's resources itself and passes everything else to Django.

Rules kept here:
- a request that is answered costs the event loop parsing and bookkeeping, and one hand-over to a thread;
- the address, scheme and host that trusted proxies tell hold for Django too;
- credentials that are not remembered are verified in threads of their own, the same ones once at a time.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from jmap.auth.verify import Verified
from jmap.edge import daphne, endpoint, extensions, gate, resources, uvicorn
from jmap.edge.exchange import Exchange, Receive, Send
from jmap.edge.http import Head, proxies, request_id
from jmap.edge.options import edge_options
from jmap.edge.problems import Problem
from jmap.edge.socket import Socket
from jmap.edge.threads import WorkerPool

Scope = dict[str, Any]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOGIN_THREADS = 2

_SCHEMES = {"ws": "http", "wss": "https"}
"""What a WebSocket's scheme is called where addresses and origins are compared."""


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
            await self._socket(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = head_of(scope)
        handler = extensions.socket(head.path)
        self._start()
        await Socket(self, head, scope, receive, send).run(handler or _nobody)

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
            for extension in extensions.served:
                extension.start(self)

    def _end_with_the_server(self) -> None:
        """End what is open when the server is told to end: it waits for open connections, and streams have no end."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, functools.partial(self._told_to_end, loop, before))

    def _told_to_end(
        self, loop: asyncio.AbstractEventLoop, before: Callable[[int, Any], Any], number: int, frame: Any
    ) -> None:
        loop.call_soon_threadsafe(self._stop)
        before(number, frame)

    def _stop(self) -> None:
        for extension in extensions.served:
            extension.stop(self)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            self._start()
            self._end_with_the_server()
            await send({"type": "lifespan.startup.complete"})
        if self._loop is not None:
            self._stop()
            self.pool.close()
            self.logins.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _nobody(socket: Socket) -> None:
    raise Problem(404, "Nothing speaks WebSocket here.")


def edge(django_application: Any) -> Edge:
    """The ASGI application to serve: the protocol's resources, and Django for everything else."""
    daphne.install()
    uvicorn.install()
    extensions.mount()
    return Edge(django_application)


def head_of(scope: Scope) -> Head:
    """The head of a request in ASGI's terms."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    client = scope.get("client")
    peer: str = client[0] if client else ""
    scheme: str = scope.get("scheme", "http")
    origin = proxies().origin(peer, _SCHEMES.get(scheme, scheme), headers)
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return Head(
        method=scope.get("method", "GET"),
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
