"""When a message was received, where its source does not say: what its own header tells."""

from __future__ import annotations

from datetime import UTC, datetime

from mail.mime.dates import to_utc
from mail.mime.headers import as_date, iterate_fields
from mail.mime.index import Octets

_HEADER_OCTETS = 200_000


def from_header(data: Octets) -> datetime | None:
    """The date of the newest Received field, or that of Date, or None; never in the future."""
    received = sent = None
    for name, value in iterate_fields(data, 0, min(len(data), _HEADER_OCTETS)):
        lower = name.lower()
        if lower == "received" and received is None:
            received = to_utc(as_date(value.rpartition(b";")[2]))
        elif lower == "date" and sent is None:
            sent = to_utc(as_date(value))
    found = received or sent
    return None if found is None or found > datetime.now(UTC) or found.year < 1970 else found


def or_now(found: datetime | None) -> datetime:
    """A date that is always one."""
    return found or datetime.now(UTC)


def of_message(data: Octets) -> datetime:
    """The date that a message's own header tells, otherwise now."""
    return or_now(from_header(data))
