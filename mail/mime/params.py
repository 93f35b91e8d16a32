"""Structured MIME fields: a value with parameters (RFC 2045 §5.1, RFC 2183, RFC 2231), read as well as can be.

Extended parameters (`name*=charset'lang'%41`) win over plain ones, and continuations (`name*0=`, `name*1*=`) are joined
in numeric order. Encoded-words in a plain "filename" or "name" are decoded: senders put them there against RFC 2047 §5.
Unquoted values with spaces and missing semicolons are read as they were meant.
"""

import re
from urllib.parse import unquote_to_bytes

from mail.mime.addresses import tokenize
from mail.mime.charset import clean, codec_for, decode_as
from mail.mime.words import decode_words_anywhere

_PARAMETER = re.compile(
    r"[\s;=\"]*+(?P<name>[^\s;=\"]++)\s*+"
    r"(?:=\s*+(?:\"(?P<quoted>(?:[^\"\\]|\\.)*+)\"[^;\s]*+"
    r"|(?P<plain>[^;\s]*+(?:\s++(?![A-Za-z][A-Za-z0-9*-]{0,40}=)[^;\s]++)*+)))?+",
    re.DOTALL,
)
_SECTION = re.compile(r"(?P<base>[^*]+)(?:\*(?P<number>0|[1-9]\d{0,5}))?(?P<extended>\*)?", re.ASCII)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_FILE_NAMES = {"filename", "name"}

_Pieces = dict[int, tuple[str, bool]]


def parse_parameters(value: str) -> tuple[str, dict[str, str]]:
    """Split an unfolded value into its leading token, as written and without CFWS, and its decoded parameters.

    Parameter names are lowercase. The first of two parameters of one name wins.
    """
    if "(" in value:
        value = _without_comments(value)
    head, _, rest = value.partition(";")
    plain: dict[str, str] = {}
    pieces: dict[str, _Pieces] = {}
    position = 0
    while match := _PARAMETER.match(rest, position):
        position = match.end()
        if match["quoted"] is not None:
            text = _PAIR.sub(r"\1", match["quoted"]) if "\\" in match["quoted"] else match["quoted"]
        elif match["plain"] is not None:
            text = match["plain"].removeprefix('"')
        else:
            continue
        _store(match["name"].lower(), text, plain, pieces)
    for name in _FILE_NAMES & plain.keys():
        plain[name] = decode_words_anywhere(plain[name])
    for name, numbered in pieces.items():
        plain[name] = _join(numbered)
    return head.strip(), {name: clean(text) for name, text in plain.items()}


def _without_comments(value: str) -> str:
    """The value without comments; "(1)" in an unquoted file name such as "copy (1).pdf" is none."""
    cut = list(tokenize(value))
    following = [kind for kind, _ in cut[1:]] + [""]
    return "".join(
        " " if kind == "comment" and after != "atom" else token for (kind, token), after in zip(cut, following)
    )


def _store(name: str, text: str, plain: dict[str, str], pieces: dict[str, _Pieces]) -> None:
    section = _SECTION.fullmatch(name) if "*" in name else None
    if section is None:
        plain.setdefault(name, text)
        return
    number = int(section["number"] or 0)
    pieces.setdefault(section["base"], {}).setdefault(number, (text, bool(section["extended"])))


def _join(numbered: _Pieces) -> str:
    """The value of an extended or continued parameter (RFC 2231 §3, §4)."""
    charset = ""
    raw: list[bytes] = []
    for position, number in enumerate(sorted(numbered)):
        text, extended = numbered[number]
        if extended:
            if position == 0 and text.count("'") >= 2:
                charset, _, text = text.split("'", 2)
            raw.append(unquote_to_bytes(text))
        else:
            raw.append(text.encode())
    octets = b"".join(raw)
    codec = codec_for(charset) or "utf-8"
    if charset and codec not in ("utf-8", "cp1252"):
        return decode_as(octets, codec)[0]
    text, malformed = decode_as(octets, "utf-8")
    return decode_as(octets, "cp1252")[0] if malformed else text


def filename(disposition: dict[str, str], content_type: dict[str, str]) -> str | None:
    """The name of a part from its parsed parameters: "filename", else "name" (RFC 8621 §4.1.4)."""
    return (disposition.get("filename") or content_type.get("name") or "").strip() or None
