"""One WebSocket over ASGI: its handshake, judged like any request, and its messages (RFC 6455).

Rules kept here:
- host, proxy and credential rules are those of requests; a page of another origin may connect where CORS lets it read,
  and never by a cookie;
- a handshake is refused with the status and the document that a request would get;
- sending waits for the client; one that takes nothing is not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused
from jmap.edge import endpoint
from jmap.edge.caller import Caller
from jmap.edge.cut import cut_off
from jmap.edge.exchange import ClientGone, Receive, Send
from jmap.edge.http import Head, Reply, common_headers, host_is_allowed, is_same_origin
from jmap.edge.options import edge_options
from jmap.edge.problems import Problem, describe
from jmap.protocol.errors import RequestError

if TYPE_CHECKING:
    from jmap.edge.asgi import Edge

log = logging.getLogger("jmap.edge")

GOING_AWAY, UNSUPPORTED_DATA, POLICY_VIOLATION, INTERNAL_ERROR = 1001, 1003, 1008, 1011
"""Codes of a Close frame (RFC 6455 §7.4.1)."""

MAX_REASON = 123
"""Octets that a Close frame has room for (RFC 6455 §5.5)."""


class Socket(Caller):
    """One WebSocket; ``subprotocols`` are those that the client offers."""

    __slots__ = ("_closed", "_is_open", "_receive", "_send", "_sending", "can_refuse", "subprotocols")

    def __init__(self, edge: Edge, head: Head, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        super().__init__(edge, head)
        self.subprotocols: list[str] = scope.get("subprotocols", [])
        self.can_refuse = "websocket.http.response" in scope.get("extensions", {})
        self._receive = receive
        self._send = send
        self._sending = asyncio.Lock()
        self._is_open = False
        self._closed = False

    async def run(self, handler: Callable[[Socket], Awaitable[None]]) -> None:
        """Speak by the handler until either side has enough."""
        await self._receive()  # the handshake
        try:
            self._judge()
            await handler(self)
        except ClientGone:
            log.debug("%s: the client hung up", self.head.request_id)
        except (RequestError, Refused, TooManyFailures, Problem) as error:
            reply = describe(error, self.head)
            log.info("%s: %d for %s", self.head.request_id, reply.status, self.head.address)
            await self._refuse(reply)
        except Exception as error:
            endpoint.report(error, f"{self.head.request_id}: {handler.__name__}")
            if self._is_open:
                await self.close(INTERNAL_ERROR, "An unexpected error occurred.")
            else:
                await self._refuse(describe(Problem(500, "An unexpected error occurred."), self.head))

    def _judge(self) -> None:
        """Raise Problem for a host that is not ours and an origin that may not read answers."""
        if not host_is_allowed(self.head.host):
            raise Problem(400, "This server does not answer to that host name.")
        origin, allowed = self.head.text(b"origin"), edge_options().cors_origins
        if origin and "*" not in allowed and origin not in allowed and not is_same_origin(self.head):
            raise Problem(403, "Pages of that origin may not connect.")

    async def accept(self, subprotocol: str) -> None:
        """Complete the handshake."""
        self._is_open = True
        await self._send({"type": "websocket.accept", "subprotocol": subprotocol})

    async def _refuse(self, reply: Reply) -> None:
        if self._is_open or not self.can_refuse:
            await self.close(POLICY_VIOLATION)
            return
        headers = [*reply.headers, *common_headers(self.head), (b"content-length", b"%d" % len(reply.body))]
        await self._send({"type": "websocket.http.response.start", "status": reply.status, "headers": headers})
        await self._send({"type": "websocket.http.response.body", "body": reply.body})

    async def text(self) -> str | None:
        """The next message, None for a binary one. Raises ClientGone."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._closed = True
            raise ClientGone
        text: str | None = message.get("text")
        return text

    async def put(self, octets: bytes) -> None:
        """Send one text message. Raises ClientGone."""
        try:
            async with self._sending, asyncio.timeout(edge_options().write_timeout):
                if self._closed:
                    raise ClientGone
                await self._send({"type": "websocket.send", "text": octets.decode()})
        except (TimeoutError, OSError):
            self._closed = True
            cut_off(self._send)
            raise ClientGone from None

    async def close(self, code: int, reason: str = "") -> None:
        """Say good-bye, and why."""
        if not self._closed:
            self._closed = True
            reason = reason.encode()[:MAX_REASON].decode("utf-8", "ignore")
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
