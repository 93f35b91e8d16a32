"""What cases demand: each function raises Failure with a sentence that says what came and what should have come."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from jmap_conformance.outcome import Failure, NotApplicable

ID = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
UTC_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?Z\Z")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d*[1-9])?(Z|[+-]\d\d:\d\d)\Z")
LARGEST_INT = 2**53 - 1


def show(value: Any) -> str:
    """A value as JSON, short enough for a message."""
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    except TypeError:
        text = repr(value)
    return text if len(text) <= 600 else text[:600] + "…"


def that(condition: object, otherwise: str) -> None:
    """The condition holds."""
    if not condition:
        raise Failure(otherwise)


def same(got: Any, wanted: Any, what: str) -> None:
    """Equal as JSON values: true is not 1, 1.0 is 1."""
    if canonical(got) != canonical(wanted):
        raise Failure(f"{what}: expected {show(wanted)}, got {show(got)}")


def same_set(got: Iterable[Any] | None, wanted: Iterable[Any], what: str) -> None:
    """The same members, in any order, none twice."""
    that(isinstance(got, list | tuple | set | frozenset | dict), f"{what}: expected a list, got {show(got)}")
    left, right = sorted(map(show, got or ())), sorted(map(show, wanted))
    that(left == right, f"{what}: expected in any order {show(sorted(wanted, key=show))}, got {show(got)}")


def one_of(got: Any, allowed: Collection[Any], what: str) -> None:
    """One of the values."""
    that(got in allowed, f"{what}: expected one of {show(list(allowed))}, got {show(got)}")


def has(mapping: Any, keys: Iterable[str], what: str) -> None:
    """An object with at least the keys."""
    that(isinstance(mapping, Mapping), f"{what}: expected an object, got {show(mapping)}")
    missing = [key for key in keys if key not in mapping]
    that(not missing, f"{what}: lacks {show(missing)}")


def is_id(value: Any, what: str) -> None:
    """An Id of RFC 8620 §1.2."""
    that(isinstance(value, str) and ID.match(value), f"{what}: {show(value)} is not an Id")


def is_unsigned(value: Any, what: str, least: int = 0) -> None:
    """An UnsignedInt of RFC 8620 §1.3, at least so large."""
    sound = isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST_INT
    that(sound, f"{what}: {show(value)} is not an integer from {least} to 2^53-1")


def is_utc_date(value: Any, what: str) -> None:
    """A UTCDate of RFC 8620 §1.4."""
    that(isinstance(value, str) and UTC_DATE.match(value), f"{what}: {show(value)} is not a UTCDate")


def is_string(value: Any, what: str) -> None:
    """A String."""
    that(isinstance(value, str), f"{what}: {show(value)} is not a string")


def set_error(response: Mapping[str, Any], slot: str, key: str, *types: str) -> dict[str, Any]:
    """The SetError of one object in notCreated, notUpdated or notDestroyed; of one of the types, if any are given."""
    error = (response.get(slot) or {}).get(key)
    that(isinstance(error, dict), f"{slot} should hold an error for {key}, the response was {show(response)}")
    assert isinstance(error, dict)
    is_string(error.get("type"), f"the type of the SetError of {key}")
    if types:
        one_of(error["type"], types, f"the type of the SetError of {key}")
    return error


def applies(condition: object, otherwise: str) -> None:
    """The case is about something that this server does; otherwise it is not applicable."""
    if not condition:
        raise NotApplicable(otherwise)


def canonical(value: Any) -> Any:
    """A value for comparison: booleans are told from numbers, numbers equal by value."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__, value
    if isinstance(value, int | float):
        return "number", value
    if isinstance(value, Mapping):
        return {key: canonical(member) for key, member in value.items()}
    return [canonical(member) for member in value]
