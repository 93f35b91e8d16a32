"""What is derived from a message once, on arrival, outside any transaction.

Rules kept here:
- the octets are parsed once; /get of metadata, sorting, threading and search live on what is stored here;
- ``LINES`` is the order of the stored JSON values; ids are not among them, since a late thread link changes an
  email's id;
- whatever the message is like, something is derived: malformed mail is shown, never refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from jmap.protocol.collation import unicode_casemap_key
from mail.mime.body import has_attachment, preview
from mail.mime.dates import to_utc
from mail.mime.index import MIME_VERSION, Octets, parse
from mail.mime.subject import base_subject, thread_subject
from mail.search.tokenizer import TOKENIZER_VERSION, message_tokens
from mail.services.searchable import search_fields

CONTENT_VERSION = MIME_VERSION * 1000 + TOKENIZER_VERSION
"""The version of everything derived here: raised by a better parser or tokenizer, and then derived anew."""

LINES = (
    "size",
    "hasAttachment",
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "preview",
)
"""The properties whose JSON values EmailContent.properties holds, one a line."""

_KEY_OCTETS = 255
_MAX_REFERENCES = 200


@dataclass(slots=True)
class Derived:
    """Everything that the store keeps of a message besides its octets; ``tokens`` is what search indexes."""

    properties: str
    index: str
    tokens: str
    size: int
    sent_at: datetime | None
    has_attachment: bool
    subject_key: bytes
    from_key: bytes
    to_key: bytes
    reference_keys: list[bytes]


def derive(data: Octets) -> Derived:
    """Parse a message and derive all that is stored of it (RFC 8621 §4.1)."""
    index = parse(data)
    headers = index.headers
    attached = has_attachment(index)
    values = {**headers, "size": index.size, "hasAttachment": attached, "preview": preview(data, index)}
    return Derived(
        properties="\n".join(orjson.dumps(values.get(name)).decode() for name in LINES),
        index=orjson.dumps(index.to_json()).decode(),
        tokens=message_tokens(search_fields(data, index)),
        size=index.size,
        sent_at=to_utc(headers.get("sentAt")),
        has_attachment=attached,
        subject_key=sort_key(base_subject(headers.get("subject") or "")),
        from_key=_first_address(headers.get("from")),
        to_key=_first_address(headers.get("to")),
        reference_keys=reference_keys(headers),
    )


def sort_key(text: str) -> bytes:
    """The key that text properties sort by: i;unicode-casemap, cut to what an index takes (RFC 5051)."""
    return unicode_casemap_key(text)[:_KEY_OCTETS]


def reference_keys(headers: Mapping[str, Any]) -> list[bytes]:
    """The keys that link an email into a thread: each of its message ids with its base subject, without case and white
    space (RFC 8621 §3).

    Of very many references the first and the last are taken: the root of the conversation and what is near.
    """
    found = [*(headers.get("messageId") or ()), *(headers.get("inReplyTo") or ())]
    references = list(headers.get("references") or ())
    if len(references) > _MAX_REFERENCES:
        references = [references[0], *references[-_MAX_REFERENCES:]]
    subject = unicode_casemap_key(thread_subject(headers.get("subject") or ""))
    ids = dict.fromkeys((*found, *references))
    return [hashlib.sha256(one.encode("utf-8", "replace") + b"\0" + subject).digest()[:16] for one in ids]


def _first_address(addresses: list[dict[str, str | None]] | None) -> bytes:
    """The sort key of an address list: the first one's name, or its address where it has none (RFC 8621 §4.4.2)."""
    if not addresses:
        return b""
    return sort_key(addresses[0].get("name") or addresses[0].get("email") or "")
