"""A queued message as it travels: what is put in front, what is left out, and what a server must be able to carry.

Rules kept here:
- the octets in the blob stay as they are; what travels is made from them each time, the same each time but for the
  signature, so that mail of this site knows a message that comes again;
- a Received field says that it was here (RFC 5321 §3.7.2), Bcc and Return-Path are left out;
- signatures cover what travels, after all of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from jmap.blobs import service as blobs
from jmap.models import Blob
from submission.dkim.sign import BodyHash, Signer, signature_fields
from submission.dsn.parse import message_id
from submission.models import Origin, QueuedMessage
from submission.relay.hostname import hostname
from submission.smtp import content

KEPT = 4 * 1024 * 1024
"""Octets of a body that are kept between the look at it and its sending; a longer one is read twice."""


@dataclass(slots=True)
class Letter:
    """A message made ready. ``header`` is without signatures, ``signed`` with them; ``size`` counts what travels."""

    header: bytes
    signed: bytes
    size: int
    is_8bit: bool
    message_id: str
    hops: int
    _blob: Blob
    _body: list[bytes] | None

    @property
    def needs_smtputf8(self) -> bool:
        """Whether its header section is internationalised (RFC 6532)."""
        return not self.header.isascii()

    def chunks(self, *, is_signed: bool = True) -> Iterator[bytes]:
        """The octets that travel, lines ending in CRLF."""
        yield self.signed if is_signed else self.header
        yield from self._body if self._body is not None else content.split(_canonical(self._blob))[1]


def prepare(message: QueuedMessage, signers: Sequence[Signer]) -> Letter:
    """Read a message and make it ready. Raises ObjectMissing, OSError."""
    assert message.blob is not None
    head, body = content.split(_canonical(message.blob))
    looked = _Look()
    kept = looked.at(body)
    fields = list(content.fields(head))
    header = _received(message) + b"".join(field for name, field in fields if name not in content.UNSENT)
    signed = header
    if signers and message.origin != Origin.FORWARD:
        signed = signature_fields(signers, header, looked.hash.digest()) + header
    named = next((field for name, field in fields if name == b"message-id"), b":")
    return Letter(
        header,
        signed,
        len(signed) + looked.size,
        looked.is_8bit or not header.isascii(),
        message_id(named.partition(b":")[2].decode("utf-8", "replace")),
        sum(name == b"received" for name, _field in fields),
        message.blob,
        kept,
    )


class _Look:
    """One look at a body: its hash, its size, whether it is 8-bit."""

    def __init__(self) -> None:
        self.hash = BodyHash()
        self.size = 0
        self.is_8bit = False

    def at(self, body: Iterable[bytes]) -> list[bytes] | None:
        """Take the body, which begins with an empty line; the chunks where they are few octets."""
        kept: list[bytes] | None = []
        for chunk in body:
            self.hash.update(chunk if self.size else chunk.removeprefix(b"\r\n"))
            self.size += len(chunk)
            self.is_8bit = self.is_8bit or not chunk.isascii()
            if kept is not None:
                kept.append(chunk)
                if self.size > KEPT:
                    kept = None
        return kept


def _canonical(blob: Blob) -> Iterator[bytes]:
    return content.crlf(blobs.open_range(blob))


def _received(message: QueuedMessage) -> bytes:
    """RFC 5321 §4.4: who had it, under which id, and since when."""
    by = f"Received: by {hostname()} id q{message.pk};\r\n\t{format_datetime(message.created_at)}\r\n"
    return by.encode()
