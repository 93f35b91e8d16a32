"""Messages as Python's own email package reads them: independent of the parser that is tested."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message

_ID = re.compile(r"<\s*([^<>\s]+)\s*>")
_PREFIX = re.compile(r"^\s*(?:(?:re|fwd?|aw|sv)\s*(?:\[\d+\])?:\s*|\[[^\]]*\]\s*(?=\S))", re.IGNORECASE)


@dataclass(frozen=True)
class Read:
    """What a message says: ids that link it, its subject, and its first text where that is plain to see.

    ``text`` is None where the message is not a simple one: malformed, HTML alone, encrypted.
    """

    ids: frozenset[str]
    subject: str
    text: str | None
    attached: tuple[bytes, ...]


def read(data: bytes) -> Read:
    """Read a message."""
    message = message_from_bytes(data)
    ids = [found for name in ("Message-ID", "In-Reply-To", "References") for found in _ids(message, name)]
    return Read(frozenset(ids), _decoded(message, "Subject"), _text(message), tuple(_attached(message)))


def _ids(message: Message, name: str) -> list[str]:
    return [found for value in message.get_all(name, [])[-1:] for found in _ID.findall(str(value))]


def _decoded(message: Message, name: str) -> str:
    values = message.get_all(name, [""])
    try:
        text = str(make_header(decode_header(values[-1])))
    except (LookupError, UnicodeError, ValueError):
        text = str(values[-1])
    return " ".join(text.split())


def _is_sound(message: Message) -> bool:
    return not any(part.defects for part in message.walk())


def _text(message: Message) -> str | None:
    """The first text/plain part that is no attachment, where nothing about it is doubtful."""
    if not _is_sound(message) or message.get_content_maintype() not in ("text", "multipart"):
        return None
    part = message
    while part.is_multipart():
        if part.get_content_type() == "message/rfc822" or not part.get_payload():
            return None
        part = part.get_payload(0)  # type: ignore[assignment]
    charset = (part.get_content_charset() or "us-ascii").lower()
    if part.get_content_type() != "text/plain" or part.get_content_disposition() == "attachment":
        return None
    if charset not in ("us-ascii", "utf-8", "iso-8859-1", "iso-8859-15", "windows-1252"):
        return None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    try:
        return payload.decode("ascii" if charset == "us-ascii" else charset).replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None


def _attached(message: Message) -> Iterable[bytes]:
    """The decoded octets of attached files, in order."""
    if not _is_sound(message):
        return
    for part in message.walk():
        if part.get_content_disposition() == "attachment" and not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            yield payload


def base_subject(subject: str) -> str:
    """A subject without answers, forwards and tags of lists, and without case and white space."""
    while True:
        shorter = _PREFIX.sub("", subject, count=1)
        if shorter == subject:
            return "".join(subject.casefold().split())
        subject = shorter


def conversations(messages: Mapping[str, Read]) -> set[frozenset[str]]:
    """Sets of keys: messages that share an id and the base subject, directly or through others (RFC 8621 §3)."""
    parent = {key: key for key in messages}

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    first: dict[tuple[str, str], str] = {}
    for key, one in messages.items():
        for identifier in one.ids:
            parent[root(key)] = root(first.setdefault((identifier, base_subject(one.subject)), key))
    groups: dict[str, set[str]] = defaultdict(set)
    for key in messages:
        groups[root(key)].add(key)
    return set(map(frozenset, groups.values()))
