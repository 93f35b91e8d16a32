"""Sorting by the collations that no index holds: i;ascii-casemap and i;octet (RFC 4790 §9.2, §9.3).

The stored sort keys are of the default collation; for another one the texts themselves are read and sorted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import orjson

from jmap.protocol.collation import COLLATIONS
from mail.mime.subject import base_subject
from mail.queries.conditions import TEXT_SORTS, Filter, SortKey
from mail.queries.sql import filters
from mail.queries.sql.filters import Scope
from mail.services.content import LINES

KEY_OCTETS = 255
"""Octets of a text that decide its place, the same for every collation."""


def is_stored(key: SortKey) -> bool:
    """Whether the database holds what a comparator compares."""
    return key.property not in TEXT_SORTS or key.collation == "i;unicode-casemap"


def matches(scope: Scope, conditions: Sequence[Filter], sort: Sequence[SortKey]) -> list[tuple[int, int]]:
    """(email, thread) of all that matches, in order."""
    stored = [key for key in sort if is_stored(key)]
    rows = filters.matches_with_keys(scope, conditions, stored)
    rows.sort(key=lambda row: row[0], reverse=not sort[-1].ascending)
    for key in reversed(sort):
        value = partial(_stored, stored.index(key)) if is_stored(key) else _text_key(key)
        rows.sort(key=value, reverse=not key.ascending)
    return [(row[0], row[1]) for row in rows]


def _stored(number: int, row: Sequence[Any]) -> tuple[bool, Any]:
    value = row[3 + number]
    return value is None, value


def _text_key(key: SortKey) -> Callable[[Sequence[Any]], bytes]:
    line, collate = LINES.index(key.property), COLLATIONS[key.collation]

    def value(row: Sequence[Any]) -> bytes:
        found = orjson.loads(row[2].split("\n")[line])
        if key.property == "subject":
            return collate(base_subject(found or ""))[:KEY_OCTETS]
        first = found[0] if found else {}
        return collate(first.get("name") or first.get("email") or "")[:KEY_OCTETS]

    return value
