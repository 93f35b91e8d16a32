"""What a source of mail yields: one message and all that is known of it besides its octets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


class SourceError(Exception):
    """The source cannot be read as what it was said to be."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a source.

    ``key`` tells it from all others of the source for good, so that it is imported once. ``folder`` is the path of its
    folder, () for the inbox. ``load`` reads its octets; ``received_at`` (aware) is called with them where the source
    itself does not know the date.
    """

    key: bytes
    folder: tuple[str, ...]
    keywords: frozenset[str]
    load: Callable[[], bytes]
    received_at: Callable[[bytes], datetime]


def key_of(*words: str | bytes) -> bytes:
    """A key made of words, 32 octets."""
    joined = b"\0".join(word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape") for word in words)
    return hashlib.sha256(joined).digest()
