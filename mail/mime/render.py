"""Header values to the octets of header fields (RFC 5322, RFC 2047, RFC 2231, RFC 6532).

Rules kept:
- No value can add a line, a field or an address of its own: CR, LF and NUL are refused wherever they are no folding of
  a raw value, and what was written is read back and compared before it leaves.
- Lines are folded at 78 octets where there is white space to fold at and never exceed 998.
- Text outside of ASCII becomes encoded-words; only addresses, URLs and raw values are sent as UTF-8 (RFC 6532).
"""

import binascii
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote_from_bytes

from mail.mime.addresses import parse_addresses, parse_groups
from mail.mime.dates import format_date, parse_rfc3339
from mail.mime.headers import as_message_ids, as_urls

SOFT_LIMIT = 78
HARD_LIMIT = 998

_FIELD_NAME = re.compile(r"[!-9;-~]+", re.ASCII)
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.ASCII)
_PARAMETER_TOKEN = re.compile(r"[A-Za-z0-9!#$%&+.^_`{|}~-]+", re.ASCII)
_Q_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BROKEN_FOLD = re.compile(r"(?>\r\n|\r|\n)(?![ \t]+[^ \t\r\n])")
_LINE_END = re.compile(r"\r\n|\r|\n")
_CHUNK = re.compile(r"[ \t]*[^ \t]+|[ \t]+\Z")
_WORD_ROOM = 63
_LONG_TOKEN = 70


class ComposeError(ValueError):
    """What keeps a message from being composed: `where` names the header field or property, `problem` says what."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"{where}: {problem}")
        self.where = where
        self.problem = problem


def checked(where: str, value: object) -> str:
    """The value as one line of text. Raises ComposeError for CR, LF, NUL, lone surrogates or another type."""
    if not isinstance(value, str):
        raise ComposeError(where, "must be a string")
    if any(character in value for character in "\r\n\0"):
        raise ComposeError(where, "must not contain line breaks or NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ComposeError(where, "holds a lone surrogate") from None
    return value


def _q(octets: bytes) -> str:
    return "".join(chr(o) if o in _Q_SAFE else "_" if o == 32 else f"={o:02X}" for o in octets)


def _b(octets: bytes) -> str:
    return binascii.b2a_base64(octets, newline=False).decode("ascii")


def encoded_words(text: str) -> str:
    """The text as encoded-words of at most 75 characters, parted by single spaces (RFC 2047 §2)."""
    octets = text.encode()
    use_q = len(_q(octets)) <= len(octets) * 4 // 3
    encode, letter = (_q, "q") if use_q else (_b, "b")
    words: list[str] = []
    pending = b""
    for character in text:
        more = pending + character.encode()
        if len(encode(more)) > _WORD_ROOM:
            words.append(f"=?utf-8?{letter}?{encode(pending)}?=")
            more = character.encode()
        pending = more
    words.append(f"=?utf-8?{letter}?{encode(pending)}?=")
    return " ".join(words)


def _text(where: str, value: object) -> str:
    """Unstructured text; only the stretch of words that needs it is encoded."""
    text = _CONTROL.sub("", checked(where, value))
    tokens = text.split(" ")
    needy = [i for i, token in enumerate(tokens) if _needs_encoding(token)]
    if not needy or not text:
        return text
    first, last = needy[0], needy[-1]
    # An empty token is a space at an end or beside another: its neighbours go along.
    if not tokens[first]:
        first = max(0, first - 1)
    if not tokens[last]:
        last = min(len(tokens) - 1, last + 1)
    middle = encoded_words(" ".join(tokens[first : last + 1]).replace("\t", " "))
    return " ".join([*tokens[:first], middle, *tokens[last + 1 :]])


def _needs_encoding(token: str) -> bool:
    return not token or not token.isascii() or "=?" in token or len(token) > _LONG_TOKEN


def phrase(where: str, value: object) -> str:
    """A display-name: atoms, a quoted-string, or encoded-words (RFC 5322 §3.4)."""
    text = _CONTROL.sub("", checked(where, value)).replace("\t", " ").strip(" ")
    if not text.isascii() or len(text) > HARD_LIMIT // 2:
        return encoded_words(text)
    if _ATOMS.fullmatch(text) and "=?" not in text:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _mailbox(where: str, value: object) -> str:
    if not isinstance(value, dict) or not value.keys() <= {"name", "email"}:
        raise ComposeError(where, "an address is an object with name and email")
    email = checked(where, value.get("email")).strip()
    name = value.get("name")
    shown = phrase(where, name) if name is not None and checked(where, name).strip() else ""
    out = f"{shown} <{email}>" if shown else email
    if not shown and [a["email"] for a in parse_addresses(out)] != [email]:
        out = f"<{email}>"
    if [address["email"] for address in parse_addresses(out)] != [email]:
        raise ComposeError(where, f"{email!r} cannot be written as one address")
    return out


def _list(where: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ComposeError(where, "must be a list")
    return value


def _addresses(where: str, value: object) -> str:
    return ", ".join(_mailbox(where, item) for item in _list(where, value))


def _groups(where: str, value: object) -> str:
    out: list[str] = []
    for group in _list(where, value):
        if not isinstance(group, dict) or not group.keys() <= {"name", "addresses"}:
            raise ComposeError(where, "a group is an object with name and addresses")
        inside = _addresses(where, group.get("addresses"))
        name = group.get("name")
        if name:
            out.append(f"{phrase(where, name)}: {inside};")
            if len(parse_groups(out[-1])) != 1:
                raise ComposeError(where, f"{name!r} cannot be written as the name of a group")
        elif inside:
            out.append(inside)
    return ", ".join(out)


def _message_ids(where: str, value: object) -> str:
    ids = [checked(where, item) for item in _list(where, value)]
    out = " ".join(f"<{item}>" for item in ids)
    if (as_message_ids(out) or []) != ids:
        raise ComposeError(where, "holds what cannot be written as a message id")
    return out


def _urls(where: str, value: object) -> str:
    urls = [checked(where, item) for item in _list(where, value)]
    out = ", ".join(f"<{item}>" for item in urls)
    if (as_urls(out) or []) != urls:
        raise ComposeError(where, "holds what cannot be written as a URL")
    return out


def _date(where: str, value: object) -> str:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ComposeError(where, "needs a time zone")
        return format_date(value)
    try:
        return format_date(parse_rfc3339(checked(where, value)), str(value).endswith("-00:00"))
    except ComposeError:
        raise
    except ValueError as error:
        raise ComposeError(where, str(error)) from error


def _raw(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ComposeError(where, "must be a string")
    if _BROKEN_FOLD.search(value):
        raise ComposeError(where, "a line break must be followed by white space and text, as in a folded header field")
    return _LINE_END.sub("\r\n", value)


_WRITERS = {
    "Raw": _raw,
    "Text": _text,
    "Addresses": _addresses,
    "GroupedAddresses": _groups,
    "MessageIds": _message_ids,
    "Date": _date,
    "URLs": _urls,
}


def compose_from_value(form: str, value: Any, where: str = "value") -> str:
    """The field value, not yet folded, that reads as `value` in a form of RFC 8621 §4.1.2.

    `form` is "Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date" (RFC 3339 text or an aware datetime)
    or "URLs". Raises ComposeError, naming `where`, for a value that the form cannot express, KeyError for another form.
    """
    text = _WRITERS[form](where, value)
    if form == "Raw":
        for line in text.split("\r\n"):
            checked(where, line)
    return text


def field(name: str, form: str, value: Any) -> bytes:
    """A whole header field, folded, with its CRLF. Raises ComposeError naming the field."""
    if not _FIELD_NAME.fullmatch(name):
        raise ComposeError(name, "is no header field name")
    text = compose_from_value(form, value, name)
    return fold(name, text if form == "Raw" else " " + text if text else "")


def fold(name: str, value: str) -> bytes:
    """The field `name`:`value` cut into lines before white space (RFC 5322 §2.2.3); existing folds stay."""
    lines: list[bytes] = []
    for number, text in enumerate(value.split("\r\n")):
        line = name.encode() + b":" if number == 0 else b""
        begun = False
        for chunk in _CHUNK.findall(text):
            octets = chunk.encode()
            limit = SOFT_LIMIT if begun else HARD_LIMIT
            if line and octets[:1] in (b" ", b"\t") and octets.strip() and len(line) + len(octets) > limit:
                lines.append(line)
                line = b""
            line += octets
            begun = True
        lines.append(line)
    if any(len(line) > HARD_LIMIT for line in lines):
        raise ComposeError(name, f"holds more than {HARD_LIMIT} octets without white space to fold at")
    return b"\r\n".join(lines) + b"\r\n"


def parameter(where: str, name: str, value: str) -> str:
    """One MIME parameter with its leading "; ", in the simplest form that holds the value (RFC 2045 §5.1, RFC 2231)."""
    checked(where, value)
    if _PARAMETER_TOKEN.fullmatch(value) and len(value) < SOFT_LIMIT:
        return f"; {name}={value}"
    if value.isascii() and value.isprintable() and "=?" not in value and len(value) < HARD_LIMIT // 2:
        return f'; {name}="' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    pieces = re.findall(r"(?:%[0-9A-F]{2}|[^%]){1,50}", quote_from_bytes(value.encode(), safe="!#$&+-.^_`|~"))
    if len(pieces) == 1:
        return f"; {name}*=utf-8''{pieces[0]}"
    pieces[0] = "utf-8''" + pieces[0]
    return "".join(f"; {name}*{number}*={piece}" for number, piece in enumerate(pieces))
