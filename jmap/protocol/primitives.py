"""The scalar types every JMAP specification builds on (RFC 8620 §1.2 to §1.4).

Rules kept here:
- a ``check_`` function takes any JSON value and returns it, normalised, or raises ``Invalid`` with a clear message;
- a Boolean is never an integer, although Python says so;
- a JSON number has no type beyond its value, so 5.0 is the integer 5.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

MAX_INT = 2**53 - 1
"""The largest integer a double holds exactly together with all smaller ones (RFC 8620 §1.3)."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,255}", re.ASCII)
_ID_CHARACTERS = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)
_DATE = re.compile(
    r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:(\.\d+))?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


class Invalid(ValueError):
    """A JSON value breaks the rules of its type.

    ``path`` leads from the value that was checked to the part that is wrong: names of members and indexes of items.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.path = path

    def under(self, step: str | int) -> Invalid:
        """The same error, told from one level further out."""
        return Invalid(self.message, (step, *self.path))

    def __str__(self) -> str:
        return f"{'/'.join(str(step) for step in self.path)}: {self.message}" if self.path else self.message


def check_id(value: Any) -> str:
    """An Id: 1 to 255 characters of the URL-safe base64 alphabet (RFC 8620 §1.2)."""
    if type(value) is str and _ID.fullmatch(value):
        return value
    if not isinstance(value, str):
        raise Invalid("must be an Id, which is a string")
    raise Invalid("must be an Id: 1 to 255 characters out of A-Z, a-z, 0-9, '-' and '_'")


def are_ids(values: Sequence[Any]) -> bool:
    """Whether every value is an Id, judged in one sweep (RFC 8620 §1.2)."""
    if not values:
        return True
    if set(map(type, values)) != {str}:
        return False
    lengths = set(map(len, values))
    return min(lengths) > 0 and max(lengths) <= 255 and _ID_CHARACTERS.fullmatch("".join(values)) is not None


def check_string(value: Any) -> str:
    """A String (RFC 8620 §1.1)."""
    if isinstance(value, str):
        return value
    raise Invalid("must be a String")


def check_boolean(value: Any) -> bool:
    """A Boolean: true or false, nothing that merely looks like it (RFC 8620 §1.1)."""
    if value is True or value is False:
        return bool(value)
    raise Invalid("must be true or false")


def check_number(value: Any) -> int | float:
    """A Number (RFC 8620 §1.1)."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise Invalid("must be a Number")


def check_int(value: Any) -> int:
    """An Int: a whole number from -2^53+1 to 2^53-1 (RFC 8620 §1.3)."""
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise Invalid("must be an integer")
    if not -MAX_INT <= value <= MAX_INT:
        raise Invalid("must be an integer between -2^53+1 and 2^53-1")
    return int(value)


def check_unsigned_int(value: Any) -> int:
    """An UnsignedInt: an Int that is not negative (RFC 8620 §1.3)."""
    number = check_int(value)
    if number < 0:
        raise Invalid("must not be negative")
    return number


def check_date(value: Any) -> str:
    """A Date: RFC 3339 date-time with upper-case letters; a fraction of zero is cut off (RFC 8620 §1.4).

    Departs from RFC 8620 §1.4: a fraction of zero is accepted, since ``toISOString()`` of every browser writes one.
    """
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Invalid("must be a Date such as 2014-10-30T14:12:00+08:00")
    seconds, fraction, offset = match.groups()
    text = f"{seconds}{fraction}{offset}" if fraction and fraction.strip(".0") else f"{seconds}{offset}"
    try:
        datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid("must be a Date that exists in the calendar") from error
    return text


def check_utc_date(value: Any) -> str:
    """A UTCDate: a Date whose offset is written Z (RFC 8620 §1.4)."""
    if not isinstance(value, str) or not value.endswith("Z"):
        raise Invalid("must be a UTCDate such as 2014-10-30T06:12:00Z")
    return check_date(value)


def parse_date(value: str) -> datetime:
    """The moment that a checked Date or UTCDate names, aware of its offset."""
    return datetime.fromisoformat(value)


def format_utc_date(moment: datetime) -> str:
    """A UTCDate for an aware moment, with a fraction only where it is not zero (RFC 8620 §1.4)."""
    text = moment.astimezone(UTC).isoformat()[:-6]
    return (text.rstrip("0") if "." in text else text) + "Z"
