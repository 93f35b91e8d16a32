"""The index of a message: where its parts stand and what they say they are (RFC 2045, RFC 2046, RFC 8621 §4.1.4).

A message is scanned once, on arrival, by offsets. The index is small, is stored as JSON beside the message, and is all
that bodyStructure, textBody, htmlBody, attachments and the metadata of an Email need; contents and raw headers are
reached through its offsets.

Rules kept:
- Nothing raises. What is broken becomes a part that shows the octets: a multipart without a usable boundary has one
  text part, a part without a blank line begins its body at the first line that is no header field.
- Line ends are CRLF or bare LF, mixed too; bare CR where the message has no LF at all.
- The delimiters of an outer multipart end every inner one, so that the cost is at most the size times the depth.
- At most `MAX_PARTS` parts and `MAX_DEPTH` levels: what would go beyond is one part that holds the remaining octets.
- Header blocks are read up to `MAX_HEADER` octets; the search for delimiters ends after `MAX_FALSE_DELIMITERS` lines
  that only looked like one, since such lines could be searched again at every level.
- message/* parts are not descended into.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from mmap import mmap
from typing import Any

from mail.mime.addresses import strip_comments
from mail.mime.decode import KNOWN_ENCODINGS, decoded_size
from mail.mime.headers import FIELD, FIELD_CR, as_text, convenience_properties, iterate_fields, unfold
from mail.mime.params import filename, parse_parameters

MIME_VERSION = 1
"""The version of what this parser derives; raised when the same octets would give another index."""

MAX_PARTS = 1000
MAX_DEPTH = 32
MAX_HEADER = 1 << 19
"""How many octets of a header block are read as fields; what follows is shown as body."""

MAX_FALSE_DELIMITERS = 200_000
"""How many lines of a message may begin like a delimiter and be none, before no more delimiters are looked for."""

_LONGEST_TAIL = 1000

Octets = bytes | mmap
"""A message in memory or mapped: octets that know `find` and slice to bytes."""


@dataclass(slots=True)
class Part:
    """One MIME entity of a message.

    Offsets are octets of the raw message: the header fields are data[header_start:header_end], the body, still in its
    transfer encoding, is data[body_start:body_end]. `size` counts octets after transfer decoding (of a multipart: of
    its raw body). `parent` is an index into `MessageIndex.parts`, None for the top. `encoding` is the transfer encoding
    in lowercase, "" for none; `encoding_problem` tells that it is unknown, so that the octets stand as they are.
    The other fields are the EmailBodyPart properties of RFC 8621 §4.1.4.
    """

    parent: int | None
    header_start: int
    header_end: int
    body_start: int
    body_end: int
    size: int = 0
    type: str = "text/plain"
    charset: str | None = None
    disposition: str | None = None
    cid: str | None = None
    language: list[str] | None = None
    location: str | None = None
    name: str | None = None
    encoding: str = ""
    part_id: str | None = None
    sub_parts: list["Part"] = field(default_factory=list, repr=False, compare=False)

    @property
    def is_multipart(self) -> bool:
        """Whether the part holds parts and no content of its own."""
        return self.type.startswith("multipart/")

    @property
    def encoding_problem(self) -> bool:
        """Whether the content-transfer-encoding is unknown."""
        return self.encoding not in KNOWN_ENCODINGS


_PACKED = (
    "parent", "header_start", "header_end", "body_start", "body_end", "size", "type", "charset", "disposition", "cid",
    "language", "location", "name", "encoding",
)  # fmt: skip
_REQUIRED = 7


@dataclass(slots=True)
class MessageIndex:
    """A parsed message: `size` in octets, `parts` depth-first with the message itself first, and `headers`.

    `headers` holds the convenience properties of RFC 8621 §4.1.3 under their JMAP names, ready for JSON.
    """

    size: int
    parts: list[Part]
    headers: dict[str, Any]
    version: int = MIME_VERSION

    @property
    def root(self) -> Part:
        """The message itself: bodyStructure."""
        return self.parts[0]

    @property
    def has_header(self) -> bool:
        """Whether there is a single header field: octets without any are hardly a message (RFC 8621 §4.9)."""
        return self.root.header_end > self.root.header_start

    def part(self, part_id: str) -> Part | None:
        """The part of a partId, or None."""
        return next((part for part in self.parts if part.part_id == part_id), None)

    def to_json(self) -> dict[str, Any]:
        """A compact form for storing: JSON types only."""
        rows: list[list[Any]] = []
        for part in self.parts:
            row = [getattr(part, name) for name in _PACKED]
            while len(row) > _REQUIRED and not row[-1]:
                row.pop()
            rows.append(row)
        return {"v": self.version, "n": self.size, "h": self.headers, "p": rows}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> "MessageIndex":
        """The index that `to_json` packed. Raises KeyError, TypeError or ValueError for anything else."""
        parts = []
        for row in stored["p"]:
            part = Part(**dict(zip(_PACKED, row)))
            parts.append(part)
        return cls(stored["n"], _linked(parts), stored["h"], stored["v"])


def _linked(parts: list[Part]) -> list[Part]:
    """Give each part its children and its id: the path of positions, as IMAP numbers sections ("2.1")."""
    paths: list[str] = []
    for position, part in enumerate(parts):
        if part.parent is None:
            path = ""
        else:
            parent = parts[part.parent]
            parent.sub_parts.append(part)
            path = f"{paths[part.parent]}{len(parent.sub_parts)}."
        paths.append(path)
        part.part_id = None if part.is_multipart else (path[:-1] or "1")
        if position == 0 and part.parent is not None:
            raise ValueError("the first part of an index has no parent")
    return parts


# Lines after which a header block goes on although a line before them was no field.
_KNOWN_FIELD = re.compile(
    rb"(?:content-[a-z-]+|mime-version|from|to|cc|subject|date|message-id|received|reply-to|sender|return-path|"
    rb"references|in-reply-to|list-[a-z-]+|dkim-signature|authentication-results|delivered-to|x-[!-9;-~]+):",
    re.IGNORECASE,
)
_TYPE = re.compile(r"[^\s/()<>@,;:\\\"\[\]?=]+/[^\s/()<>@,;:\\\"\[\]?=]+")
_TOKEN = re.compile(r"[^\s;,()\"]+")
_ANCHORED = {
    False: re.compile(rb"(?:\A|(?<=\n))--([^\r\n]{1,200}?)[ \t]*+\r?\nContent-", re.IGNORECASE),
    True: re.compile(rb"(?:\A|(?<=\r))--([^\r\n]{1,200}?)[ \t]*+\rContent-", re.IGNORECASE),
}


class _Scanner:
    """Cuts one message into parts; holds the octets and the budget of parts."""

    def __init__(self, data: Octets) -> None:
        self.data = data
        self.parts: list[Part] = []
        self.false_delimiters = 0
        self.bare_cr = data.find(b"\n") < 0 and data.find(b"\r") >= 0
        self.line_end = b"\r" if self.bare_cr else b"\n"
        self.field = FIELD_CR if self.bare_cr else FIELD

    def header_block(self, start: int, end: int) -> tuple[int, int]:
        """Where the header fields that begin at `start` end, and where the body begins."""
        data = self.data
        position = start
        end = min(end, start + MAX_HEADER)
        while position < end:
            match = self.field.match(data, position, end)
            if match is not None:
                position = match.end()
                continue
            line_stop = data.find(self.line_end, position, end)
            after = line_stop + 1 or end
            line = data[position : min(after, position + 8)]
            if not line.rstrip(b"\r\n"):
                return position, after
            if line.startswith((b"From ", b">From ")) or _KNOWN_FIELD.match(data, after, end):
                position = after
                continue
            return position, position
        return end, end

    def entity(self, parent: int | None, start: int, end: int, default_type: str, depth: int) -> None:
        """Index the entity data[start:end] and everything inside of it."""
        header_end, body_start = self.header_block(start, end)
        part = Part(parent, start, header_end, body_start, end)
        boundary = self.describe(part, default_type)
        position = len(self.parts)
        self.parts.append(part)
        if not part.is_multipart:
            part.size = decoded_size(self.data, part.encoding, body_start, end)
            return
        part.size = end - body_start
        if depth >= MAX_DEPTH or not self.children(position, boundary, depth):
            self.rest(position, body_start, end)

    def rest(self, parent: int, start: int, end: int) -> None:
        """Show data[start:end] as one text part without header fields, unless it is blank."""
        if self.data[start : min(end, start + 1000)].strip():
            self.parts.append(Part(parent, start, start, start, end, end - start, charset="us-ascii"))

    def children(self, parent: int, boundary: bytes | None, depth: int) -> bool:
        """Index the parts of a multipart; False when it has no delimiter line at all."""
        whole = self.parts[parent]
        start, end = whole.body_start, whole.body_end
        default = "message/rfc822" if whole.type == "multipart/digest" else "text/plain"
        delimiters = self.delimiters(boundary, start, end) if boundary else iter(())
        current = next(delimiters, None)
        if current is None:
            guess = _ANCHORED[self.bare_cr].search(self.data, start, end)
            if guess is None or guess[1].rstrip() == boundary:
                return False
            delimiters = self.delimiters(guess[1].rstrip(), start, end)
            current = next(delimiters, None)
        found = False
        while current is not None:
            after, closing = current[1:]
            full = len(self.parts) >= MAX_PARTS
            following = None if full else next(delimiters, None)
            if not closing:
                found = True
                stop = max(after, following[0]) if following is not None else end
                self.entity(parent, after, stop, default, MAX_DEPTH if full else depth + 1)
            current = following
        return found

    def delimiters(self, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int, bool]]:
        """The delimiter lines of a boundary: where the part before ends, where the line ends, whether it closes.

        Delimiters after a closing one count too: two nested multiparts may share a boundary, and no part is lost.
        """
        data, needle = self.data, self.line_end + b"--" + boundary
        # The first line of the body has no line end before it.
        found = start - 1 if data[start : start + len(needle) - 1] == needle[1:] else data.find(needle, start, end)
        while found >= 0:
            position = found + len(needle)
            after = data.find(self.line_end, position, end) + 1 or end
            tail = data[position : min(after, position + _LONGEST_TAIL)].rstrip()
            if tail not in (b"", b"--"):
                self.false_delimiters += 1
                if self.false_delimiters > MAX_FALSE_DELIMITERS:
                    return
                found = data.find(needle, position, end)
                continue
            if not self.bare_cr and found > start and data[found - 1 : found] == b"\r":
                found -= 1
            yield max(start, found), after, bool(tail)
            found = data.find(needle, after - 1, end)

    def describe(self, part: Part, default_type: str) -> bytes | None:
        """Fill in what the header fields of a part say of it; returns the boundary of a multipart."""
        fields: dict[str, bytes] = {}
        for name, value in iterate_fields(self.data, part.header_start, part.header_end):
            if name[:8].lower() == "content-":
                fields[name[8:].lower()] = value
        parameters: dict[str, str] = {}
        part.type = default_type
        if "type" in fields:
            text, parameters = parse_parameters(unfold(fields["type"]))
            part.type = text.lower() if _TYPE.fullmatch(text) else "text/plain"
        is_text = part.type.startswith("text/")
        part.charset = parameters.get("charset", "").strip() or ("us-ascii" if is_text else None)
        disposition: dict[str, str] = {}
        if "disposition" in fields:
            text, disposition = parse_parameters(unfold(fields["disposition"]))
            part.disposition = text.strip("\"'").lower() or None
        part.name = filename(disposition, parameters)
        if "transfer-encoding" in fields:
            token = _TOKEN.search(strip_comments(unfold(fields["transfer-encoding"])))
            part.encoding = token[0].lower() if token else ""
        if "id" in fields:
            part.cid = "".join(strip_comments(unfold(fields["id"])).split()).strip("<>") or None
        if "language" in fields:
            part.language = _TOKEN.findall(strip_comments(unfold(fields["language"]))) or None
        if "location" in fields:
            part.location = "".join(as_text(fields["location"]).split()).strip('"<>') or None
        return parameters["boundary"].rstrip().encode() if parameters.get("boundary") and part.is_multipart else None


def _octets(data: bytes | bytearray | memoryview | mmap) -> Octets:
    return data if isinstance(data, bytes | mmap) else bytes(data)


def parse(data: bytes | bytearray | memoryview | mmap) -> MessageIndex:
    """Index a message. Never raises, whatever the octets are.

    bytes and mmap are read in place; a memoryview is copied once.
    """
    octets = _octets(data)
    scanner = _Scanner(octets)
    scanner.entity(None, _beginning(octets), len(octets), "text/plain", 0)
    parts = _linked(scanner.parts)
    headers = convenience_properties(iterate_fields(octets, parts[0].header_start, parts[0].header_end))
    return MessageIndex(len(octets), parts, headers)


def _beginning(data: Octets) -> int:
    """Where the header begins: blank lines before a known field do not count."""
    start = 0
    while start < 100 and data[start : start + 1] in (b"\r", b"\n"):
        start += 1
    return start if start and _KNOWN_FIELD.match(data, start) else 0


def part_fields(data: bytes | mmap, part: Part) -> list[tuple[str, bytes]]:
    """The raw header fields of a part, in order, from the octets of the message."""
    return list(iterate_fields(data, part.header_start, part.header_end))
