"""A message about to be sent: who it says it is from and to, and the form in which it leaves (RFC 5322, RFC 8621 §7).

Rules kept here:
- octets are kept as they are; ``wire_head`` is what a transport puts in the place of the header block: without Bcc, so
  that nobody learns of blind copies, also where a line that is no field stands in the block; and without Return-Path,
  which is for the last server to write (RFC 5321 §4.4);
- whatever some reader could take for an author is looked at: every field down to the first blank line;
- where the message was resent, the latest block of Resent fields says from whom and to whom (RFC 5322 §3.6.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from mmap import mmap

from mail.mime.headers import as_addresses, iterate_fields

MAX_HEAD = 1 << 19
"""Octets of a header block; a longer one is not sent."""

_BLANK = re.compile(rb"\r\n\r\n|\n\r?\n|\r\r(?!\n)")
_LEFT_OUT = re.compile(
    rb"(?:\A|(?<=[\r\n]))(?:(?:resent-)?bcc|return-path)[ \t]*:"
    rb"[^\r\n]*(?:(?:\r\n|\r|\n)[ \t][^\r\n]*)*(?:\r\n|\r|\n|\Z)",
    re.IGNORECASE,
)
_AUTHORS = ("from", "sender", "resent-from", "resent-sender")
_RECIPIENTS = ("to", "cc", "bcc")


def head_end(data: bytes | mmap) -> int | None:
    """Where the header block ends, its last line end included; None where there is no blank line."""
    if data[:1] == b"\n" or data[:2] == b"\r\n":
        return 0
    match = _BLANK.search(data)
    if match is None:
        return None
    return match.start() + (2 if match[0].startswith(b"\r\n") else 1)


def wire_head(data: bytes | mmap) -> tuple[bytes, int]:
    """The header block as it is sent, and the offset at which the rest of the message begins (RFC 8621 §7.5)."""
    end = head_end(data)
    end = len(data) if end is None else end
    return _LEFT_OUT.sub(b"", data[:end]), end


@dataclass(slots=True)
class Head:
    """What the header block of a message says about sending; addresses are addr-specs as written.

    ``fields``: how often each author field stands there. ``has_nul``, ``is_ascii``: of the octets of the block.
    """

    authors: dict[str, list[str]] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    recipients: list[str] = field(default_factory=list)
    is_resent: bool = False
    has_nul: bool = False
    is_ascii: bool = True

    @property
    def from_field(self) -> str:
        """The name of the field that says who sends this: From, or Resent-From of a message that was resent."""
        return "resent-from" if self.is_resent else "from"

    @property
    def sender_field(self) -> str:
        """The name of the field that says who sends for them."""
        return "resent-sender" if self.is_resent else "sender"


def read_head(block: bytes) -> Head:
    """Read a header block."""
    fields = [(name.lower(), value) for name, value in iterate_fields(block)]
    resent = _latest_resent(fields)
    head = Head(is_resent="resent-from" in resent, has_nul=b"\0" in block, is_ascii=block.isascii())
    for name in _AUTHORS:
        values = [value for other, value in fields if other == name]
        if name.startswith("resent-"):
            values = [resent[name]] if name in resent else []
        head.fields[name] = len(values)
        head.authors[name] = _addresses(values)
    if head.is_resent:
        head.recipients = _addresses(resent[f"resent-{name}"] for name in _RECIPIENTS if f"resent-{name}" in resent)
    else:
        wanted = {name: [value for other, value in fields if other == name] for name in _RECIPIENTS}
        head.recipients = _addresses(value for values in wanted.values() for value in values)
    return head


def _latest_resent(fields: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """The uppermost block of Resent fields: they stand together, each once."""
    block: dict[str, bytes] = {}
    for name, value in fields:
        if name.startswith("resent-") and name not in block:
            block[name] = value
        elif block:
            break
    return block


def _addresses(values: Iterable[bytes]) -> list[str]:
    return [one["email"] for value in values for one in as_addresses(value) if one["email"]]
