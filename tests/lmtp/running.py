"""A server in a thread of the test, and a client that speaks to it octet by octet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from django.db import connections

from mail.lmtp.addresses import listen
from mail.lmtp.conf import LmtpOptions
from mail.lmtp.server import Server

SECONDS = 10


class Client:
    """Sends octets as they are given, and reads replies (code, lines)."""

    def __init__(self, address: Any) -> None:
        self.socket = socket.create_connection(address, timeout=SECONDS)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *lines: str | bytes) -> None:
        """Send lines, each with CRLF after it, all at once."""
        octets = (line if isinstance(line, bytes) else line.encode() for line in lines)
        self.socket.sendall(b"".join(line + b"\r\n" for line in octets))

    def reply(self) -> str:
        """One reply; lines of one that has several are joined by LF. "" at the end."""
        lines = []
        while line := self._file.readline().decode():
            lines.append(line.removesuffix("\r\n"))
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def replies(self, count: int) -> list[str]:
        """Several."""
        return [self.reply() for _ in range(count)]

    def ask(self, line: str | bytes) -> str:
        """Send a line, give the reply."""
        self.send(line)
        return self.reply()

    def greet(self) -> str:
        """Greeting and LHLO; the answer to the latter."""
        self.reply()
        return self.ask("LHLO client.test")

    def begin(self, *recipients: str, sender: str = "grace@elsewhere.test") -> list[str]:
        """Greeting to DATA, all but the first answered; gives the answers to RCPT."""
        self.greet()
        self.ask(f"MAIL FROM:<{sender}>")
        answers = [self.ask(f"RCPT TO:<{recipient}>") for recipient in recipients]
        assert self.ask("DATA").startswith("354")
        return answers


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
