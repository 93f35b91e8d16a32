"""A message from its description: header fields and a tree of body parts to RFC 5322 octets (RFC 8621 §4.6).

Rules kept:
- Line ends are CRLF, lines at most 998 octets. What reads back is what was given: text parts come out letter for letter
  (7bit where that is safe, else the shorter of quoted-printable and base64), octets come out octet for octet.
- Date, Message-ID and MIME-Version are added where the description has none.
- Whatever cannot be written raises `ComposeError`, which names the header field or property at fault.
"""

import binascii
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mail.mime import render
from mail.mime.charset import clean, codec_for
from mail.mime.headers import allowed_forms, unfold
from mail.mime.index import MAX_DEPTH, MAX_PARTS
from mail.mime.params import parse_parameters
from mail.mime.render import HARD_LIMIT, ComposeError, compose_from_value

__all__ = ["BodyNode", "ComposeError", "Composed", "Draft", "Leaf", "Multipart", "compose", "compose_from_value"]

HeaderSpec = tuple[str, str, Any]
"""A header field to write: its name, the form of its value (see `headers.FORMS`) and the value."""


@dataclass(slots=True)
class Leaf:
    """A part with content: text as str (the charset is chosen here) or octets as bytes (kept as they are).

    The other fields are the EmailBodyPart properties of RFC 8621 §4.1.4; `headers` are further fields of the part.
    """

    type: str
    content: bytes | str
    charset: str | None = None
    disposition: str | None = None
    cid: str | None = None
    language: list[str] | None = None
    location: str | None = None
    name: str | None = None
    headers: Sequence[HeaderSpec] = ()


@dataclass(slots=True)
class Multipart:
    """A part of parts, at least one."""

    type: str
    parts: Sequence["BodyNode"]
    disposition: str | None = None
    cid: str | None = None
    language: list[str] | None = None
    location: str | None = None
    name: str | None = None
    headers: Sequence[HeaderSpec] = ()


BodyNode = Leaf | Multipart


@dataclass(slots=True)
class Draft:
    """A message to be: the fields of its header in order, and its body."""

    headers: Sequence[HeaderSpec]
    body: BodyNode


@dataclass(slots=True)
class Composed:
    """The octets of a message, and what a relay must offer to take them (RFC 6531, RFC 6152)."""

    data: bytes
    needs_smtputf8: bool
    needs_8bitmime: bool


_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]+", re.ASCII)
_NO_SPACE = re.compile(r"[^\s<>\x00-\x20\x7f]+")
_BARE_LINE_END = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_LONG_LINE = re.compile(rb"[^\n]{%d}" % (HARD_LIMIT + 2))
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]", re.ASCII)


@dataclass(slots=True)
class _Writer:
    chunks: list[bytes] = field(default_factory=list)
    parts: int = 0
    eight_bit: bool = False


def compose(draft: Draft, *, domain: str, now: datetime | None = None) -> Composed:
    """Write a message.

    `domain` is the right side of a Message-ID made here, `now` the Date (default: the current time).
    Raises ComposeError for what cannot be written: a bad name, form or value of a header field, Content-* fields
    outside of the parts, line breaks in values, bad types, empty multiparts.
    """
    given = {name.lower() for name, _, _ in draft.headers}
    for name in sorted(given):
        if name.startswith("content-"):
            raise ComposeError(name, "belongs to a body part, not to the message")
    out = [_field(*spec) for spec in draft.headers]
    if "date" not in given:
        out.append(render.field("Date", "Date", (now or datetime.now(UTC)).replace(microsecond=0)))
    if "message-id" not in given:
        out.append(render.field("Message-ID", "MessageIds", [f"{secrets.token_hex(16)}@{domain}"]))
    if "mime-version" not in given:
        out.append(b"MIME-Version: 1.0\r\n")
    writer = _Writer()
    _node(writer, draft.body, 0)
    repeated = given & {name.lower() for name, _, _ in draft.body.headers}
    if repeated:
        raise ComposeError(min(repeated), "is given for the message and again for its body")
    data = b"".join((*out, *writer.chunks))
    header = data[: data.find(b"\r\n\r\n")]
    return Composed(data, not header.isascii(), writer.eight_bit)


def _field(name: str, form: str, value: Any) -> bytes:
    if form not in allowed_forms(name):
        raise ComposeError(name, f"may not be set as {form}")
    return render.field(name, form, value)


def _node(writer: _Writer, node: BodyNode, depth: int) -> None:
    """Write the header and the body of a part."""
    writer.parts += 1
    if depth > MAX_DEPTH or writer.parts > MAX_PARTS:
        raise ComposeError("bodyStructure", f"has more than {MAX_DEPTH} levels or {MAX_PARTS} parts")
    extra = {name.lower(): (name, form, value) for name, form, value in node.headers}
    if "content-transfer-encoding" in extra:
        raise ComposeError("Content-Transfer-Encoding", "is chosen by the server")
    custom = extra.get("content-type")
    if custom is not None and custom[1] != "Raw":
        raise ComposeError("Content-Type", "can only be set as Raw")
    content_type, parameters = _content_type(node, custom[2] if custom else None)
    is_multipart = content_type.lower().partition(";")[0].strip().startswith("multipart/")
    if is_multipart != isinstance(node, Multipart):
        raise ComposeError("type", f"{node.type} does not fit: only a multipart has subParts")
    fields = list(_described(node, extra))
    rest = [_field(*spec) for name, spec in extra.items() if name != "content-type"]
    if isinstance(node, Multipart):
        boundary = _boundary(parameters)
        if "boundary" not in parameters:
            content_type += render.parameter("Content-Type", "boundary", boundary)
        writer.chunks += [_content_type_field(content_type), *fields, *rest, b"\r\n"]
        _multipart(writer, node, boundary.encode(), depth)
        return
    encoding, body, charset = _encode(node, content_type, parameters)
    if charset and "charset" not in parameters:
        content_type += render.parameter("charset", "charset", charset)
    writer.eight_bit |= encoding == "8bit"
    transfer = f"Content-Transfer-Encoding: {encoding}\r\n".encode()
    writer.chunks += [_content_type_field(content_type), *fields, *rest, transfer, b"\r\n", body]


def _content_type(node: BodyNode, raw: Any) -> tuple[str, dict[str, str]]:
    """The value of Content-Type so far and the parameters in it."""
    if raw is not None:
        value = compose_from_value("Raw", raw, "Content-Type").strip()
        token, parameters = parse_parameters(unfold(value))
        if not _TYPE.fullmatch(token) or (node.type and token.lower() != node.type.lower()):
            raise ComposeError("Content-Type", "is no media type, or not the type of the part")
        return value, parameters
    if not _TYPE.fullmatch(render.checked("type", node.type)):
        raise ComposeError("type", f"{node.type!r} is no media type")
    value = node.type
    if node.name is not None and render.checked("name", node.name):
        name = node.name
        # Old clients know no RFC 2231: they read encoded-words here, and the others prefer "filename".
        plain = name.isascii() and name.isprintable() and "=?" not in name and len(name) < 200
        value += render.parameter("name", "name", name) if plain else f'; name="{render.encoded_words(name)}"'
    return value, {}


def _content_type_field(value: str) -> bytes:
    return render.fold("Content-Type", " " + value)


def _described(node: BodyNode, extra: dict[str, HeaderSpec]) -> Iterator[bytes]:
    """The fields that the properties of a part stand for."""
    wanted: dict[str, str] = {}
    if node.disposition is not None or node.name:
        disposition = render.checked("disposition", node.disposition or "attachment")
        if not _TOKEN.fullmatch(disposition):
            raise ComposeError("disposition", f"{disposition!r} is no token")
        wanted["Content-Disposition"] = disposition + (
            render.parameter("name", "filename", node.name) if node.name else ""
        )
    if node.cid is not None:
        if not _NO_SPACE.fullmatch(render.checked("cid", node.cid)) or "(" in node.cid:
            raise ComposeError("cid", "must not be empty or hold white space, brackets or parentheses")
        wanted["Content-ID"] = f"<{node.cid}>"
    if node.language:
        if not all(_TOKEN.fullmatch(render.checked("language", tag)) for tag in node.language):
            raise ComposeError("language", "must be a list of language tags")
        wanted["Content-Language"] = ", ".join(node.language)
    if node.location is not None:
        if not _NO_SPACE.fullmatch(render.checked("location", node.location)) or '"' in node.location:
            raise ComposeError("location", "must be a URI without white space")
        wanted["Content-Location"] = node.location
    for name, value in wanted.items():
        if name.lower() in extra:
            raise ComposeError(name, "is given twice for one part, as a property and as a header field")
        yield render.fold(name, " " + value)


def _boundary(parameters: dict[str, str]) -> str:
    boundary = parameters.get("boundary") or f"=_{secrets.token_hex(16)}"
    if not _BOUNDARY.fullmatch(boundary):
        raise ComposeError("Content-Type", "has a boundary that RFC 2046 does not allow")
    return boundary


def _multipart(writer: _Writer, node: Multipart, boundary: bytes, depth: int) -> None:
    if not node.parts:
        raise ComposeError("subParts", "a multipart needs at least one part")
    for child in node.parts:
        writer.chunks.append(b"--" + boundary + b"\r\n")
        begin = len(writer.chunks)
        _node(writer, child, depth + 1)
        if not boundary.startswith(b"=_") and any(b"--" + boundary in chunk for chunk in writer.chunks[begin:]):
            raise ComposeError("Content-Type", "has a boundary that occurs in the content")
        writer.chunks.append(b"\r\n")
    writer.chunks.append(b"--" + boundary + b"--\r\n")


def _encode(leaf: Leaf, content_type: str, parameters: dict[str, str]) -> tuple[str, bytes, str | None]:
    """The transfer encoding, the encoded body and the charset of a part (RFC 2045 §6)."""
    kind = content_type.partition(";")[0].strip().lower()
    if isinstance(leaf.content, str):
        if leaf.charset is not None:
            raise ComposeError("charset", "is chosen by the server for text given as a value")
        declared = parameters.get("charset")
        if declared is not None and codec_for(declared) != "utf-8" and not leaf.content.isascii():
            raise ComposeError("Content-Type", "names a charset other than utf-8 for text given as a value")
        return (*_encode_text(clean(leaf.content)), "utf-8" if kind.startswith("text/") else None)
    if leaf.charset is not None:
        render.checked("charset", leaf.charset)
    if kind in ("message/rfc822", "message/global"):
        octets = _BARE_LINE_END.sub(b"\r\n", leaf.content)
        if b"\0" not in octets and not _LONG_LINE.search(octets):
            return "7bit" if octets.isascii() else "8bit", octets, leaf.charset
        return "base64", _base64(leaf.content), leaf.charset
    if kind.startswith(("text/", "message/")) and _is_7bit(leaf.content):
        return "7bit", leaf.content, leaf.charset
    return "base64", _base64(leaf.content), leaf.charset


def _is_7bit(octets: bytes) -> bool:
    return (
        octets.isascii() and b"\0" not in octets and not _BARE_LINE_END.search(octets) and not _LONG_LINE.search(octets)
    )


def _encode_text(text: str) -> tuple[str, bytes]:
    lines = text.replace("\r\n", "\n").encode()
    octets = lines.replace(b"\n", b"\r\n")
    if _is_7bit(octets):
        return "7bit", octets
    as_base64 = _base64(octets)
    if b"\r" not in lines:
        printable = binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n")
        if len(printable) <= len(as_base64):
            return "quoted-printable", printable
    return "base64", as_base64


def _base64(octets: bytes) -> bytes:
    lines = (binascii.b2a_base64(octets[i : i + 57], newline=False) for i in range(0, len(octets), 57))
    return b"\r\n".join(lines)
