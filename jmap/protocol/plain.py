"""Answers as plain JSON values, with every RawJson looked into.

Rules kept here:
- the edge never needs this, it splices RawJson as it is; result references, patches and tests do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jmap.protocol.ports import Json, RawJson


def to_plain(value: Json) -> Json:
    """A copy made of dicts, lists and scalars alone; what it returns shares no container with ``value``."""
    if isinstance(value, (str, int, float)) or value is None:
        return value
    if isinstance(value, RawJson):
        return to_plain(value.value())
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    return [to_plain(item) for item in value]


def same_json(one: Any, other: Any) -> bool:
    """Whether two plain values are the same JSON: true is not 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(item, other[key]) for key, item in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
