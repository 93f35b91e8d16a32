"""Header fields: their raw octets, and the parsed forms and properties of RFC 8621 §4.1.2 and §4.1.3.

Every form takes the raw value of one field, as octets or already in Raw form, and returns what travels as JSON. Fields
of a block come from `iterate_fields`; a property such as "header:Subject:asText:all" is parsed once by
`parse_header_property` and answered from the fields by `header_value`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from mail.mime.addresses import (
    EmailAddress,
    EmailAddressGroup,
    parse_addresses,
    parse_groups,
    strip_comments,
    tokenize,
)
from mail.mime.charset import clean
from mail.mime.dates import parse_date, to_utc
from mail.mime.words import decode_words, normalize

__all__ = [
    "CONVENIENCE", "CONVENIENCE_NAMES", "FORMS", "EmailAddress", "EmailAddressGroup", "HeaderProperty",
    "allowed_forms", "as_addresses", "as_date", "as_grouped_addresses", "as_message_ids", "as_raw", "as_text",
    "as_urls", "convenience_properties", "header_value", "iterate_fields", "parse_header_property", "parsed_value",
    "to_utc", "unfold",
]  # fmt: skip

Field = tuple[str, bytes]
"""A header field: its name as written, and the raw octets after the colon without the final line end."""

FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
FIELD_CR = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\r]*+(?:\r[ \t][^\r]*+)*+)(?:\r|\Z)")
"""One field with its continuation lines; the second for messages whose lines end in a bare CR."""

_FOLD = re.compile(r"(?:\r\n|\n|\r)(?=[ \t])")


def iterate_fields(data: bytes | mmap, start: int = 0, end: int | None = None) -> Iterator[Field]:
    """The fields of the header block in data[start:end], in order; lines that are no field are passed over."""
    end = len(data) if end is None else end
    line_end, pattern = b"\n", FIELD
    if data.find(b"\n", start, end) < 0:
        line_end, pattern = b"\r", FIELD_CR
    while start < end:
        match = pattern.match(data, start, end)
        if match is not None:
            yield match[1].decode("ascii"), match[2].removesuffix(b"\r")
            start = match.end()
            continue
        start = data.find(line_end, start, end) + 1 or end


def as_raw(value: bytes | str) -> str:
    """The Raw form: octets that violate UTF-8 become U+FFFD, NUL is dropped (RFC 8621 §4.1.2.1)."""
    return value if isinstance(value, str) else clean(value.decode("utf-8", "replace"))


def unfold(value: bytes | str) -> str:
    """The Raw form without the line ends of folding (RFC 5322 §2.2.3)."""
    text = as_raw(value)
    return _FOLD.sub("", text) if "\n" in text or "\r" in text else text


def as_text(value: bytes | str) -> str:
    """The Text form: unfolded, encoded-words decoded, NFC (RFC 8621 §4.1.2.2)."""
    return normalize(decode_words(unfold(value).lstrip(" ")))


def as_addresses(value: bytes | str) -> list[EmailAddress]:
    """The Addresses form (RFC 8621 §4.1.2.3)."""
    return parse_addresses(unfold(value))


def as_grouped_addresses(value: bytes | str) -> list[EmailAddressGroup]:
    """The GroupedAddresses form (RFC 8621 §4.1.2.4)."""
    return parse_groups(unfold(value))


def as_message_ids(value: bytes | str) -> list[str] | None:
    """The MessageIds form, or None when there is no msg-id in the field (RFC 8621 §4.1.2.5).

    Phrases between the ids are passed over, as the obsolete syntax of In-Reply-To has them (RFC 5322 §4.5.4), and an
    id without "@" is taken, since conversations hang together by it.
    """
    out = []
    for kind, token in tokenize(unfold(value)):
        if kind == "angle" and token.endswith(">"):
            identifier = "".join(strip_comments(token[1:-1]).split())
            if identifier:
                out.append(identifier)
    return out or None


def as_date(value: bytes | str) -> str | None:
    """The Date form: RFC 3339 with the offset of the field, or None (RFC 8621 §4.1.2.6)."""
    return parse_date(strip_comments(unfold(value)))


def as_urls(value: bytes | str) -> list[str] | None:
    """The URLs form, or None when the field does not begin with a URL in angle brackets (RFC 8621 §4.1.2.7).

    What follows a URL other than a comma ends the list (RFC 2369 §2).
    """
    out: list[str] = []
    expected = True
    for kind, token in tokenize(unfold(value)):
        if kind in ("space", "comment"):
            continue
        if expected and kind == "angle" and token.endswith(">"):
            if url := "".join(token[1:-1].split()):
                out.append(url)
            expected = False
        elif not expected and token == ",":
            expected = True
        elif not (expected and token == ","):
            break
    return out or None


FORMS: Mapping[str, Callable[[bytes | str], Any]] = {
    "Raw": as_raw,
    "Text": as_text,
    "Addresses": as_addresses,
    "GroupedAddresses": as_grouped_addresses,
    "MessageIds": as_message_ids,
    "Date": as_date,
    "URLs": as_urls,
}
"""The forms of RFC 8621 §4.1.2 by the name that follows "as" in a property."""

_ADDRESS_FORMS = frozenset({"Raw", "Addresses", "GroupedAddresses"})
_RESTRICTED: dict[str, frozenset[str]] = {
    **dict.fromkeys(("return-path", "received"), frozenset({"Raw"})),
    **dict.fromkeys(("subject", "comments", "keywords"), frozenset({"Raw", "Text"})),
    **dict.fromkeys(("from", "sender", "reply-to", "to", "cc", "bcc"), _ADDRESS_FORMS),
    **dict.fromkeys(
        ("resent-from", "resent-sender", "resent-reply-to", "resent-to", "resent-cc", "resent-bcc"), _ADDRESS_FORMS
    ),
    **dict.fromkeys(("message-id", "in-reply-to", "references", "resent-message-id"), frozenset({"Raw", "MessageIds"})),
    **dict.fromkeys(("date", "resent-date"), frozenset({"Raw", "Date"})),
    **dict.fromkeys(
        ("list-help", "list-unsubscribe", "list-subscribe", "list-post", "list-owner", "list-archive"),
        frozenset({"Raw", "URLs"}),
    ),
}
_NAME = re.compile(r"[!-9;-~]+", re.ASCII)


def allowed_forms(name: str) -> set[str]:
    """The forms in which a field may be fetched or set; any form for a field of no restriction (RFC 8621 §4.1.2)."""
    return set(_RESTRICTED.get(name.lower(), FORMS))


@dataclass(frozen=True, slots=True)
class HeaderProperty:
    """A property that stands for header fields: name in lowercase, form as in `FORMS`, every instance or the last."""

    name: str
    form: str = "Raw"
    all: bool = False


def parse_header_property(text: str) -> HeaderProperty:
    """Parse "header:{name}[:as{form}][:all]" (RFC 8621 §4.1.3).

    Raises ValueError, with what is wrong, for a name that is no field name, an unknown form or suffix, and a form that
    is not allowed for the field.
    """
    prefix, _, rest = text.partition(":")
    name, *suffixes = rest.split(":")
    if prefix != "header" or not _NAME.fullmatch(name):
        raise ValueError(f"{text!r}: a header property is header:<name>, the name in printable ASCII without colon")
    every = bool(suffixes) and suffixes[-1] == "all"
    if every:
        suffixes.pop()
    form = "Raw"
    if suffixes:
        form = suffixes.pop(0).removeprefix("as") if suffixes[0].startswith("as") else ""
    if form not in FORMS or suffixes:
        raise ValueError(f"{text!r}: after the name only :as<form> and then :all may follow; forms: {', '.join(FORMS)}")
    if form not in allowed_forms(name):
        raise ValueError(f"{text!r}: the header field {name} may not be fetched or set as {form}")
    return HeaderProperty(name.lower(), form, every)


def parsed_value(form: str, value: bytes | str) -> Any:
    """One raw field value in a form of `FORMS`. Raises KeyError for an unknown form."""
    return FORMS[form](value)


def header_value(fields: Iterable[tuple[str, bytes | str]], wanted: HeaderProperty) -> Any:
    """The value of a header property: the last instance (None when absent), or with `all` a list of every instance."""
    values = [value for name, value in fields if name.lower() == wanted.name]
    parse = FORMS[wanted.form]
    if wanted.all:
        return [parse(value) for value in values]
    return parse(values[-1]) if values else None


CONVENIENCE_NAMES: Mapping[str, str] = {
    "messageId": "Message-ID",
    "inReplyTo": "In-Reply-To",
    "references": "References",
    "sender": "Sender",
    "from": "From",
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "replyTo": "Reply-To",
    "subject": "Subject",
    "sentAt": "Date",
}
"""The convenience properties of an Email and the header field each stands for, as it is written (RFC 8621 §4.1.3)."""

_CONVENIENCE_FORMS = {
    "messageId": "MessageIds",
    "inReplyTo": "MessageIds",
    "references": "MessageIds",
    "subject": "Text",
    "sentAt": "Date",
}
CONVENIENCE: Mapping[str, HeaderProperty] = {
    name: HeaderProperty(field.lower(), _CONVENIENCE_FORMS.get(name, "Addresses"))
    for name, field in CONVENIENCE_NAMES.items()
}
"""The header property that each convenience property is identical to."""


def convenience_properties(fields: Iterable[tuple[str, bytes | str]]) -> dict[str, Any]:
    """Every convenience property of RFC 8621 §4.1.3, None where the field is absent."""
    last: dict[str, bytes | str] = {name.lower(): value for name, value in fields}
    return {
        property_name: FORMS[wanted.form](last[wanted.name]) if wanted.name in last else None
        for property_name, wanted in CONVENIENCE.items()
    }
