"""What a source of mail yields: one message and all that is known of it besides its octets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from mail.mime.index import Octets


class SourceError(Exception):
    """The source cannot be read as what it was said to be; the message is for the person who imports."""


class MessageUnreadable(Exception):
    """The source has a message and cannot give its octets; the others come in."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of a source, as it is to be found here: a path of names, () for the inbox.

    ``role`` is the mailbox role that the source itself tells; with ``is_exact`` a missing one means none, otherwise a
    well-known name stands for a role too.
    """

    path: tuple[str, ...]
    role: str | None = None
    is_exact: bool = False
    sort_order: int = 0
    is_subscribed: bool = True

    def __str__(self) -> str:
        return "/".join(self.path) or "inbox"


INBOX = Folder(())


@dataclass(frozen=True, slots=True)
class Numbering:
    """A numbering of messages that the source may give up for another one, as IMAP does by a new UIDVALIDITY.

    ``place`` names where the messages are for good, ``name`` that place under this numbering.
    """

    place: bytes
    name: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a source.

    ``key`` tells it from all others of the source for good, so that it is imported once. ``folders`` are those that it
    is in, at least one; ``keywords`` are in lowercase. ``load`` reads its octets, in memory or mapped, and raises
    OSError or MessageUnreadable; ``received_at`` (aware) is called with them where the source itself does not know the
    date. With a ``numbering`` the key is good for as long as that is, and the octets tell the message afterwards.
    """

    key: bytes
    folders: tuple[Folder, ...]
    keywords: frozenset[str]
    load: Callable[[], Octets]
    received_at: Callable[[Octets], datetime]
    numbering: Numbering | None = None


Known = Callable[[Iterable[bytes]], set[bytes]]
"""Tells which of some keys were imported before, so that a source need not fetch what nobody asks for."""


def key_of(*words: str | bytes) -> bytes:
    """A key made of words, 32 octets."""
    joined = b"\0".join(word if isinstance(word, bytes) else word.encode("utf-8", "surrogateescape") for word in words)
    return hashlib.sha256(joined).digest()


def known_already(key: bytes) -> Entry:
    """Stands for a message that was imported before: counted, never loaded."""
    return Entry(key, (INBOX,), frozenset(), _nothing, _never)


def _nothing() -> Octets:
    raise MessageUnreadable("imported before")


def _never(data: Octets) -> datetime:
    raise AssertionError("a message that was imported before is not imported again")
