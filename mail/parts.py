"""Parts of messages as blobs of their own: the decoded octets behind ids such as ``b…-2`` (RFC 8621 §4.1.4).

Rules kept here:
- a part's number is its place in the MIME index; a part of a message that is itself a part appends its place in that
  (``b…-3_2``);
- octets are decoded from the ranges that are asked for, never a whole part at once, but for parts inside a part;
- a multipart has no content of its own and is no blob.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from jmap.blobs import service
from jmap.models import Blob
from mail.mime.decode import Read, decode_range
from mail.mime.index import MessageIndex, Octets, parse
from mail.mime.index import Part as IndexPart
from mail.queries.sql import email_rows


@dataclass(frozen=True, slots=True)
class MessagePart:
    """One part of a message in a blob: what the blob service asks of a part."""

    part: IndexPart
    source: Read

    @property
    def size(self) -> int:
        """Decoded octets."""
        return self.part.size

    @property
    def type(self) -> str | None:
        """The media type that the part says it is."""
        return self.part.type

    @property
    def name(self) -> str | None:
        """The file name that the part says it has."""
        return self.part.name

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Decoded octets from ``start`` up to, not including, ``stop``, in slices."""
        return decode_range(self.source, self.part, start, stop)


def resolve(blob: Blob, part: str) -> MessagePart | None:
    """The part of a message that a part id names, or None."""
    places = part.split("_")
    if not all(place.isascii() and place.isdigit() and len(place) <= 4 for place in places):
        return None
    found = _at(_index(blob), int(places[0]))
    if found is None:
        return None
    source = _reader(service.map(blob))
    for place in places[1:]:
        inner = b"".join(decode_range(source, found))
        found = _at(parse(inner), int(place))
        if found is None:
            return None
        source = _reader(inner)
    return MessagePart(found, source)


def _reader(data: Octets) -> Read:
    return lambda offset, length: data[offset : offset + length]


def _at(index: MessageIndex, place: int) -> IndexPart | None:
    if place >= len(index.parts) or index.parts[place].is_multipart:
        return None
    return index.parts[place]


def _index(blob: Blob) -> MessageIndex:
    """The stored index where the blob is an email's, otherwise (an uploaded message) one made now."""
    stored = email_rows.mime_index(blob.pk)
    return parse(service.map(blob)) if stored is None else MessageIndex.from_json(orjson.loads(stored))
