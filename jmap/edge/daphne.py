"""Back-pressure under daphne, and a bound on what it takes in.

As it comes, daphne puts all slices of a body into a queue before the application has asked for one, and hands a slice
of an answer to the transport whether the client takes it or not: a large upload or a stalled reader is held in memory
whole. Twisted below it parses every form on its own, whole and in memory too. Here the places that do this are given
what ASGI promises:

- a body is written to a file while it comes and read from it when the application asks for the next slice;
- ``send`` waits while the transport is full, and ends when the connection does;
- of a body beyond the bound nothing is kept; the application sees by its length that it is too large, and refuses it.
  A client without credentials has a small bound, and whoever sends far beyond it is cut off.

Rules kept here: nothing of daphne is replaced but these places; installed only in a process that daphne runs.
"""

from __future__ import annotations

import asyncio
import io
import sys
import tempfile
from typing import Any

from jmap.blobs.storage import default_store
from jmap.conf import jmap_options
from jmap.edge import daphne_sockets

SLICE = 64 * 1024
IN_MEMORY = 64 * 1024
"""Octets of a body that are kept in memory before they go to a file."""
STRANGERS_BODY = 1_000_000
"""Octets that are kept of what a client without credentials sends: a form of the admin, no more."""


def install() -> None:
    """Mend daphne, if this process is one of daphne's."""
    module = sys.modules.get("daphne.server")
    if module is None or getattr(module.Server, "jmap_back_pressure", False):
        return
    from daphne.http_protocol import WebRequest

    module.Server.jmap_back_pressure = True
    module.Server.__init__ = daphne_sockets.room_for_requests(module.Server.__init__)
    module.Server.create_application = _with_body_on_demand(module.Server.create_application)
    module.Server.handle_reply = _waiting_for_the_client(module.Server.handle_reply)
    WebRequest.gotLength = _open_body
    WebRequest.handleContentChunk = _keep_chunk


# ------------------------------------------------------------------------------------------------------------------ in


def _open_body(request: Any, length: int | None) -> None:
    """Make room for a body when its head has come."""
    options = jmap_options()
    has_credentials = request.requestHeaders.hasHeader(b"Authorization") or request.requestHeaders.hasHeader(b"Cookie")
    # One more than any resource takes, so that the application can tell.
    bound = max(options.max_size_upload, options.max_size_request) + 1
    request.jmap_room = bound if has_credentials else STRANGERS_BODY
    request.jmap_patience = bound
    request._parsePOSTFormSubmission = False
    if length is not None and length <= IN_MEMORY:
        request.content = io.BytesIO()
        return
    folder = default_store().spool_folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    request.content = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115


def _keep_chunk(request: Any, data: bytes) -> None:
    """Take octets of a body while there is room, then let them pass for a while."""
    kept = data[: request.jmap_room]
    request.jmap_room -= len(kept)
    request.content.write(kept)
    if len(kept) < len(data):
        request.jmap_patience -= len(data) - len(kept)
        if request.jmap_patience < 0 and request.channel is not None:
            request.channel.forceAbortClient()


class BodyQueue(asyncio.Queue[dict[str, Any]]):
    """What the application receives: the body out of its file, then what daphne puts (the disconnect)."""

    def __init__(self, content: Any) -> None:
        super().__init__()
        self._content = content
        self._is_over = False

    def put_nowait(self, item: dict[str, Any]) -> None:
        """Take a message of daphne's; its slices of the body are not needed."""
        if item["type"] != "http.request":
            super().put_nowait(item)

    async def get(self) -> dict[str, Any]:
        """The next message."""
        if self._is_over:
            return await super().get()
        data = self._content.read(SLICE)
        self._is_over = len(data) < SLICE
        return {"type": "http.request", "body": data, "more_body": not self._is_over}

    def close(self) -> None:
        """Let go of the file."""
        self._is_over = True
        self._content.close()


def _with_body_on_demand(create_application: Any) -> Any:
    def create(server: Any, protocol: Any, scope: dict[str, Any]) -> Any:
        if scope["type"] == "websocket":
            return daphne_sockets.create(create_application, server, protocol, scope)
        queue = BodyQueue(protocol.content)
        application = server.application

        async def run(scope: dict[str, Any], receive: Any, send: Any) -> None:
            try:
                await application(scope, queue.get, send)
            finally:
                queue.close()

        # daphne finds an empty body to hand over; the real one is the queue's to read and to close.
        protocol.content = io.BytesIO()
        server.application = run
        try:
            made = create_application(server, protocol, scope)
        finally:
            server.application = application
        if made is None:
            queue.close()
        return None if made is None else queue

    return create


# ----------------------------------------------------------------------------------------------------------------- out


class Producer:
    """Twisted's view of an answer that is being sent: told to pause while the client takes nothing."""

    def __init__(self) -> None:
        self._flowing = asyncio.Event()
        self._flowing.set()

    def pauseProducing(self) -> None:
        """The transport is full."""
        self._flowing.clear()

    def resumeProducing(self) -> None:
        """The transport has room."""
        self._flowing.set()

    def stopProducing(self) -> None:
        """The connection has gone."""
        self._flowing.set()

    async def wait(self) -> None:
        """Return when there is room, or nobody to take anything."""
        await self._flowing.wait()


def _waiting_for_the_client(handle_reply: Any) -> Any:
    async def handle(server: Any, protocol: Any, message: dict[str, Any]) -> None:
        if message["type"].startswith("websocket."):
            if protocol in server.connections and not server.connections[protocol].get("disconnected"):
                await daphne_sockets.handle(handle_reply, Producer, server, protocol, message)
            return
        if message["type"] != "http.response.body" or getattr(protocol, "channel", None) is None:
            await handle_reply(server, protocol, message)
            return
        producer = protocol.producer
        if message.get("more_body", False):
            if producer is None:
                producer = Producer()
                protocol.registerProducer(producer, True)
        elif producer is not None:
            protocol.unregisterProducer()
            producer = None
        await handle_reply(server, protocol, message)
        if producer is not None:
            await producer.wait()

    return handle
