"""The properties of an Email that look inside of its message, for Email/get and Email/parse (RFC 8621 §4.1.3, §4.1.4).

Rules kept here:
- part lists come from the stored MIME index; the message is opened only for raw header fields and body values, and for
  the header fields of the message itself only its beginning is read;
- the blobId of a part is the blobId of the message and the part's place in the index (``b…-2``);
- one call never gathers body values without bound: beyond MAX_BODY_OCTETS it is requestTooLarge;
- a message whose octets are lost is still shown, its values empty and marked as a problem.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Any

import orjson

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import BlobKey, default_store
from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Json
from mail.datatypes.email_properties import header_property
from mail.mime.body import (
    DEFAULT_BODY_PROPERTIES,
    BodyLists,
    body_lists,
    body_part_json,
    body_value,
    needs_octets,
)
from mail.mime.headers import as_raw, header_value, iterate_fields
from mail.mime.index import MessageIndex, Part

log = logging.getLogger("mail.datatypes")

MAX_BODY_OCTETS = 50_000_000
"""Body values of one call; a single email always fits."""


@dataclass(frozen=True, slots=True)
class BodyWish:
    """What a call wants to see of bodies (RFC 8621 §4.2); ``part_properties`` None is the default list."""

    part_properties: tuple[str, ...] | None = None
    text_values: bool = False
    html_values: bool = False
    all_values: bool = False
    max_bytes: int = 0

    @classmethod
    def of(cls, arguments: Mapping[str, Json]) -> BodyWish:
        """The wish in the checked arguments of a call."""
        names = arguments.get("bodyProperties")
        return cls(
            None if names is None else tuple(dict.fromkeys(names)),
            bool(arguments.get("fetchTextBodyValues")),
            bool(arguments.get("fetchHTMLBodyValues")),
            bool(arguments.get("fetchAllBodyValues")),
            arguments.get("maxBodyValueBytes") or 0,
        )


class Allowance:
    """How much more body one call may gather."""

    __slots__ = ("spent",)

    def __init__(self) -> None:
        self.spent = 0

    def take(self, size: int) -> None:
        """Account for a body value. Raises MethodError requestTooLarge."""
        if self.spent and self.spent + size > MAX_BODY_OCTETS:
            raise MethodError("requestTooLarge", "the bodies asked for are too large together; ask for fewer emails")
        self.spent += size


class Message:
    """A message that is being looked into: its index, and its octets as far as they are needed."""

    __slots__ = ("_data", "_fields", "_key", "_lists", "_places", "blob_id", "index", "is_lost")

    def __init__(self, index: MessageIndex, blob_id: str, key: BlobKey | None, data: bytes | mmap | None) -> None:
        self.index = index
        self.blob_id = blob_id
        self.is_lost = False
        self._key = key
        self._data = data
        self._lists: BodyLists | None = None
        self._fields: list[tuple[str, bytes]] | None = None
        self._places: dict[int, int] | None = None

    @classmethod
    def stored(cls, key: BlobKey, blob_id: str, index: str) -> Message:
        """A message of the mail store, by its blob and its index as stored."""
        return cls(MessageIndex.from_json(orjson.loads(index)), blob_id, key, None)

    def octets(self) -> bytes | mmap:
        """The whole message, mapped where the blob store can."""
        if self._data is None:
            assert self._key is not None
            try:
                self._data = default_store().map(self._key)
            except ObjectMissing:
                self._lose()
        return self._data or b""

    def fields(self) -> list[tuple[str, bytes]]:
        """The header fields of the message, for which only its beginning is read."""
        if self._fields is None:
            root = self.index.root
            if self._data is not None:
                head: bytes = self._data[: root.header_end]
            else:
                assert self._key is not None
                try:
                    head = b"".join(default_store().open_range(self._key, 0, root.header_end))
                except ObjectMissing:
                    self._lose()
                    head = b""
            self._fields = list(iterate_fields(head, root.header_start, len(head)))
        return self._fields

    def _lose(self) -> None:
        log.error("the octets of blob %s are missing from the blob store", self.blob_id)
        self._data, self.is_lost = b"", True

    def lists(self) -> BodyLists:
        """textBody, htmlBody, attachments."""
        if self._lists is None:
            self._lists = body_lists(self.index)
        return self._lists

    def blob_of(self, part: Part) -> str:
        """The blobId of a part's decoded content."""
        if self._places is None:
            self._places = {id(each): place for place, each in enumerate(self.index.parts)}
        return part_blob_id(self.blob_id, self._places[id(part)])

    def part(self, part: Part, properties: tuple[str, ...]) -> dict[str, Any]:
        """One EmailBodyPart."""
        return body_part_json(part, self.blob_of, properties, self.octets() if needs_octets(properties) else None)

    def header(self, name: str, wish: BodyWish, allowance: Allowance) -> str:
        """A property ``header:…`` as JSON text (RFC 8621 §4.1.3)."""
        wanted = header_property(name)
        assert wanted is not None
        return _json(header_value(self.fields(), wanted))


def part_blob_id(blob_id: str, place: int) -> str:
    """The blobId of the part at a place in the index of the message in a blob.

    A part of a message that is itself a part appends its place to the other's (``b…-3_2``).
    """
    return f"{blob_id}{'_' if '-' in blob_id else '-'}{place}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _headers(message: Message, name: str, wish: BodyWish, allowance: Allowance) -> str:
    return _json([{"name": field, "value": as_raw(value)} for field, value in message.fields()])


def _structure(message: Message, name: str, wish: BodyWish, allowance: Allowance) -> str:
    """bodyStructure.

    Departs from RFC 8621 §4.2: where bodyProperties is not given, a multipart also has its subParts, since a structure
    without its parts serves nobody.
    """
    properties = wish.part_properties
    if properties is None:
        properties = DEFAULT_BODY_PROPERTIES
        if message.index.root.is_multipart:
            properties = (*properties, "subParts")
    return _json(message.part(message.index.root, properties))


def _part_list(place: int) -> Callable[[Message, str, BodyWish, Allowance], str]:
    def render(message: Message, name: str, wish: BodyWish, allowance: Allowance) -> str:
        properties = DEFAULT_BODY_PROPERTIES if wish.part_properties is None else wish.part_properties
        return _json([message.part(part, properties) for part in message.lists()[place]])

    return render


def _values(message: Message, name: str, wish: BodyWish, allowance: Allowance) -> str:
    """bodyValues: of those text parts that the call asks for (RFC 8621 §4.2)."""
    text, html, _ = message.lists()
    wanted: list[Part] = []
    if wish.all_values:
        wanted = message.index.parts
    else:
        wanted = [*(text if wish.text_values else ()), *(html if wish.html_values else ())]
    values: dict[str, Any] = {}
    for part in wanted:
        if part.part_id is None or part.part_id in values or not part.type.startswith("text/"):
            continue
        allowance.take(min(part.size, wish.max_bytes) if wish.max_bytes else part.size)
        value = body_value(message.octets(), part, wish.max_bytes)
        if message.is_lost:
            value["isEncodingProblem"] = True
        values[part.part_id] = value
    return _json(values)


BODY_PROPERTIES: Mapping[str, Callable[[Message, str, BodyWish, Allowance], str]] = {
    "headers": _headers,
    "bodyStructure": _structure,
    "textBody": _part_list(0),
    "htmlBody": _part_list(1),
    "attachments": _part_list(2),
    "bodyValues": _values,
}
"""The properties that look into the message, but for ``header:…``, each as JSON text."""


def json_name(name: str) -> str:
    """A property's name as it stands in a template for ``%``."""
    return json.dumps(name).replace("%", "%%")
