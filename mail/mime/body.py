"""The body of a message as clients read it: part lists, values, preview, EmailBodyPart objects (RFC 8621 §4.1.4).

Everything is answered from the index and, where content is asked for, from slices of the raw message. Truncation never
cuts a character, and leaves no broken tag or character reference in HTML.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from mmap import mmap
from typing import Any, TypedDict

from mail.mime.charset import decode_text
from mail.mime.decode import decode_range
from mail.mime.headers import HeaderProperty, as_raw, header_value, parse_header_property
from mail.mime.index import MessageIndex, Part, part_fields
from mail.mime.text import html_to_text

PREVIEW_LENGTH = 256
"""The most characters that a preview may have (RFC 8621 §4.1.4)."""

DEFAULT_BODY_PROPERTIES = (
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language", "location",
)  # fmt: skip
"""The bodyProperties of a request that names none (RFC 8621 §4.2)."""

BODY_PROPERTIES = frozenset((*DEFAULT_BODY_PROPERTIES, "headers", "subParts"))
"""Every property of an EmailBodyPart but the header fields."""

Octets = bytes | mmap
BodyLists = tuple[list[Part], list[Part], list[Part]]


class BodyValue(TypedDict):
    """An EmailBodyValue (RFC 8621 §4.1.4)."""

    value: str
    isEncodingProblem: bool
    isTruncated: bool


def _is_media(part_type: str) -> bool:
    return part_type.startswith(("image/", "audio/", "video/"))


def _is_inline(part: Part, position: int, multipart: str) -> bool:
    """Whether a part belongs to the body rather than to the attachments."""
    media = _is_media(part.type)
    return (
        part.disposition != "attachment"
        and (media or part.type in ("text/plain", "text/html"))
        and (position == 0 or (multipart != "related" and (media or not part.name)))
    )


def _sort_parts(
    parts: Iterable[Part],
    multipart: str,
    in_alternative: bool,
    html: list[Part] | None,
    text: list[Part] | None,
    attachments: list[Part],
) -> None:
    """The algorithm of RFC 8621 §4.1.4; a list that is None takes no more parts at this level."""
    text_before, html_before = len(text or ()), len(html or ())
    for position, part in enumerate(parts):
        if part.is_multipart:
            subtype = part.type.partition("/")[2]
            inner = in_alternative or subtype == "alternative"
            _sort_parts(part.sub_parts, subtype, inner, html, text, attachments)
            continue
        if not _is_inline(part, position, multipart):
            attachments.append(part)
            continue
        if multipart == "alternative":
            wanted = {"text/plain": text, "text/html": html}.get(part.type, attachments)
            # A list that an outer level closed has no place for the part: it stays reachable as an attachment.
            (attachments if wanted is None else wanted).append(part)
            continue
        if in_alternative and part.type == "text/plain":
            html = None
        elif in_alternative and part.type == "text/html":
            text = None
        if text is not None:
            text.append(part)
        if html is not None:
            html.append(part)
        if (text is None or html is None) and _is_media(part.type):
            attachments.append(part)
    if multipart == "alternative" and text is not None and html is not None:
        if len(text) == text_before and len(html) != html_before:
            text.extend(html[html_before:])
        elif len(html) == html_before and len(text) != text_before:
            html.extend(text[text_before:])


def body_lists(index: MessageIndex) -> BodyLists:
    """The parts of textBody, htmlBody and attachments, in this order (RFC 8621 §4.1.4)."""
    text: list[Part] = []
    html: list[Part] = []
    attachments: list[Part] = []
    _sort_parts([index.root], "mixed", False, html, text, attachments)
    return text, html, attachments


_PROCESSED = frozenset(
    {
        "application/pgp-signature",
        "application/pgp-encrypted",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
    }
)


def has_attachment(index: MessageIndex) -> bool:
    """Whether a client should offer something to download (RFC 8621 §4.1.4).

    Signatures, which clients check by themselves, and images embedded in a multipart/related do not count.
    """
    return any(_counts(index, part) for part in body_lists(index)[2])


def _counts(index: MessageIndex, part: Part) -> bool:
    if part.disposition == "inline" or part.type in _PROCESSED:
        return False
    parent = index.parts[part.parent].type if part.parent is not None else ""
    embedded = parent == "multipart/related" and part.cid is not None and _is_media(part.type)
    return part.disposition == "attachment" or not embedded


def _decoded_text(data: Octets, part: Part, limit: int | None) -> tuple[str, bool, bool]:
    """The text of a part with LF line ends, whether there was an encoding problem, and whether more follows.

    With `limit` no more than about so many octets of content are read.
    """
    cut = limit is not None and part.size > limit
    raw = b"".join(decode_range(lambda offset, length: data[offset : offset + length], part, 0, limit))
    text, problem = decode_text(raw, part.charset, cut)
    return text.replace("\r\n", "\n"), problem or part.encoding_problem, cut


def text_of(data: Octets, part: Part, limit: int | None = None) -> tuple[str, bool]:
    """The text of a part with LF line ends, and whether there was an encoding problem.

    With `limit` no more than so many octets of its content are read, and a character cut there is left out.
    """
    return _decoded_text(data, part, limit)[:2]


def body_value(data: Octets, part: Part, max_bytes: int = 0) -> BodyValue:
    """The EmailBodyValue of a part, the value at most `max_bytes` octets of UTF-8 (0: no limit; RFC 8621 §4.2).

    Of a large part only what can be shown is decoded; isEncodingProblem then speaks of that.
    """
    # A character takes at most four octets, in UTF-8 and in every charset of fixed width; shifts take a few more.
    limit = max_bytes * 4 + 4096 if max_bytes > 0 else None
    text, problem, truncated = _decoded_text(data, part, limit)
    if max_bytes > 0:
        encoded = text[: max_bytes + 1].encode()
        if len(encoded) > max_bytes:
            truncated = True
            text = encoded[:max_bytes].decode("utf-8", "ignore")
        if truncated and part.type == "text/html":
            text = _whole_markup(text)
    return {"value": text, "isEncodingProblem": problem, "isTruncated": truncated}


_TAG_START = re.compile(r"<(?=[A-Za-z/!?]|\Z)")
_COMMENT = re.compile(r"<!--(?s:-?>|.*?--!?>)")
# As browsers cut: a quote opens a value only after "=", and elsewhere is a character of a name.
_VALUE = r"""(?:"[^"]*+(?:"|\Z)|'[^']*+(?:'|\Z)|[^\s>"'][^\s>]*+|(?=>))"""
_TAG = re.compile(
    rf"</?([A-Za-z][^\s/>]*+)(?:[\s/]++|(?:=[^\s/>=]*+|[^\s/>=]++)(?:\s*+=\s*+{_VALUE})?+)*+>|<[/!?][^>]*+>"
)
_RAW = frozenset(("iframe", "noembed", "noframes", "script", "style", "textarea", "title", "xmp"))
"""Elements whose content holds no tags but their own end tag."""
_OPEN_REFERENCE = re.compile(r"&[#0-9A-Za-z]{0,40}\Z")
_OPEN_END_TAG = re.compile(r"</?[A-Za-z]*\Z")


def _whole_markup(html: str) -> str:
    """The HTML up to the tag, comment or character reference that its end cuts in two."""
    position = 0
    while start := _TAG_START.search(html, position):
        comment = html.startswith("<!--", start.start())
        tag = (_COMMENT if comment else _TAG).match(html, start.start())
        if tag is None:
            return html[: start.start()]
        position = tag.end()
        if not comment and tag[1] is not None and tag[1].lower() in _RAW and tag[0][1] != "/":
            end = re.compile(rf"</{tag[1]}(?=[\s/>])", re.IGNORECASE).search(html, position)
            if end is None:
                return _OPEN_END_TAG.sub("", html)
            position = end.start()
    return _OPEN_REFERENCE.sub("", html)


_QUOTE = re.compile(r"^[ \t]{0,8}>.*\n?", re.MULTILINE)
_WROTE = r"wrote|writes|schrieb|a écrit|escribió|escreveu|ha scritto|skrev|schreef|napisał\(?a?\)?"
_ATTRIBUTION = re.compile(
    rf"^(?:On\b[^\n]{{0,200}}\n)?[^\n]{{0,200}}\b(?:{_WROTE})\s?[^\n]{{0,30}}:[ \t]*\n(?=[ \t\n]{{0,20}}>)",
    re.MULTILINE,
)
_SIGNATURE = re.compile(r"^-- ?\n.*", re.MULTILINE | re.DOTALL)
_ARMOR = re.compile(r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:Hash:[^\n]*\n)*", re.MULTILINE)
_RULE = re.compile(r"([-=_*~#+.])\1{4,}")
_FILLER = re.compile("(?:[\u00ad\u034f\u061c\u115f\u17b4\u200b-\u200f\u2060-\u2064\ufeff]\\s*){2,}")
_WINDOWS = (8192, 65536, 1048576)


def _without_quotes(text: str) -> str:
    """Plain text without quoted lines, their attribution and the signature; all of it where nothing else is left."""
    text = _ARMOR.sub("", text)
    own = _SIGNATURE.sub("", _QUOTE.sub("", _ATTRIBUTION.sub("", text)))
    return own if own.strip() else text


def _collapse(text: str) -> str:
    text = _RULE.sub(r"\1\1\1", text)
    return " ".join(_FILLER.sub(" ", text).split())


_BODY_TAG = re.compile(r"<body\b", re.IGNORECASE)


def _preview_of(data: Octets, part: Part) -> str:
    """The collapsed text of one part, from as little of it as gives a full preview."""
    text = ""
    for window in _WINDOWS:
        source, _ = text_of(data, part, window)
        if part.type == "text/html":
            body = _BODY_TAG.search(source)
            start = body.start() if body else 0
            text = _collapse(html_to_text(source[start : start + window]))
        else:
            text = _collapse(_without_quotes(source))
        if len(text) >= PREVIEW_LENGTH or part.size <= window:
            break
    return text


def preview(data: Octets, index: MessageIndex) -> str:
    """A plain text line of at most 256 characters from the body, "" when it holds no text (RFC 8621 §4.1.4)."""
    text, html, _ = body_lists(index)
    out: list[str] = []
    length = 0
    for part in [part for part in text if part.type.startswith("text/")][:10]:
        if piece := _preview_of(data, part):
            out.append(piece)
            length += len(piece) + 1
        if length > PREVIEW_LENGTH:
            break
    if not out:
        out = [piece for part in html[:3] if part.type == "text/html" and (piece := _preview_of(data, part))]
    return " ".join(out)[:PREVIEW_LENGTH].rstrip()


@lru_cache(maxsize=256)
def _header_property(name: str) -> HeaderProperty:
    return parse_header_property(name)


def check_body_properties(names: Iterable[str]) -> None:
    """Raise ValueError for the first name that is no property of an EmailBodyPart (RFC 8621 §4.1.4)."""
    for name in names:
        if name.startswith("header:"):
            _header_property(name)
        elif name not in BODY_PROPERTIES:
            raise ValueError(f"{name!r} is no property of an EmailBodyPart")


def needs_octets(names: Iterable[str]) -> bool:
    """Whether `body_part_json` needs the raw message for these properties."""
    return _any_header(tuple(names))


@lru_cache(maxsize=256)
def _any_header(names: tuple[str, ...]) -> bool:
    return any(name == "headers" or name.startswith("header:") for name in names)


_FROM_INDEX: dict[str, Callable[[Part], Any]] = {
    "partId": lambda part: part.part_id,
    "size": lambda part: part.size,
    "name": lambda part: part.name,
    "type": lambda part: part.type,
    "charset": lambda part: part.charset,
    "disposition": lambda part: part.disposition,
    "cid": lambda part: part.cid,
    "language": lambda part: part.language,
    "location": lambda part: part.location,
}


def body_part_json(
    part: Part,
    blob_id_of: Callable[[Part], str],
    properties: Sequence[str] = DEFAULT_BODY_PROPERTIES,
    data: Octets | None = None,
) -> dict[str, Any]:
    """The EmailBodyPart object of a part with the asked properties only, in the order asked (RFC 8621 §4.1.4).

    `subParts`, where asked for, are built with the same properties. `data`, the raw message, is needed where
    `needs_octets` says so. Raises ValueError for an unknown property or missing `data`.
    """
    if properties is DEFAULT_BODY_PROPERTIES:
        return {
            "partId": part.part_id,
            "blobId": None if part.is_multipart else blob_id_of(part),
            "size": part.size,
            "name": part.name,
            "type": part.type,
            "charset": part.charset,
            "disposition": part.disposition,
            "cid": part.cid,
            "language": part.language,
            "location": part.location,
        }
    fields: list[tuple[str, bytes]] = []
    if needs_octets(properties):
        if data is None:
            raise ValueError("header fields of a part are read from the message: pass its octets")
        fields = part_fields(data, part)
    out: dict[str, Any] = {}
    for name in properties:
        if (getter := _FROM_INDEX.get(name)) is not None:
            out[name] = getter(part)
        elif name == "blobId":
            out[name] = None if part.is_multipart else blob_id_of(part)
        elif name == "headers":
            out[name] = [{"name": field, "value": as_raw(value)} for field, value in fields]
        elif name == "subParts":
            out[name] = (
                [body_part_json(child, blob_id_of, properties, data) for child in part.sub_parts]
                if part.is_multipart
                else None
            )
        else:
            check_body_properties((name,))
            out[name] = header_value(fields, _header_property(name))
    return out
