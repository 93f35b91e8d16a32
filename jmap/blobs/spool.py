"""Spool: octets on their way in, hashed while they arrive, in memory first and in a file when they get many."""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from jmap.blobs.errors import TooLarge
from jmap.blobs.mapping import LeanMap
from jmap.blobs.storage import default_store

IN_MEMORY = 256 * 1024
"""Octets kept in memory before they go to a file."""


class Spool:
    """A growing run of octets; ``limit`` is how many it takes, in octets. A context manager: leaving removes the file.

    The file lies in the blob store's own spool folder, so that storing it is a link and not a copy.
    """

    def __init__(self, limit: int | None = None, in_memory: int = IN_MEMORY) -> None:
        self.size = 0
        self.limit = limit
        self.path: Path | None = None
        self._in_memory = in_memory
        self._buffer = bytearray()
        self._hash = hashlib.sha256()
        self._descriptor: int | None = None
        self._is_sealed = False

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def digest(self) -> bytes:
        """SHA-256 of what was written so far."""
        return self._hash.digest()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take more octets. Raises TooLarge past the limit and OSError where the disk takes no more."""
        if self._is_sealed:
            raise ValueError("the spool was stored: its file is the object now, and objects never change")
        if self.limit is not None and self.size + len(data) > self.limit:
            raise TooLarge(self.limit)
        if self._descriptor is None and self.size + len(data) > self._in_memory:
            self._to_file()
        if self._descriptor is None:
            self._buffer += data
        else:
            _write_all(self._descriptor, data)
        self._hash.update(data)
        self.size += len(data)

    def write_all(self, chunks: Iterable[bytes | memoryview]) -> Spool:
        """Take every chunk; returns itself."""
        for chunk in chunks:
            self.write(chunk)
        return self

    def view(self) -> mmap.mmap | bytes:
        """Everything so far, mapped where it is in a file."""
        if self._descriptor is None:
            return bytes(self._buffer)
        return LeanMap(self._descriptor, 0, access=mmap.ACCESS_READ)

    def seal(self) -> None:
        """Take no more octets, since the store may keep the very file."""
        self._is_sealed = True

    def close(self) -> None:
        """Forget the octets; may be called twice."""
        self._buffer = bytearray()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self.path is not None:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            self.path = None

    def _to_file(self) -> None:
        folder = default_store().spool_folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path = folder / f"in-{secrets.token_hex(16)}"
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        _write_all(self._descriptor, self._buffer)
        self._buffer = bytearray()


def _write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
