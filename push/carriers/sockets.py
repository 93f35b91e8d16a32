"""News between the processes of one host: a Unix datagram socket for each process that serves streams.

Rules kept here:
- whoever has news sends them to every socket in the folder, without waiting: a full one loses them;
- a socket whose process has died is removed by whoever notices;
- a folder of any length will do: addresses are taken relative to an open folder, since an address has room for about a
  hundred octets.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from push.news import MAX_OCTETS, News, from_octets, to_octets

if TYPE_CHECKING:
    from push.hub import Hub

log = logging.getLogger("jmap.push")

SUFFIX = ".sock"


class SocketCarrier:
    """See Carrier; ``folder`` is readable by the processes of this site alone."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._own: set[str] = set()

    def describe(self) -> str:
        """How far news reach."""
        return f"Unix sockets in {self.folder}: all processes of this host"

    def publish(self, news: News) -> None:
        """Send to every other process that listens."""
        octets = to_octets(news)
        if len(octets) > MAX_OCTETS:
            return
        try:
            with self._open_folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.setblocking(False)
                for name in os.listdir(folder):
                    if name.endswith(SUFFIX) and name not in self._own:
                        self._send(sender, folder, name, octets)
        except OSError as error:
            log.debug("nobody could be told: %s", error)

    def _send(self, sender: socket.socket, folder: int, name: str, octets: bytes) -> None:
        try:
            sender.sendto(octets, f"/proc/self/fd/{folder}/{name}")
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)
            elif error.errno not in {errno.EAGAIN, errno.ENOENT, errno.ENOBUFS}:
                log.warning("a process could not be told of changes: %s", error)

    @contextlib.contextmanager
    def _open_folder(self):  # type: ignore[no-untyped-def]
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield folder
        finally:
            os.close(folder)

    async def subscribe(self, hub: Hub) -> None:
        """Listen at a socket of this process's own."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{os.getpid()}-{secrets.token_hex(4)}{SUFFIX}"
        with self._open_folder() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
            receiver.setblocking(False)
            receiver.bind(f"/proc/self/fd/{folder}/{name}")
            self._own.add(name)
            hub.loop.add_reader(receiver, _take_all, receiver, hub)
            try:
                await hub.look()
                await asyncio.Event().wait()
            finally:
                hub.loop.remove_reader(receiver)
                self._own.discard(name)
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=folder)


def _take_all(receiver: socket.socket, hub: Hub) -> None:
    """Take what waits, a bounded number at once so that streams are served in between."""
    for _ in range(100):
        try:
            octets = receiver.recv(MAX_OCTETS + 1)
        except OSError:
            return
        news = from_octets(octets)
        if news is not None:
            hub.take(news)
