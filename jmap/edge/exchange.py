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

from jmap.auth.session_cookie import verified_by_cookie
from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused, Verified, verifier
from jmap.edge import encode, endpoint
from jmap.edge.http import Head, Headers, Reply, common_headers, host_is_allowed, is_same_origin, preflight
from jmap.edge.language import choose
from jmap.edge.options import edge_options
from jmap.edge.problems import Problem, describe, wrong_method
from jmap.limits import Lease, limit_store
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

PATIENCE = 1.5
"""Seconds that a log-in is held rather than refused: a user's own address never waits longer."""


class ClientGone(Exception):
    """The client hung up before it was answered."""


class Exchange:
    """One request and its answer."""

    __slots__ = ("_gone", "_receive", "_send", "edge", "head", "language", "started")

    def __init__(self, edge: Edge, head: Head, receive: Receive, send: Send) -> None:
        self.edge = edge
        self.head = head
        self._receive = receive
        self._send = send
        self.started = False
        self._gone: asyncio.Task[None] | None = None
        self.language = choose(head.text(b"accept-language"))

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

    # ------------------------------------------------------------------------------------------------------------ who

    @property
    def site(self) -> str:
        """Scheme, host and prefix, which every address of the Session object starts with."""
        return self.head.site

    def allow(self, *methods: str) -> None:
        """Raise Problem 405 for other methods."""
        if self.head.method not in methods:
            raise wrong_method(methods)

    async def verified(self) -> Verified:
        """Who asks. Raises Refused, TooManyFailures, Problem."""
        header = self.head.headers.get(b"authorization")
        if header is not None:
            return verifier.remembered(header, self.head.address) or await self._login(header)
        if b"cookie" not in self.head.headers:
            raise Refused
        if not is_same_origin(self.head):
            raise Problem(403, "A request that is signed in by a cookie must come from this site's own pages.")
        found: Verified | None = await self.edge.logins.run(
            self.head.address, verified_by_cookie, self.head.text(b"cookie")
        )
        if found is None:
            raise Refused
        return found

    async def _login(self, header: bytes) -> Verified:
        try:
            return await self.edge.login(header, self.head.address)
        except TooManyFailures as error:
            if error.retry_after > PATIENCE:
                raise
            await asyncio.sleep(error.retry_after)
            return await self.edge.login(header, self.head.address)

    async def work(
        self,
        verified: Verified,
        function: Callable[..., Any],
        *arguments: Any,
        finished: Callable[[], None] | None = None,
    ) -> Any:
        """Run ``function(principal, …)`` in a thread; credentials that have changed are looked at anew, once.

        ``finished`` is called when the work has ended, before its result is looked at.
        """
        run = self.edge.pool.run
        try:
            return await run(
                verified.user_key,
                endpoint.as_principal,
                verified,
                self.language,
                function,
                *arguments,
                finished=finished,
            )
        except Refused:
            header = self.head.headers.get(b"authorization")
            if header is None:
                raise
            verifier.forget(header)
            again = await self._login(header)
            return await run(again.user_key, endpoint.as_principal, again, self.language, function, *arguments)

    async def enter(self, gate: Callable[..., Any], user_key: Any, limit: int) -> Any:
        """Pass a gate; a limit store that may wait for the network is asked in a thread."""
        if not limit_store().blocking:
            return gate(user_key, limit)
        return await self.edge.pool.run(user_key, gate, user_key, limit)

    def leave(self, lease: Lease) -> None:
        """Give a slot back."""
        if limit_store().blocking:
            asyncio.get_running_loop().run_in_executor(None, lease.release)
        else:
            lease.release()

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
        if self._gone is None:
            self._gone = asyncio.ensure_future(self._hang_up())
        elif self._gone.done():
            raise ClientGone
        try:
            async with asyncio.timeout(edge_options().write_timeout):
                await self._send(message)
        except TimeoutError:
            raise ConnectionAbortedError("the client takes nothing") from None

    async def _hang_up(self) -> None:
        """Return when the client has gone: a server takes what is sent to nobody without a word."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def packed(self, reply: Reply) -> Reply:
        """The reply, compressed where the client asks and it pays."""
        return encode.packed(reply, self.head)
