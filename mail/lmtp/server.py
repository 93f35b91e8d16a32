"""All LMTP and socketmap connections of one process.

Rules kept here:
- the event loop waits for the network alone: what asks the database runs in a bounded pool of threads;
- who may not connect, or comes when there are too many, hears why and is closed;
- a server that ends takes no new transaction, finishes those under way for a bounded time, and says 421 to the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

from jmap.edge.threads import WorkerPool
from mail.lmtp import lookups
from mail.lmtp.conf import LmtpOptions
from mail.lmtp.session import Session

log = logging.getLogger("mail.lmtp")


class Server:
    """Serves sockets that listen already."""

    def __init__(self, options: LmtpOptions) -> None:
        self.options = options
        self.is_ending = False
        self.sessions: set[Session] = set()
        self._asking: set[asyncio.Task[None]] = set()
        self._listeners: list[asyncio.Server] = []
        # A connection has one thing done at a time, so its share of the threads is of no matter.
        self._pool = WorkerPool(options.threads, "lmtp")
        self._is_idle = asyncio.Event()

    async def start(self, lmtp: Sequence[socket.socket], socketmap: Sequence[socket.socket] = ()) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        for listener in lmtp:
            self._listeners.append(await loop.create_server(lambda: Session(self), sock=listener))
        for listener in socketmap:
            self._listeners.append(await asyncio.start_server(self._look_up, sock=listener))

    async def stop(self) -> None:
        """End: see the rules."""
        self.is_ending = True
        for listener in self._listeners:
            listener.close()
        for session in tuple(self.sessions):
            session.retire()
        for task in self._asking:
            task.cancel()
        if self.sessions:
            self._is_idle.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._is_idle.wait(), self.options.stop_timeout)
        for session in tuple(self.sessions):
            log.warning("a message that was still arriving is cut off; its client sends it again")
            session.abort()
        self._pool.close()

    def run(self, key: object, function: Callable[..., Any], *arguments: Any) -> asyncio.Future[Any]:
        """Run a function in a thread on behalf of a connection."""
        return self._pool.run(key, _on_a_live_connection, function, *arguments)

    # -------------------------------------------------------------------------------------------------- connections

    def admit(self, session: Session) -> str | None:
        """Count a connection, or say why it may not stay."""
        assert session.session is not None
        if not self._may_connect(session.session.peer):
            log.warning("a client of %s is none that may speak to this server", session.session.peer)
            return "554 5.7.1 you may not speak to this server"
        if self.is_ending:
            return "421 4.3.2 the server ends, come again"
        if len(self.sessions) >= self.options.max_connections:
            return "421 4.3.2 too many connections, come again"
        self.sessions.add(session)
        return None

    def leave(self, session: Session) -> None:
        """A connection has ended."""
        self.sessions.discard(session)
        if not self.sessions:
            self._is_idle.set()

    def _may_connect(self, peer: Any) -> bool:
        if not isinstance(peer, tuple):
            return True
        address = ipaddress.ip_address(peer[0].partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.options.networks)

    async def _look_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._asking.add(task)
        try:
            if self._may_connect(writer.get_extra_info("peername")) and len(self._asking) <= self._most_asking:
                await lookups.serve(self, reader, writer)
        except (OSError, TimeoutError, EOFError, lookups.BadRequest, asyncio.CancelledError):
            pass  # whoever asked has gone, or asks in no language of ours
        finally:
            self._asking.discard(task)
            writer.close()

    @property
    def _most_asking(self) -> int:
        """Every smtpd of Postfix keeps a connection of its own."""
        return self.options.max_connections * 5


def _on_a_live_connection(function: Callable[..., Any], *arguments: Any) -> Any:
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()
    return function(*arguments)


async def serve(
    options: LmtpOptions, lmtp: Sequence[socket.socket], socketmap: Sequence[socket.socket], lifeline: int | None
) -> None:
    """Serve until a signal asks for the end, or the other end of ``lifeline``, a pipe, is closed."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    if lifeline is not None:
        loop.add_reader(lifeline, ending.set)
    server = Server(options)
    await server.start(lmtp, socketmap)
    await ending.wait()
    if lifeline is not None:
        loop.remove_reader(lifeline)
    await server.stop()
