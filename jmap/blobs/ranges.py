"""The Range header of a download, for one range of octets (RFC 9110 §14).

Rules kept here: what is no range of octets, or is more than one, is ignored and the whole is sent, as the RFC allows;
only a well-formed range beyond the end is refused.
"""

from __future__ import annotations

import re

_RANGE = re.compile(r"bytes=[ \t]*(\d*)-(\d*)[ \t]*", re.ASCII | re.IGNORECASE)


class NotSatisfiable(Exception):
    """The range begins behind the last octet (RFC 9110 §15.5.17)."""


def parse(header: str | None, size: int) -> tuple[int, int] | None:
    """(start, stop) of the asked octets, ``stop`` not included, or None for the whole (RFC 9110 §14.1.2).

    Raises NotSatisfiable.
    """
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last = (_bounded(digits, size) for digits in match.groups())
    if first is None and last is None:
        return None
    if first is None:
        return _suffix(last or 0, size)
    if first >= size:
        raise NotSatisfiable
    if last is None:
        return first, size
    if _number(match[1]) > _number(match[2]):
        return None
    return first, min(last + 1, size)


def _suffix(length: int, size: int) -> tuple[int, int] | None:
    if length == 0:
        raise NotSatisfiable
    # The last octets of nothing are nothing, and no Content-Range can say so: the whole is sent.
    return (max(size - length, 0), size) if size else None


def _number(digits: str) -> tuple[int, str]:
    """Digits in an order that compares like their numbers, however many there are."""
    plain = digits.lstrip("0")
    return len(plain), plain


def _bounded(digits: str, size: int) -> int | None:
    """The number, or the size where it is larger than any position; None for no digits."""
    if not digits:
        return None
    return int(digits) if len(digits.lstrip("0")) <= 18 else size
