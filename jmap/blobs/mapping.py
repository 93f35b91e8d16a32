"""Octets of a file as memory that a process does not keep: what was read of them goes back to the system.

Rules kept here: a search or a walk of slices through any number of octets has a few megabytes of them mapped at once;
pages that were let go of come back by themselves where they are read again, mostly from the system's cache.
"""

from __future__ import annotations

import mmap
from typing import Any

WINDOW = 4 * 1024 * 1024
"""Octets walked through until pages are let go of."""


class LeanMap(mmap.mmap):
    """A read-only mapping of a file; ``find`` and slices count how far one has walked."""

    _walked = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None, /) -> int:
        """As ``bytes.find`` does for what is not empty; ``start`` and ``end`` count from the beginning."""
        stop = len(self) if end is None else min(end, len(self))
        overlap = len(sub) - 1
        while start < stop:
            until = min(stop, start + WINDOW)
            found = super().find(sub, start, min(stop, until + overlap))
            self._walk((until if found < 0 else found) - start)
            if found >= 0:
                return found
            start = until
        return -1

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if isinstance(found, bytes):
            self._walk(len(found))
        return found

    def _walk(self, octets: int) -> None:
        self._walked += octets
        if self._walked >= WINDOW:
            self._walked = 0
            self.madvise(mmap.MADV_DONTNEED)
