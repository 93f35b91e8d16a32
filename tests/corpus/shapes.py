"""MIME bodies of every common shape, each with what a client must be shown of it.

Rules kept here:
- what is expected is stated beside each shape, never worked out by the algorithm under test;
- texts hold LF line ends, octets CRLF; the line end before a boundary belongs to the boundary.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

CRLF = b"\r\n"


@dataclass(frozen=True)
class Attachment:
    """A part outside of the bodies: its decoded name, its type and its decoded octets."""

    name: str | None
    type: str
    data: bytes


@dataclass(frozen=True)
class Body:
    """The content of a message: its octets from Content-Type on, and what a client is shown.

    ``text`` and ``html`` are the values of textBody and htmlBody in order, ``visible`` what a reader of any body sees.
    """

    octets: bytes
    text: tuple[str, ...]
    html: tuple[str, ...]
    visible: tuple[str, ...]
    attachments: tuple[Attachment, ...] = ()
    has_attachment: bool = False


@dataclass
class Dice:
    """Random choices, the same for a seed."""

    chance: random.Random
    boundaries: int = 0

    def boundary(self) -> bytes:
        self.boundaries += 1
        style = self.chance.choice([b"=_part_%d", b"----=_NextPart_%03d", b"b%d'()+_,-./:=?", b"%d"])
        return style % self.boundaries


@dataclass(frozen=True)
class Words:
    """What a message says: paragraphs of plain text and the charset to send them in."""

    paragraphs: Sequence[str]
    charset: str

    @property
    def text(self) -> str:
        return "\n\n".join(self.paragraphs) + "\n"

    @property
    def html(self) -> str:
        escaped = (part.replace("&", "&amp;").replace("<", "&lt;") for part in self.paragraphs)
        return "<html><body>" + "\n".join(f"<p>{part}</p>" for part in escaped) + "</body></html>\n"

    @property
    def visible(self) -> str:
        return " ".join(self.paragraphs)


def quoted_printable(data: bytes) -> bytes:
    """The quoted-printable form of text octets with CRLF line ends (RFC 2045 §6.7)."""
    lines = []
    for line in data.split(CRLF):
        out = ""
        for position, octet in enumerate(line):
            is_last = position == len(line) - 1
            plain = (33 <= octet <= 126 and octet != 61) or (octet in (9, 32) and not is_last)
            piece = chr(octet) if plain else f"={octet:02X}"
            if len(out.rpartition("\r\n")[2]) + len(piece) > 74:
                out += "=\r\n"
            out += piece
        lines.append(out.encode())
    return CRLF.join(lines)


def encoded(data: bytes, encoding: str) -> bytes:
    """Octets in a transfer encoding."""
    if encoding == "quoted-printable":
        return quoted_printable(data)
    if encoding == "base64":
        packed = base64.b64encode(data)
        return CRLF.join(packed[start : start + 76] for start in range(0, len(packed), 76)) + CRLF
    return data


def leaf(type_: bytes, data: bytes, encoding: str = "8bit", extra: bytes = b"") -> bytes:
    """One part with its header; ``extra`` are more header lines."""
    head = b"Content-Type: " + type_ + CRLF + b"Content-Transfer-Encoding: " + encoding.encode() + CRLF
    return head + extra + CRLF + encoded(data, encoding)


def multipart(dice: Dice, subtype: bytes, parts: Sequence[bytes], extra: bytes = b"") -> bytes:
    """Parts together; ``extra`` are more parameters of the type."""
    boundary = dice.boundary()
    out = b"Content-Type: multipart/" + subtype + b'; boundary="' + boundary + b'"' + extra + CRLF + CRLF
    if dice.chance.random() < 0.3:
        out += b"This is a message in MIME format." + CRLF
    for part in parts:
        out += b"--" + boundary + CRLF + part + CRLF
    out += b"--" + boundary + b"--" + CRLF
    if dice.chance.random() < 0.2:
        out += b"epilogue" + CRLF
    return out


def text_part(dice: Dice, text: str, charset: str, subtype: bytes = b"plain") -> bytes:
    """A text in a charset, in an encoding that carries it."""
    data = text.replace("\n", "\r\n").encode(charset)
    choices = ["quoted-printable", "base64", "8bit"]
    if charset.startswith(("utf-16", "utf-32")):
        choices = ["base64"]
    elif charset.startswith("iso-2022"):
        choices = ["7bit", "base64"]
    parameter = b"; charset=" + dice.chance.choice([b"%b", b'"%b"']) % charset.encode()
    if charset == "us-ascii" and dice.chance.random() < 0.5:
        parameter = b""
    return leaf(b"text/" + subtype + parameter, data, dice.chance.choice(choices))


def file_name(dice: Dice, name: str) -> bytes:
    """A filename parameter: RFC 2231 whole or in pieces, an encoded word as many write it, or plain."""
    if name.isascii():
        return b'filename="' + name.encode() + b'"'
    percent = quote(name, safe="")
    style = dice.chance.choice(["whole", "pieces", "word", "raw"])
    if style == "whole":
        return f"filename*=UTF-8''{percent}".encode()
    if style == "pieces":
        cut = percent.index("%", len(percent) // 2) if "%" in percent[len(percent) // 2 :] else len(percent)
        return f"filename*0*=UTF-8''{percent[:cut]};\r\n filename*1*={percent[cut:]}".encode()
    if style == "word":
        return b'filename="=?UTF-8?B?' + base64.b64encode(name.encode()) + b'?="'
    return b'filename="' + name.encode() + b'"'


def attached(dice: Dice, file: Attachment) -> bytes:
    """An attachment as a part."""
    extra = b"Content-Disposition: attachment"
    if file.name is not None:
        extra += b"; " + file_name(dice, file.name)
    return leaf(file.type.encode(), file.data, "base64", extra + CRLF)


def _image(dice: Dice) -> tuple[Attachment, bytes]:
    data = b"\x89PNG\r\n\x1a\n" + dice.chance.randbytes(dice.chance.randrange(10, 400))
    cid = b"Content-ID: <img%d@inline>\r\nContent-Disposition: inline\r\n" % dice.chance.randrange(10**6)
    return Attachment(None, "image/png", data), leaf(b"image/png", data, "base64", cid)


# --------------------------------------------------------------------------------------------------------- the shapes


def plain(dice: Dice, words: Words, file: Attachment) -> Body:
    """One text."""
    return Body(text_part(dice, words.text, words.charset), (words.text,), (words.text,), (words.visible,))


def html_only(dice: Dice, words: Words, file: Attachment) -> Body:
    """HTML without a text beside it."""
    part = text_part(dice, words.html, words.charset, b"html")
    return Body(part, (words.html,), (words.html,), (words.visible,))


def alternative(dice: Dice, words: Words, file: Attachment) -> Body:
    """The same as text and as HTML."""
    parts = [text_part(dice, words.text, words.charset), text_part(dice, words.html, "utf-8", b"html")]
    return Body(multipart(dice, b"alternative", parts), (words.text,), (words.html,), (words.visible,))


def with_attachment(dice: Dice, words: Words, file: Attachment) -> Body:
    """A text and a file."""
    parts = [text_part(dice, words.text, words.charset), attached(dice, file)]
    return Body(multipart(dice, b"mixed", parts), (words.text,), (words.text,), (words.visible,), (file,), True)


def related(dice: Dice, words: Words, file: Attachment) -> Body:
    """HTML with an image that it shows."""
    image, image_part = _image(dice)
    parts = [text_part(dice, words.html, words.charset, b"html"), image_part]
    octets = multipart(dice, b"related", parts, b'; type="text/html"')
    return Body(octets, (words.html,), (words.html,), (words.visible,), (image,), False)


def newsletter(dice: Dice, words: Words, file: Attachment) -> Body:
    """Text, or HTML with an image, and a file: three levels."""
    image, image_part = _image(dice)
    inner = multipart(dice, b"related", [text_part(dice, words.html, "utf-8", b"html"), image_part])
    both = multipart(dice, b"alternative", [text_part(dice, words.text, words.charset), inner])
    octets = multipart(dice, b"mixed", [both, attached(dice, file)])
    return Body(octets, (words.text,), (words.html,), (words.visible,), (image, file), True)


def signed(dice: Dice, words: Words, file: Attachment) -> Body:
    """A text with a detached signature."""
    signature = b"-----BEGIN PGP SIGNATURE-----\r\n\r\nbm90aGluZw==\r\n-----END PGP SIGNATURE-----\r\n"
    seal = leaf(b"application/pgp-signature", signature, "7bit")
    parts = [text_part(dice, words.text, words.charset), seal]
    extra = b'; micalg=pgp-sha256;\r\n protocol="application/pgp-signature"'
    octets = multipart(dice, b"signed", parts, extra)
    found = (Attachment(None, "application/pgp-signature", signature),)
    return Body(octets, (words.text,), (words.text,), (words.visible,), found, False)


def encrypted(dice: Dice, words: Words, file: Attachment) -> Body:
    """Nothing to read without a key."""
    version = Attachment(None, "application/pgp-encrypted", b"Version: 1\r\n")
    secret = Attachment(None, "application/octet-stream", b"-----BEGIN PGP MESSAGE-----\r\nc2VjcmV0\r\n")
    parts = [leaf(one.type.encode(), one.data, "7bit") for one in (version, secret)]
    octets = multipart(dice, b"encrypted", parts, b'; protocol="application/pgp-encrypted"')
    return Body(octets, (), (), (), (version, secret), True)


def forwarded(dice: Dice, words: Words, file: Attachment) -> Body:
    """A text and another message, whose words are found and are no body of this one."""
    inner = b"From: Inner Author <inner@within.example>\r\nSubject: the nested letter\r\n" + text_part(
        dice, "Only within: xylophonist\n", "us-ascii"
    )
    nested = b"Content-Type: message/rfc822\r\n\r\n" + inner
    octets = multipart(dice, b"mixed", [text_part(dice, words.text, words.charset), nested])
    found = (Attachment(None, "message/rfc822", inner),)
    visible = (words.visible, "the nested letter", "Only within: xylophonist")
    return Body(octets, (words.text,), (words.text,), visible, found, True)


def with_footer(dice: Dice, words: Words, file: Attachment) -> Body:
    """A text and what the list manager adds as a part of its own."""
    footer = "_______\nlist mailing list\nhttps://lists.example/info/gardening\n"
    parts = [text_part(dice, words.text, words.charset), text_part(dice, footer, "us-ascii")]
    texts = (words.text, footer)
    return Body(multipart(dice, b"mixed", parts), texts, texts, (words.visible, footer))


def invitation(dice: Dice, words: Words, file: Attachment) -> Body:
    """Text, HTML and a calendar entry: the entry is no body, yet its words are found."""
    event = Attachment(None, "text/calendar", b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nEND:VCALENDAR\r\n")
    parts = [
        text_part(dice, words.text, words.charset),
        text_part(dice, words.html, "utf-8", b"html"),
        leaf(b"text/calendar; charset=utf-8; method=REQUEST", event.data, "base64"),
    ]
    octets = multipart(dice, b"alternative", parts)
    return Body(octets, (words.text,), (words.html,), (words.visible, event.data.decode()), (event,), True)


SHAPES = (
    plain, plain, plain, html_only, alternative, alternative, with_attachment, related, newsletter, signed, encrypted,
    forwarded, with_footer, invitation,
)  # fmt: skip
"""Each way to make a body; what is frequent in life stands here more than once."""


@dataclass(frozen=True)
class Malformed:
    """A message that breaks rules; ``says`` are words that must be found in it all the same, ``text`` its textBody."""

    name: str
    data: bytes
    says: tuple[str, ...] = ()
    text: tuple[str, ...] | None = None
    thread: str | None = None
    subject: str | None = field(default=None)
