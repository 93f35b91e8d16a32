"""A blob store in memory: the second store that the contract is held against, and a fast one."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import SLICE, BlobKey, Octets


class SlicedBytes:
    """Octets in slices."""

    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._rest:
            raise StopIteration
        data, self._rest = bytes(self._rest[:SLICE]), self._rest[SLICE:]
        return data

    def close(self) -> None:
        self._rest = memoryview(b"")


class MemoryBlobStore:
    """Objects in a dictionary."""

    def __init__(self) -> None:
        self.objects: dict[BlobKey, bytes] = {}
        self.put_at: dict[BlobKey, float] = {}
        self.unfinished: dict[str, float] = {}
        self.spool_folder = Path(tempfile.gettempdir())

    def put(self, key: BlobKey, data: Octets) -> None:
        self.objects[key] = bytes(data)
        self.put_at[key] = time.time()

    def put_many(self, items: Sequence[tuple[BlobKey, Octets]]) -> None:
        for key, data in items:
            self.put(key, data)

    def put_file(self, key: BlobKey, path: Path) -> None:
        self.put(key, path.read_bytes())

    def copy(self, source: BlobKey, account_id: int) -> None:
        self.put(BlobKey(account_id, source.digest), self.read(source))

    def size(self, key: BlobKey) -> int | None:
        return len(self.objects[key]) if key in self.objects else None

    def age(self, key: BlobKey) -> float | None:
        return time.time() - self.put_at[key] if key in self.objects else None

    def read(self, key: BlobKey) -> bytes:
        if key not in self.objects:
            raise ObjectMissing(key.digest.hex())
        return self.objects[key]

    def map(self, key: BlobKey) -> bytes:
        return self.read(key)

    def open_range(self, key: BlobKey, start: int = 0, stop: int | None = None) -> SlicedBytes:
        return SlicedBytes(self.read(key)[start:stop])

    def delete(self, key: BlobKey) -> None:
        self.objects.pop(key, None)

    def keys(self, account_id: int | None = None) -> Iterator[BlobKey]:
        yield from [key for key in self.objects if account_id in (None, key.account_id)]

    def sweep(self, older_than: float) -> int:
        old = [name for name, started in self.unfinished.items() if started < time.time() - older_than]
        for name in old:
            del self.unfinished[name]
        return len(old)
