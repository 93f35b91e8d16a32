"""The octets of a message on their way to the wire.

Rules kept here:
- every line ends in CRLF: a CR or an LF alone becomes one, so that no server sees an end of data that another does not
  (the hole behind SMTP smuggling), and no octet after the first dot of a line is taken for a command;
- a line that begins with a dot begins with two (RFC 5321 §4.5.2);
- Bcc never travels (RFC 5322 §3.6.3), nor does Return-Path, which is for the last server to write (RFC 5321 §4.4);
- a message streams through in slices: its size costs no memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SLICE = 256 * 1024
MAX_HEADER = 4 * 1024 * 1024
"""A header section that does not end within so many octets is taken for a body."""

UNSENT = frozenset({b"bcc", b"resent-bcc", b"return-path"})

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:[^\r]*(?:\r\n[ \t][^\r]*)*(?:\r\n|\Z)")


def crlf(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same text with CRLF at the end of every line, the last one too; empty chunks are left out."""
    held = b""
    last = b""
    for chunk in chunks:
        data = held + chunk
        # A CR at the end may be the first half of a CRLF.
        held = data[-1:] if data.endswith(b"\r") else b""
        data = data.removesuffix(b"\r") if held else data
        if not data:
            continue
        ends = data.count(b"\r\n")
        if data.count(b"\n") != ends or data.count(b"\r") != ends:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
        last = data[-2:]
        yield data
    if held or last[-1:] != b"\n":
        yield b"\r\n"


def stuffed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Text whose lines end in CRLF, as it follows DATA: dots doubled, without the end-of-data mark."""
    tail = b"\r\n"
    for chunk in chunks:
        if not chunk:
            continue
        # The line end may lie in the chunk before.
        data = (tail + chunk).replace(b"\r\n.", b"\r\n..")[len(tail) :]
        yield data
        tail = (tail + chunk)[-2:]


def split(chunks: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The header section with the line end of its last field, and the rest: the empty line and the body, in slices."""
    iterator = iter(chunks)
    data = b""
    for chunk in iterator:
        data += chunk
        if data.startswith(b"\r\n"):
            return b"", _after(data, iterator)
        end = data.find(b"\r\n\r\n")
        if end >= 0:
            return data[: end + 2], _after(data[end + 2 :], iterator)
        if len(data) > MAX_HEADER:
            return b"", _after(b"\r\n" + data, iterator)
    return data, iter(())


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def fields(header: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(name in lowercase, the whole field with its line ends) of a header section; lines that are no field go along
    under the name b"".
    """
    at = 0
    while at < len(header):
        match = _FIELD.match(header, at)
        if match is None:
            end = header.find(b"\r\n", at)
            end = len(header) if end < 0 else end + 2
            yield b"", header[at:end]
            at = end
            continue
        yield match[1].lower(), match[0]
        at = match.end()


def without_unsent(header: bytes) -> bytes:
    """The header section without the fields that do not travel."""
    return b"".join(field for name, field in fields(header) if name not in UNSENT)


def is_8bit(chunks: Iterable[bytes]) -> bool:
    """Whether the text needs 8BITMIME (RFC 6152 §2)."""
    return any(not chunk.isascii() for chunk in chunks)
