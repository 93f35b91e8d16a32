"""One request over ASGI and its answer: who asks, what comes in, what goes out, and how it ends.

Rules kept here:
- an exchange ends with one whole answer, or with a broken connection where the head of another was out already;
- whatever a client sends, the answer is no 5xx; what the client hung up on is given up;
- a client that is silent while it sends, or takes nothing of what is sent, is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused
from jmap.edge import encode, endpoint
from jmap.edge.caller import Caller
from jmap.edge.cut import cut_off
from jmap.edge.http import Head, Headers, Reply, common_headers, host_is_allowed, preflight
from jmap.edge.options import edge_options
from jmap.edge.problems import Problem, describe, wrong_method
from jmap.protocol.errors import RequestError
from jmap.protocol.request import limit_error

if TYPE_CHECKING:
    from jmap.edge.asgi import Edge

log = logging.getLogger("jmap.edge")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[["Exchange"], Awaitable[None]]

STEP = 256 * 1024
"""Octets of a body that are given to the server, or written to disk, at once."""


class ClientGone(Exception):
    """The client hung up before it was answered."""


class Exchange(Caller):
    """One request and its answer."""

    __slots__ = ("_gone", "_receive", "_send", "started")

    def __init__(self, edge: Edge, head: Head, receive: Receive, send: Send) -> None:
        super().__init__(edge, head)
        self._receive = receive
        self._send = send
        self.started = False
        self._gone: asyncio.Task[None] | None = None

    async def run(self, handler: Handler) -> None:
        """Answer by the handler, or with an error document where it raises."""
        try:
            if not host_is_allowed(self.head.host):
                raise Problem(400, "This server does not answer to that host name.")
            if self.head.method == "OPTIONS":
                await self.reply(preflight(self.head))
            else:
                await handler(self)
        except ClientGone:
            log.debug("%s: the client hung up", self.head.request_id)
        except (RequestError, Refused, TooManyFailures, Problem) as error:
            await self._fail(describe(error, self.head))
        except Exception as error:
            endpoint.report(error, f"{self.head.request_id}: {handler.__name__}")
            await self._fail(describe(Problem(500, "An unexpected error occurred."), self.head))
        finally:
            if self._gone is not None:
                self._gone.cancel()

    async def _fail(self, reply: Reply) -> None:
        log.info("%s: %d for %s", self.head.request_id, reply.status, self.head.address)
        if self.started:
            # Only a broken connection can tell the client.
            raise ConnectionAbortedError(self.head.request_id)
        await self.reply(reply)

    def allow(self, *methods: str) -> None:
        """Raise Problem 405 for other methods."""
        if self.head.method not in methods:
            raise wrong_method(methods)

    # ------------------------------------------------------------------------------------------------------------- in

    @property
    def declared_length(self) -> int:
        """What Content-Length says, 0 without."""
        value = self.head.headers.get(b"content-length", b"")
        return int(value) if value.isdigit() and len(value) < 19 else 0

    async def body(self, limit: int) -> bytes:
        """The whole body. Raises RequestError past the limit, ClientGone, Problem."""
        too_large = limit_error("maxSizeRequest", "The request is larger than maxSizeRequest.")
        if self.declared_length > limit:
            raise too_large
        body, more = await self.gather(limit + 1)
        if more or len(body) > limit:
            raise too_large
        return body

    async def gather(self, enough: int) -> tuple[bytes, bool]:
        """The next octets of the body, until there are enough, and whether more may follow."""
        message = await self._next()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return body, False
        slices, size = [body], len(body)
        while size < enough:
            message = await self._next()
            slices.append(message.get("body", b""))
            size += len(slices[-1])
            if not message.get("more_body", False):
                return b"".join(slices), False
        return b"".join(slices), True

    async def _next(self) -> Message:
        try:
            async with asyncio.timeout(edge_options().read_timeout):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "The request did not arrive in time.", [(b"connection", b"close")]) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    # ------------------------------------------------------------------------------------------------------------ out

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer; a long one in steps, so that no server has to hold it twice."""
        body = reply.body
        headers = [*reply.headers, *common_headers(self.head)]
        if reply.status not in {204, 304}:
            headers.append((b"content-length", b"%d" % len(body)))
        await self.start(reply.status, headers)
        if self.head.method == "HEAD":
            body = b""
        for start in range(0, len(body) - STEP, STEP):
            await self.put(body[start : start + STEP])
        rest = len(body) % STEP or min(len(body), STEP)
        await self.put(body[len(body) - rest :], more=False)

    async def start(self, status: int, headers: Headers) -> None:
        """Send the head of an answer."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def put(self, data: bytes, *, more: bool = True) -> None:
        """Send octets of the answer, as soon as the client takes them."""
        message = {"type": "http.response.body", "body": data, "more_body": more}
        if not more:
            await self._send(message)
            return
        if self.gone.done():
            raise ClientGone
        try:
            async with asyncio.timeout(edge_options().write_timeout):
                await self._send(message)
        except TimeoutError:
            log.info("%s: the client takes nothing", self.head.request_id)
            cut_off(self._send)
            raise ClientGone from None

    @property
    def gone(self) -> asyncio.Task[None]:
        """Done when the client has hung up; ask once the body is read."""
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._hang_up())
        return self._gone

    async def _hang_up(self) -> None:
        """Return when the client has gone: a server takes what is sent to nobody without a word."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def packed(self, reply: Reply) -> Reply:
        """The reply, compressed where the client asks and it pays."""
        return encode.packed(reply, self.head)
