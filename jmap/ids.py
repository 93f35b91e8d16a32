"""Ids on the wire: a letter for the type, then the row's key in lowercase base32, stable for life (RFC 8620 §1.2)."""

from __future__ import annotations

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_VALUES = {c: i for i, c in enumerate(_ALPHABET)}
_MAX_DIGITS = 13


def encode(letter: str, key: int) -> str:
    """The wire id of row ``key``, for instance ``e`` and 33 make ``ebb``."""
    digits = ""
    while key >= 1024:
        digits = _PAIRS[key & 1023] + digits
        key >>= 10
    return letter + (_PAIRS[key] if key >= 32 else _ALPHABET[key]) + digits


def decode(letter: str, wire: str) -> int | None:
    """The row key that a wire id stands for, or None where no row of this type can have that id."""
    if not 2 <= len(wire) <= _MAX_DIGITS + 1 or wire[0] != letter or (wire[1] == "a" and len(wire) > 2):
        return None
    key = 0
    for digit in wire[1:]:
        value = _VALUES.get(digit)
        if value is None:
            return None
        key = key << 5 | value
    return key if key < 1 << 63 else None
