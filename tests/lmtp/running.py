"""A server in a thread of the test."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connections

from mail.lmtp.addresses import listen
from mail.lmtp.conf import LmtpOptions
from mail.lmtp.server import Server
from tests.lmtp.client import SECONDS, Client


@dataclass
class Running:
    """A server that runs."""

    server: Server
    address: Any
    loop: asyncio.AbstractEventLoop
    lookups: Any

    def connect(self) -> Client:
        return Client(self.address)

    def call(self, do: Any) -> Any:
        """Run a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(do, self.loop).result(SECONDS)

    def run_soon(self, do: Any) -> Any:
        """The same without waiting."""
        return asyncio.run_coroutine_threadsafe(do, self.loop)


@contextlib.contextmanager
def running(options: LmtpOptions) -> Iterator[Running]:
    """A server for the time of a block, with its own event loop and threads."""
    sockets = listen("127.0.0.1:0"), listen("127.0.0.1:0")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Server:
        server = Server(options)
        await server.start([sockets[0]], [sockets[1]])
        return server

    try:
        server = asyncio.run_coroutine_threadsafe(start(), loop).result(SECONDS)
        site = Running(server, sockets[0].getsockname(), loop, sockets[1].getsockname())
        yield site
        site.call(server.stop())
        _end_threads()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(SECONDS)
        loop.close()
        connections.close_all()


def _end_threads() -> None:
    """Wait for the pool's threads, whose connections go with them, so that the database can be emptied."""
    for thread in threading.enumerate():
        if thread.name == "lmtp":
            thread.join(SECONDS)
