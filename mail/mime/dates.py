"""Dates of header fields: RFC 5322 §3.3 date-times to RFC 3339 and back.

The offset is kept. An obsolete, unknown or missing zone means that the local offset is unknown (RFC 5322 §4.3) and is
written "-00:00" as RFC 3339 §4.3 says; "+0000" and "GMT" are written "Z".
"""

import re
from datetime import UTC, datetime, timedelta, timezone

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")

_DATE = re.compile(
    r"(?:[A-Za-z]{3,9}\.? ?,? ?)?(?P<day>\d{1,2}) (?P<month>[A-Za-z]{3})[a-z]{0,6}\.? (?P<year>\d{2,4})"
    r" (?P<hour>\d{1,2}) ?: ?(?P<minute>\d{2})(?: ?: ?(?P<second>\d{2}))?"
    r"(?: ?(?P<zone>[+-]\d{4}|[A-Za-z]{1,5}))?(?!\S)",
    re.ASCII,
)
_ZONES = {
    "UT": 0, "GMT": 0, "UTC": 0, "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360,
    "PST": -480, "PDT": -420,
}  # fmt: skip
_LONGEST = 1000
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)


def _offset(zone: str | None) -> tuple[int, bool] | None:
    """Minutes east of UTC and whether the offset is known; None when out of range."""
    if zone is None:
        return 0, False
    if zone[0] not in "+-":
        minutes = _ZONES.get(zone.upper())
        return (0, False) if minutes is None else (minutes, True)
    hours, rest = int(zone[1:3]), int(zone[3:5])
    if hours > 23 or rest > 59:
        return None
    minutes = hours * 60 + rest
    return (-minutes, zone != "-0000") if zone[0] == "-" else (minutes, True)


def _year(digits: str) -> int:
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(digits) == 3 else year


def parse_date(text: str) -> str | None:
    """Parse a date-time without comments; RFC 3339 with its offset, or None (RFC 8621 §4.1.2.6).

    Two- and three-digit years follow RFC 5322 §4.3. A leap second is written as second 59, which every client can read.
    """
    match = _DATE.match(" ".join(text[:_LONGEST].split()))
    if match is None:
        return None
    month = match["month"].lower()
    offset = _offset(match["zone"])
    if month not in MONTHS or offset is None:
        return None
    second = int(match["second"] or 0)
    if second > 60:
        return None
    try:
        moment = datetime(
            _year(match["year"]),
            MONTHS.index(month) + 1,
            int(match["day"]),
            int(match["hour"]),
            int(match["minute"]),
            min(second, 59),
        )
    except ValueError:
        return None
    return moment.isoformat() + _suffix(*offset)


def _suffix(minutes: int, known: bool) -> str:
    if not known:
        return "-00:00"
    if not minutes:
        return "Z"
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"


def parse_rfc3339(text: str) -> datetime:
    """An aware datetime from an RFC 3339 date-time. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date-time as in RFC 3339")
    *numbers, zone = match.groups()
    year, month, day, hour, minute, second = map(int, numbers)
    offset = 0
    if zone not in "Zz":
        offset = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
        if int(zone[4:6]) > 59 or abs(offset) >= 1440:
            raise ValueError(f"{text!r} has an offset out of range")
    return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone(timedelta(minutes=offset)))


def to_utc(date: str | None) -> datetime | None:
    """The UTC datetime of what `parse_date` returned; None for None or outside the years 1 to 9999."""
    if date is None:
        return None
    try:
        return parse_rfc3339(date).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def format_date(moment: datetime, unknown_offset: bool = False) -> str:
    """An aware datetime as RFC 5322 §3.3 date-time."""
    offset = moment.utcoffset() or timedelta()
    minutes = int(offset.total_seconds() // 60)
    sign = "-" if minutes < 0 or unknown_offset else "+"
    hours, rest = divmod(abs(minutes), 60)
    return (
        f"{DAYS[moment.weekday()]}, {moment.day:02} {MONTHS[moment.month - 1].title()} {moment.year:04}"
        f" {moment:%H:%M:%S} {sign}{hours:02}{rest:02}"
    )
