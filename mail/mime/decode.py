"""Content-transfer-encodings: raw octets of a body to what a download holds (RFC 2045 §6, RFC 8621 §4.1.4).

Rules kept:
- base64: octets outside of the alphabet are skipped, the first "=" ends the data (RFC 2045 §6.8), a group that lacks
  its padding gives the octets it holds.
- quoted-printable: white space at the end of a line is no content, soft line breaks vanish, a malformed escape stays as
  it was sent (RFC 2045 §6.7).
- uuencode (x-uuencode): the lines between "begin" and "end".
- An unknown encoding leaves the octets as they are.
- A body is decoded slice by slice, and the result does not depend on how it was sliced; sizes are counted without
  keeping what was decoded.
"""

import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterator
from mmap import mmap
from typing import Protocol

IDENTITY = frozenset({"", "7bit", "8bit", "binary", "7-bit", "8-bit", "7bits", "8bits", "none"})
BASE64 = frozenset({"base64", "base-64", "x-base64", "b64"})
QUOTED_PRINTABLE = frozenset({"quoted-printable", "quoted_printable", "quotedprintable", "qp"})
UUENCODE = frozenset({"x-uuencode", "uuencode", "x-uue", "uue"})
KNOWN_ENCODINGS = IDENTITY | BASE64 | QUOTED_PRINTABLE | UUENCODE

FIRST_SLICE = 1 << 14
SLICE = 1 << 18
"""How many raw octets are decoded at a time, at first and at most."""

Read = Callable[[int, int], bytes]
"""read(offset, length): octets of the raw message; fewer only at its end."""

_NOT_BASE64 = bytes(sorted(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")))
_TRAILING_SPACE = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_BARE_CR_BREAK = re.compile(rb"=\r(?!\n)")
_LITERAL_EQUALS = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")


class Located(Protocol):
    """What decoding needs to know of a part."""

    @property
    def body_start(self) -> int:
        """Offset of the first raw octet of the body."""

    @property
    def body_end(self) -> int:
        """Offset after the last raw octet of the body."""

    @property
    def encoding(self) -> str:
        """The transfer encoding in lowercase."""


def _quoted_printable(raw: bytes) -> bytes:
    """Decode whole lines of quoted-printable."""
    # One look at the ends of the lines tells whether the two rare repairs are needed.
    tails = Counter([line[-2:] for line in raw.split(b"\n")])
    if any(tail.rstrip(b"\r")[-1:] in (b" ", b"\t") for tail in tails):
        raw = _TRAILING_SPACE.sub(b"", raw)
    if b"=" not in raw:
        return raw
    if raw.count(b"\r") != sum(count for tail, count in tails.items() if tail[-1:] == b"\r"):
        raw = _BARE_CR_BREAK.sub(b"", raw)
    if b"==" in raw:
        raw = _LITERAL_EQUALS.sub(b"=3D", raw)
    return binascii.a2b_qp(raw)


def _uu_line(line: bytes) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        # Some encoders pad the line wrongly: keep what its length octet announces.
        count = ((line[0] - 32) & 63) * 4 // 3 + 2
        try:
            return binascii.a2b_uu(line[:count])
        except binascii.Error:
            return b""


def _base64_slices(slices: Iterator[bytes]) -> Iterator[bytes]:
    carry = b""
    for raw in slices:
        equals = raw.find(b"=")
        text = carry + (raw if equals < 0 else raw[:equals]).translate(None, _NOT_BASE64)
        whole = len(text) & ~3
        yield binascii.a2b_base64(text[:whole])
        carry = text[whole:]
        if equals >= 0:
            break
    if len(carry) > 1:
        yield binascii.a2b_base64(carry + b"==")


def _uu_slices(slices: Iterator[bytes]) -> Iterator[bytes]:
    started = False
    for raw in slices:
        out: list[bytes] = []
        for line in raw.splitlines():
            if not started:
                started = line.startswith(b"begin ")
            elif line.strip() in (b"end", b"`", b""):
                if line.strip() == b"end":
                    yield b"".join(out)
                    return
            else:
                out.append(_uu_line(line))
        yield b"".join(out)


def _lines(slices: Iterator[bytes]) -> Iterator[bytes]:
    """The same octets, cut after line feeds only."""
    pending: list[bytes] = []
    for raw in slices:
        cut = raw.rfind(b"\n") + 1
        if cut:
            yield b"".join((*pending, raw[:cut]))
            pending = [raw[cut:]]
        else:
            pending.append(raw)
    yield b"".join(pending)


def _decode_slices(slices: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding in BASE64:
        return _base64_slices(slices)
    if encoding in QUOTED_PRINTABLE:
        return map(_quoted_printable, _lines(slices))
    if encoding in UUENCODE:
        return _uu_slices(_lines(slices))
    return slices


def _slices(read: Read, start: int, end: int) -> Iterator[bytes]:
    """The raw octets, first in small slices: often no more than the beginning is wanted."""
    length = FIRST_SLICE
    while start < end:
        raw = read(start, min(length, end - start))
        if not raw:
            return
        yield raw
        start += len(raw)
        length = min(SLICE, length * 2)


def decode_range(read: Read, part: Located, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
    """The decoded octets [start, stop) of a part, in slices; the raw ones come from `read(offset, length)`.

    Only an identity encoding can begin in the middle; the others are decoded from their beginning and passed over.
    """
    if stop is not None and stop <= start:
        return
    raw_start = part.body_start
    if part.encoding in IDENTITY or part.encoding not in KNOWN_ENCODINGS:
        raw_stop = part.body_end if stop is None else min(part.body_end, raw_start + stop)
        yield from _slices(read, raw_start + start, raw_stop)
        return
    position = 0
    for piece in _decode_slices(_slices(read, raw_start, part.body_end), part.encoding):
        begin, position = position, position + len(piece)
        if position <= start:
            continue
        if begin < start or (stop is not None and position > stop):
            piece = piece[max(0, start - begin) : None if stop is None else stop - begin]
        if piece:
            yield piece
        if stop is not None and position >= stop:
            return


def decoded(data: bytes | mmap, part: Located) -> bytes:
    """The whole content of a part after transfer decoding."""
    return b"".join(decode_range(_reader(data), part))


def _reader(data: bytes | mmap) -> Read:
    return lambda offset, length: data[offset : offset + length]


def decoded_size(data: bytes | mmap, encoding: str, start: int, end: int) -> int:
    """How many octets data[start:end] has after transfer decoding, without keeping them."""
    if encoding in IDENTITY or encoding not in KNOWN_ENCODINGS:
        return end - start
    if encoding in BASE64:
        equals = data.find(b"=", start, end)
        if equals >= 0:
            end = equals
        count = sum(len(raw.translate(None, _NOT_BASE64)) for raw in _slices(_reader(data), start, end))
        return count * 3 // 4
    return sum(map(len, _decode_slices(_slices(_reader(data), start, end), encoding)))
