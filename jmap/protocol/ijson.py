"""Strict I-JSON: bytes in, Python values out, or one clear reason why not (RFC 7493, RFC 8620 §1.5).

Rules kept here:
- what RFC 7493 §2 forbids is refused: other encodings, a byte order mark, surrogates and noncharacters (escaped ones
  too), duplicate names, numbers beyond a double;
- an integer is kept exact or refused; no digit is ever lost in a float;
- nesting and the numbers of containers and values are bounded before the parser runs, so no input exhausts stack or
  memory.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

from jmap.protocol.primitives import MAX_INT

MAX_DEPTH = 128
"""How deep arrays and objects may nest; what a JSON encoder writes again without trouble."""

MAX_CONTAINERS = 500_000
"""How many arrays and objects one text may hold: each costs some hundred bytes of memory for two on the wire."""

MAX_VALUES = 500_000
"""How many values one text may hold: 8 MB of short numbers would take 150 MB of memory."""

_MAX_NUMBER_LENGTH = 400
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*"')
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_SUSPECT_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|[fF][fF][fF][eEfF]|[fF][dD][dDeE])")
_FORBIDDEN = re.compile(
    "[\ud800-\udfff\ufdd0-\ufdef" + "".join(chr(p << 16 | 0xFFFE) + chr(p << 16 | 0xFFFF) for p in range(17)) + "]"
)


class NotIJson(ValueError):
    """The octets are no I-JSON; the message says why."""


def parse(data: bytes) -> Any:
    """The value of an I-JSON text (RFC 7493 §2). Raises NotIJson."""
    _bound(data)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NotIJson(f"octet {error.start} is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotIJson("a byte order mark is not allowed")
    try:
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotIJson(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotIJson("arrays and objects are nested too deep") from None
    if not text.isascii() and _FORBIDDEN.search(text):
        raise NotIJson("a string holds a noncharacter")
    if _SUSPECT_ESCAPE.search(data) and _FORBIDDEN.search(json.dumps(value, ensure_ascii=False)):
        raise NotIJson("a string holds a lone surrogate or a noncharacter")
    return value


def _bound(data: bytes) -> None:
    """Refuse bombs before the parser sees them, in time linear in the size."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH and data.count(b",") < MAX_VALUES:
        return
    bare = _STRING.sub(b"", _ESCAPE.sub(b"", data) if b"\\" in data else data)
    brackets = bare.translate(None, _NOT_BRACKETS)
    if len(brackets) > 2 * MAX_CONTAINERS:
        raise NotIJson(f"more than {MAX_CONTAINERS} arrays and objects")
    if max(accumulate(map(_STEPS.__getitem__, brackets)), default=0) > MAX_DEPTH:
        raise NotIJson(f"arrays and objects are nested deeper than {MAX_DEPTH}")
    if bare.count(b",") >= MAX_VALUES:
        raise NotIJson(f"more than {MAX_VALUES} values")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise NotIJson("an object holds the same name twice")
    return value


def _integer(digits: str) -> int | float:
    """An integer; one beyond 2^53-1 only where a double holds it exactly, and then as that double."""
    if len(digits) < 16:
        return int(digits)
    if len(digits) > _MAX_NUMBER_LENGTH:
        raise NotIJson("a number is out of range")
    value = int(digits)
    if -MAX_INT <= value <= MAX_INT:
        return value
    try:
        double = float(value)
    except OverflowError:
        raise NotIJson("a number is out of range") from None
    if double != value:
        raise NotIJson("an integer has more digits than a double holds")
    return double


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise NotIJson("a number is out of range")
    return value


def _constant(name: str) -> Any:
    raise NotIJson(f"{name} is not a JSON value")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
