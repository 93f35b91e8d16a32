"""A message on its way from the wire to the disk.

Rules kept here:
- of a message no more than a few hundred kilobytes are in memory at once, however large it is;
- the event loop writes to no file: what goes to disk is written in a thread, and the client waits meanwhile;
- a message that is too large is read to its end and thrown away as it comes, since only then can the refusal be heard.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from jmap.blobs.spool import IN_MEMORY, Spool
from mail.lmtp.dots import Dots
from mail.services.delivery import Outcome
from mail.services.delivery import envelope as outcomes

Run = Callable[..., "asyncio.Future[Any]"]
"""Runs a function in a thread."""

BARE = outcomes.refused(550, "5.6.0", "the message holds a bare CR or LF, and only CRLF ends a line")


class Arrival:
    """Content gathers here until the message has ended."""

    def __init__(self, limit: int, run: Run) -> None:
        self.dots = Dots()
        self.refusal: Outcome | None = None
        """Why the message will not be delivered, whatever else it holds."""
        self._limit = limit
        self._run = run
        self._spool = Spool()
        self._pieces: list[bytes] = []
        self._waiting = 0
        self._size = 0
        self._writing: asyncio.Future[Any] | None = None

    @property
    def size(self) -> int:
        """Octets of content so far, kept or not."""
        return self._size

    async def feed(self, chunk: bytes) -> None:
        """Take what came over the wire."""
        content = self.dots.feed(chunk)
        self._size += len(content)
        if self._size > self._limit:
            self._refuse(outcomes.TOO_LARGE)
        if self.dots.has_bare_line_end:
            self._refuse(BARE)
        if self.refusal is None and content:
            self._pieces.append(content)
            self._waiting += len(content)
            if self._waiting >= IN_MEMORY:
                await self._write()

    def hand_over(self) -> tuple[Spool, list[bytes]]:
        """The message, which is the caller's to close now: the spool, and what it still lacks."""
        spool, self._spool = self._spool, Spool()
        return spool, self._take()

    def close(self) -> None:
        """Forget everything; a write that is under way is waited for, since the file is in use."""
        self._pieces = []
        if self._writing is not None and not self._writing.done():
            spool = self._spool
            self._writing.add_done_callback(lambda _done: spool.close())
        else:
            self._spool.close()

    def _refuse(self, outcome: Outcome) -> None:
        self.refusal = self.refusal or outcome
        self._pieces, self._waiting = [], 0

    def _take(self) -> list[bytes]:
        pieces, self._pieces, self._waiting = self._pieces, [], 0
        return pieces

    async def _write(self) -> None:
        self._writing = self._run(self._spool.write_all, self._take())
        try:
            await asyncio.shield(self._writing)
        except OSError as error:
            self._refuse(outcomes.not_stored(error))
