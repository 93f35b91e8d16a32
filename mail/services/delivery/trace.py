"""The trace header: what a delivery writes in front of a message, and what it reads of the one that is there.

Rules kept here:
- octets are stored as they came, CR, LF and NUL included, in whatever way their lines end: what is written in front
  ends its lines in the same way. That a bare CR or LF ends no line of the SMTP dialogue is the business of the edge;
- Return-Path is ours alone: those that a message came with are left out (RFC 5321 §4.4), as is mbox's line ``From …``;
- a message for one recipient says so (Delivered-To, and ``for`` in Received); one for several is the same for all of
  them, so that none learns of another (RFC 5321 §7.2) and it is parsed once.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from mail.mime.index import Octets
from mail.services.delivery.conf import delivery_options
from mail.services.delivery.envelope import Envelope

MAX_HEADER = 512 * 1024
"""Octets of a message in which its header is looked for."""

_FIELD = re.compile(
    rb"^(return-path|received|delivered-to|message-id|x-spam|x-spam-flag|x-spam-status|x-rspamd-action|x-spamd-result)"
    rb"[ \t]*:((?:.*(?:\n[ \t].*)*))\n?",
    re.IGNORECASE | re.MULTILINE,
)
_END = re.compile(rb"\r?\n\r?\n|\A\r?\n")
_MBOX_LINE = re.compile(rb"\A>?From [^\n]*\n")
_UNSAFE = re.compile(r"[\x00-\x20\x7f()<>\\]+")


@dataclass(slots=True)
class Head:
    """What matters of a message's header; ``fields``: name in lowercase to its values, of the fields that matter here.

    ``kept``: the spans of octets, of the whole message, that stay; ``line_end``: how its lines end.
    """

    fields: dict[bytes, list[bytes]] = field(default_factory=dict)
    kept: list[tuple[int, int]] = field(default_factory=list)
    line_end: bytes = b"\r\n"

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, unfolded."""
        return self.fields.get(name, [])

    @property
    def message_id(self) -> str:
        """The Message-ID as it stands there, for the log."""
        return next(iter(self.values(b"message-id")), b"").decode("utf-8", "replace").strip("<> \t")[:255]


def read_head(data: Octets) -> Head:
    """Look at the header of a message."""
    top = bytes(data[:MAX_HEADER])
    end = _END.search(top)
    header = top[: end.start() + 2] if end else top
    first = header.find(b"\n")
    head = Head(line_end=b"\n" if first > 0 and header[first - 1 : first] != b"\r" else b"\r\n")
    at = 0
    if mbox_line := _MBOX_LINE.match(header):
        at = mbox_line.end()
    for found in _FIELD.finditer(header, at):
        name = found[1].lower()
        if name == b"return-path":
            head.kept.append((at, found.start()))
            at = found.end()
        else:
            head.fields.setdefault(name, []).append(b" ".join(found[2].split()))
    head.kept.append((at, len(data)))
    return head


def with_trace(data: Octets, head: Head, trace: bytes) -> Iterator[bytes]:
    """The octets of a message with a trace header in front, in pieces."""
    yield trace
    for start, stop in head.kept:
        for at in range(start, stop, MAX_HEADER):
            yield data[at : min(at + MAX_HEADER, stop)]


def trace_of(envelope: Envelope, head: Head, now: datetime, *, return_path: bool = True, to: str = "") -> bytes:
    """Return-Path, Delivered-To where the message is for one recipient alone, and Received (RFC 5321 §4.4).

    ``to``: the one recipient. Names that the client gave are written without what could be mistaken for syntax.
    """
    lines = [f"Return-Path: <{_path(envelope.sender)}>"] if return_path else []
    if to:
        lines.append(f"Delivered-To: {_path(to)}")
    received = [_from(envelope), f"by {hostname()}"]
    if envelope.protocol:
        received.append(f"with {_UNSAFE.sub('', envelope.protocol)}")
    if envelope.queue_id:
        received.append(f"id {_UNSAFE.sub('', envelope.queue_id)}")
    if to:
        received.append(f"for <{_path(to)}>")
    lines.append("Received: " + "\n\t".join(filter(None, received)) + ";\n\t" + format_datetime(now))
    text = "\n".join(lines) + "\n"
    return text.encode("utf-8", "replace").replace(b"\n", head.line_end)


@lru_cache(maxsize=1)
def _machine() -> str:
    return socket.getfqdn()


def hostname() -> str:
    """The name of this server."""
    return delivery_options().hostname or _machine()


def _from(envelope: Envelope) -> str:
    said = _UNSAFE.sub("", envelope.helo)
    known = " ".join(
        part
        for part in (
            _UNSAFE.sub("", envelope.client_name),
            f"[{_UNSAFE.sub('', envelope.client_address)}]" if envelope.client_address else "",
        )
        if part
    )
    if not said and not known:
        return ""
    return f"from {said or 'unknown'}" + (f" ({known})" if known else "")


def _path(address: str) -> str:
    """A path without line ends and brackets, whatever the client sent; what is in quotes keeps its spaces."""
    return re.sub(r"[\x00-\x1f\x7f<>]+", "", address)
