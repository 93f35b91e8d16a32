"""WebSocket under daphne: back-pressure both ways, refusals with a status, and every code of a Close frame.

As it comes, daphne queues messages whether the application takes them or not, hands what is sent to the transport
whether the client takes it or not, answers every refused handshake with a bare 403, and its WebSocket library takes
no code of RFC 6455 §7.4.1 but 1000 from an application. Here these places are given what ASGI promises.

Rules kept here: as in ``jmap.edge.daphne``: nothing of daphne is replaced but these places.
"""

from __future__ import annotations

import asyncio
import http
from typing import Any

from jmap.conf import jmap_options

MANY, FEW = 4, 2
"""Messages that wait for the application before reading stops, and before it goes on."""


class SocketQueue(asyncio.Queue[dict[str, Any]]):
    """What the application receives; the connection is not read while much waits."""

    def __init__(self, transport: Any) -> None:
        super().__init__()
        self._transport = transport
        self._is_paused = False

    def put_nowait(self, item: dict[str, Any]) -> None:
        """Take a message of daphne's."""
        super().put_nowait(item)
        if self.qsize() >= MANY and not self._is_paused:
            self._is_paused = True
            self._transport.pauseProducing()

    async def get(self) -> dict[str, Any]:
        """The next message."""
        item = await super().get()
        if self._is_paused and self.qsize() < FEW:
            self._is_paused = False
            self._transport.resumeProducing()
        return item


def room_for_requests(init: Any) -> Any:
    """daphne's server, taking messages as large as a request may be: the application says which limit one breaks."""

    def create(server: Any, *arguments: Any, **options: Any) -> None:
        init(server, *arguments, **options)
        largest = 2 * jmap_options().max_size_request
        server.websocket_max_message_size = server.websocket_max_frame_size = largest

    return create


def create(create_application: Any, server: Any, protocol: Any, scope: dict[str, Any]) -> Any:
    """Make the application of a WebSocket, reading on demand."""
    queue = SocketQueue(protocol.transport)
    protocol.failByDrop = False  # who breaks a rule of WebSocket is told by a Close frame
    application = server.application

    async def run(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await application(scope, queue.get, send)

    scope["extensions"] = {"websocket.http.response": {}}
    server.application = run
    try:
        made = create_application(server, protocol, scope)
    finally:
        server.application = application
    return None if made is None else queue


async def handle(handle_reply: Any, producer: type[Any], server: Any, protocol: Any, message: dict[str, Any]) -> None:
    """Send what the application gives, and return when there is room for more."""
    kind = message["type"]
    if kind == "websocket.http.response.start":
        protocol.jmap_refusal = message
    elif kind == "websocket.http.response.body":
        _refuse(server, protocol, protocol.jmap_refusal, message.get("body", b""))
    elif kind == "websocket.close" and protocol.state == protocol.STATE_OPEN:
        reason = message.get("reason") or ""
        protocol.sendCloseFrame(code=message.get("code") or 1000, reasonUtf8=reason.encode(), isReply=False)
    else:
        await handle_reply(server, protocol, message)
        if kind == "websocket.accept":
            # Until now the HTTP channel was told when the transport is full, and would stop reading.
            protocol.transport.unregisterProducer()
            protocol.jmap_producer = producer()
            protocol.transport.registerProducer(protocol.jmap_producer, True)
        elif kind == "websocket.send":
            await protocol.jmap_producer.wait()


def _refuse(server: Any, protocol: Any, start: dict[str, Any], body: bytes) -> None:
    """Answer a handshake with a status of the application's own."""
    if protocol not in server.connections or protocol.state != protocol.STATE_CONNECTING:
        return
    status = http.HTTPStatus(start["status"])
    lines = [b"HTTP/1.1 %d %s" % (status, status.phrase.encode()), b"connection: close"]
    lines += [name + b": " + value for name, value in start.get("headers", [])]
    protocol.sendData(b"\r\n".join([*lines, b"", body]))
    del protocol.handshake_deferred
    server.protocol_disconnected(protocol)
    protocol.dropConnection(abort=False)
