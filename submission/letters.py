"""What the header block of a message about to be sent says: who it is from, and to whom it goes (RFC 5322).

Rules kept here:
- whatever some reader could take for an author is looked at: every field down to the first blank line, lines ended as
  they will be on the wire, where a CR alone ends one too;
- where the message was resent, the latest block of Resent fields says from whom and to whom (RFC 5322 §3.6.6).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mail.mime.headers import as_addresses, iterate_fields
from submission.smtp import content

MAX_HEAD = 1 << 19
"""Octets of a header block; a longer one is not sent."""

_AUTHORS = ("from", "sender", "resent-from", "resent-sender")
_RECIPIENTS = ("to", "cc", "bcc")


def header_of(data: bytes) -> bytes | None:
    """The header block as it travels, every line ended by CRLF; None where the octets end before it does."""
    text = b"".join(content.crlf([data]))
    if text.startswith(b"\r\n"):
        return b""
    end = text.find(b"\r\n\r\n")
    return None if end < 0 else text[: end + 2]


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
    """Read a header block in the form of ``header_of``."""
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
