"""Moving blobs between stores, with every octet looked at on the way.

Rules kept here:
- what does not have the digest that it is stored under is never put anywhere, and counts as lost;
- a medium that is away for a while loses nothing: its OSError ends the whole;
- small objects go in batches that share their syncs, large ones by way of a file, so that memory grows with neither.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from pathlib import Path

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import BlobKey, BlobStore

SMALL = 256 * 1024
"""Octets of an object that is held in memory on its way."""
BATCH = 100

Item = tuple[BlobKey, int]
Progress = Callable[[int], object]


class Fate(Enum):
    """What became of an object."""

    PRESENT = "present"
    COPIED = "copied"
    LOST = "lost"


def transfer(
    items: Iterable[Item], source: BlobStore, target: BlobStore, *, distrust: bool = False
) -> Iterator[tuple[BlobKey, int, Fate]]:
    """Put what the target lacks; the fate of each object, in order. Raises OSError.

    ``distrust`` reads what the target has already, and replaces what is damaged.
    """
    stream = iter(items)
    while batch := list(islice(stream, BATCH)):
        fates: list[tuple[BlobKey, int, Fate]] = []
        small: list[tuple[BlobKey, bytes]] = []
        for key, size in batch:
            present = target.size(key)
            if present == size and (not distrust or is_sound(target, key, size)):
                fates.append((key, size, Fate.PRESENT))
                continue
            data = _small(source, key) if size <= SMALL else None
            if data is None and (size <= SMALL or not is_sound(source, key, size)):
                fates.append((key, size, Fate.LOST))
                continue
            if present is not None:
                # A damaged object of the right size would be taken for the object.
                target.delete(key)
            if data is None:
                _large(source, target, key)
            else:
                small.append((key, data))
            fates.append((key, size, Fate.COPIED))
        if small:
            target.put_many(small)
        yield from fates


def is_sound(store: BlobStore, key: BlobKey, size: int) -> bool:
    """Whether an object is there, of that size and with the digest that it is stored under."""
    if store.size(key) != size:
        return False
    digest = hashlib.sha256()
    try:
        for chunk in store.open_range(key):
            digest.update(chunk)
    except ObjectMissing:
        return False
    return digest.digest() == key.digest


def _small(store: BlobStore, key: BlobKey) -> bytes | None:
    try:
        data = store.read(key)
    except ObjectMissing:
        return None
    return data if hashlib.sha256(data).digest() == key.digest else None


def _large(source: BlobStore, target: BlobStore, key: BlobKey) -> None:
    target.spool_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path: Path = target.spool_folder / f"transfer-{secrets.token_hex(8)}"
    try:
        with open(path, "xb") as file:
            path.chmod(0o600)
            for chunk in source.open_range(key):
                file.write(chunk)
        target.put_file(key, path)
    finally:
        path.unlink(missing_ok=True)
