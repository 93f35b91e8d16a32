"""JMAP over WebSocket (RFC 8887).

Rules kept here:
- a Request has the limits, the gates and the endpoint of one over HTTP, and each runs by itself: nobody waits behind
  another's search;
- whatever is wrong with a message is said in a RequestError under its id; only a binary message ends the connection;
- pushes and responses share the connection, and neither waits for the other to be ready;
- a connection ends when its credentials do.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import orjson

from jmap.auth.principal import UserPrincipal
from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused
from jmap.edge import encode, endpoint, gate
from jmap.edge.exchange import ClientGone
from jmap.edge.options import limits
from jmap.edge.problems import Problem, describe
from jmap.edge.socket import GOING_AWAY, POLICY_VIOLATION, UNSUPPORTED_DATA, Socket
from jmap.protocol import ijson
from jmap.protocol.errors import RequestError
from jmap.protocol.ports import Json
from jmap.protocol.request import build_request, limit_error
from jmap.registry import registry
from push import tickets
from push.datatypes.ticket import TICKETS, WEBSOCKET
from push.listener import NOT_ALLOWED, SERVER_ENDS, Changed, Listener, Pace
from push.position import from_text
from push.serving import serving
from push.types import type_names
from push.visitor import Visitor, welcome

SUBPROTOCOL = "jmap"
AUTHORIZATION = "jmapauth."
"""A browser's page can choose subprotocols, but no header: some send the header's value in this one."""

INLINE = 16_384
"""Octets of a message that the event loop itself parses; a longer one goes to a thread."""

QUIET = 3_600.0


def capabilities(site: str) -> dict[str, Json]:
    """The capabilities of push that name addresses (RFC 8887 §3; docs/push.md)."""
    url = f"ws{site.removeprefix('http')}/ws"
    events = f"{site}/events?types={{types}}&closeafter={{closeafter}}&ping={{ping}}&ticket={{ticket}}"
    return {
        WEBSOCKET: {"url": url, "supportsPush": True},
        TICKETS: {"eventSourceUrl": events, "webSocketUrl": f"{url}?ticket={{ticket}}"},
    }


async def converse(socket: Socket) -> None:
    """Serve one connection."""
    _take_authorization(socket)
    if SUBPROTOCOL not in socket.subprotocols:
        raise Problem(400, "The client has to offer the subprotocol jmap.")
    ticket = parse_qs(socket.head.query).get("ticket", [None])[-1]
    visitor = await welcome(socket, ticket, tickets.Kind.WEB_SOCKET)
    async with serving(socket.edge).listening(visitor, frozenset(), moves=True) as listener:
        await socket.accept(SUBPROTOCOL)
        await Conversation(socket, visitor, listener).run()


def _take_authorization(socket: Socket) -> None:
    """Take an Authorization header that came as a subprotocol."""
    if b"authorization" in socket.head.headers:
        return
    for name in socket.subprotocols:
        if name.startswith(AUTHORIZATION):
            text = name.removeprefix(AUTHORIZATION)
            try:
                value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            except (binascii.Error, ValueError):
                raise Refused from None
            socket.head = replace(socket.head, headers={**socket.head.headers, b"authorization": value})


class Conversation:
    """What is said over one connection."""

    def __init__(self, socket: Socket, visitor: Visitor, listener: Listener) -> None:
        self.socket = socket
        self.visitor = visitor
        self.listener = listener
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Read messages until the connection ends; answer and push meanwhile."""
        telling = asyncio.ensure_future(self._tell())
        try:
            while True:
                text = await self.socket.text()
                if text is None:
                    await self.socket.close(UNSUPPORTED_DATA, "Messages are text.")
                    return
                await self._room()
                await self._take(text)
        finally:
            telling.cancel()
            for task in self._answering:
                task.cancel()

    async def _room(self) -> None:
        """Wait while very much is under way: more than the limit allows is refused, and refusals have to be taken."""
        while len(self._answering) >= 2 * limits().max_concurrent_requests:
            await asyncio.wait(self._answering, return_when=asyncio.FIRST_COMPLETED)

    # ---------------------------------------------------------------------------------------------------------- coming

    async def _take(self, text: str) -> None:
        request_id: Json = None
        try:
            value = await self._parse(text)
            if isinstance(value, dict) and isinstance(value.get("id"), str):
                request_id = value["id"]
            kind = value.get("@type") if isinstance(value, dict) else None
            if kind == "Request":
                if not isinstance(value.get("id", ""), str):
                    raise _not_request("id must be a string")
                task = asyncio.ensure_future(self._answer(value, request_id))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            elif kind == "WebSocketPushEnable":
                self._enable(value)
            elif kind == "WebSocketPushDisable":
                self.listener.types = frozenset()
                self.listener.pending.clear()
            else:
                raise _not_request("@type must be Request, WebSocketPushEnable or WebSocketPushDisable")
        except RequestError as error:
            await self._say_error(error, request_id)

    async def _parse(self, text: str) -> Json:
        data = text.encode()
        if len(data) > limits().max_size_request:
            raise limit_error("maxSizeRequest", "The request is larger than maxSizeRequest.")
        try:
            if len(data) <= INLINE:
                return ijson.parse(data)
            return await self.socket.edge.pool.run(self.visitor.verified.user_key, ijson.parse, data)
        except ijson.NotIJson as error:
            raise RequestError("notJSON", f"The request did not parse as I-JSON: {error}.") from None

    def _enable(self, value: dict[str, Json]) -> None:
        names, known = value.get("dataTypes"), value.get("pushState")
        if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
            raise _not_request("dataTypes must be null or an array of strings")
        if known is not None and not isinstance(known, str):
            raise _not_request("pushState must be a string")
        try:
            self.listener.types = None if names is None else type_names(names)
        except ValueError as error:
            raise _not_request(f"dataTypes: {error}") from None
        self.listener.pending.clear()
        if known is not None:
            self.listener.catch_up(from_text(known), self.listener.accounts)

    async def _answer(self, value: dict[str, Json], request_id: str | None) -> None:
        socket, verified = self.socket, self.visitor.verified
        try:
            lease, _rate = await socket.enter(gate.enter_api, verified.user_key, limits().max_concurrent_requests)
            octets = await socket.work(
                verified, _respond, value, request_id, socket.site, finished=lambda: socket.leave(lease)
            )
            await socket.put(octets)
        except ClientGone:
            return
        except Refused:
            self.listener.end(NOT_ALLOWED)
        except (RequestError, TooManyFailures, Problem) as error:
            await self._say_error(error, request_id)
        except Exception as error:
            endpoint.report(error, f"{socket.head.request_id}: WebSocket")
            await self._say_error(Problem(500, "An unexpected error occurred."), request_id)

    # ----------------------------------------------------------------------------------------------------------- going

    async def _say_error(self, error: Exception, request_id: str | None) -> None:
        document = orjson.loads(describe(error, self.socket.head).body)
        try:
            await self.socket.put(orjson.dumps({"@type": "RequestError", "requestId": request_id, **document}))
        except ClientGone:
            return

    async def _tell(self) -> None:
        """Push changes until the end, then say why it is the end."""
        pace, listener = Pace(), self.listener
        try:
            while not listener.ending:
                free_in = pace.wait(time.monotonic())
                if listener.pending and free_in <= 0:
                    await self.socket.put(_state(listener.take(), listener.position()))
                    pace.went(time.monotonic())
                else:
                    await listener.wait(free_in if listener.pending else QUIET)
            await self.socket.close(GOING_AWAY if listener.ending == SERVER_ENDS else POLICY_VIOLATION, listener.ending)
        except ClientGone:
            return


def _respond(principal: UserPrincipal, value: dict[str, Json], request_id: str | None, site: str) -> bytes:
    """The octets of the Response, in a thread (RFC 8887 §4.3.3). Raises RequestError."""
    response = endpoint.respond(principal, build_request(value, limits(), registry.capabilities), site)
    named: dict[str, Any] = {} if request_id is None else {"requestId": request_id}
    return encode.dumps({"@type": "Response", **named, **response})


def _state(changed: Changed, position: str) -> bytes:
    return orjson.dumps({"@type": "StateChange", "changed": changed, "pushState": position})


def _not_request(detail: str) -> RequestError:
    return RequestError("notRequest", f"The message is JSON, but not what is understood here: {detail}.")
