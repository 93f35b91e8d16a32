"""How much of the world somebody has been told: for each account the modseq up to which nothing is missing.

All types of an account share one sequence of modseqs, so one number for an account stands for the states of all its
types. A position travels as text: an event id (RFC 8620 §7.3), a pushState (RFC 8887 §4.3.5), and beside a push
subscription.

Rules kept here:
- a position never claims more than is known: an account that it leaves out is told anew, and so is everything to
  somebody whose position is not understood;
- the text is short: it is a header of each reconnection, and accounts that do not fit are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

MAX_LENGTH = 3_000
"""Octets; servers and proxies take 8 KB of headers."""

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"

Position = dict[int, tuple[int, int]]
"""Account key to (epoch, modseq)."""


def to_text(position: Mapping[int, tuple[int, int]]) -> str:
    """The position as letters, digits and ``.-``, for instance ``b-1-7p.2c-1-0``; those that changed last fit first."""
    parts: list[str] = []
    length = 0
    for key, (epoch, modseq) in sorted(position.items(), key=lambda item: -item[1][1]):
        part = f"{_digits(key)}-{_digits(epoch)}-{_digits(modseq)}"
        length += len(part) + 1
        if length > MAX_LENGTH:
            break
        parts.append(part)
    return ".".join(parts) or "-"


def from_text(text: str) -> Position:
    """The position that a text stands for; what is not understood counts as not told."""
    position: Position = {}
    for part in text[: 2 * MAX_LENGTH].split("."):
        fields = part.split("-")
        if len(fields) == 3 and all(field.isascii() and field.isalnum() and len(field) <= 13 for field in fields):
            key, epoch, modseq = (int(field, 36) for field in fields)
            position[key] = (epoch, modseq)
    return position


def unknown(position: Position, accounts: Iterable[int]) -> Position:
    """The position for these accounts, with 'nothing' for those that it does not hold."""
    return {key: position.get(key, (0, -1)) for key in accounts}


def _digits(number: int) -> str:
    digits = ""
    while number >= 36:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
    return _ALPHABET[number] + digits
