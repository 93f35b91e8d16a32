"""Windows over a list of ids, and what /queryChanges means to a client (RFC 8620 §5.5, §5.6).

Rules kept here:
- a store that has the whole list uses ``window``; others must give the same answers from less.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Query


def start(query: Query, total: int, anchor_index: int | None) -> int:
    """The zero-based index of the first id to answer (RFC 8620 §5.5).

    ``anchor_index``: where ``query.anchor`` stands in the results, None if it does not. Raises MethodError
    anchorNotFound.
    """
    if query.anchor is not None:
        if anchor_index is None:
            raise MethodError("anchorNotFound")
        return max(0, anchor_index + query.anchor_offset)
    return query.position if query.position >= 0 else max(0, total + query.position)


def window(ids: Sequence[str], query: Query) -> tuple[int, list[str]]:
    """(position, ids) that answer a query over a complete, sorted list (RFC 8620 §5.5).

    Raises MethodError anchorNotFound.
    """
    anchor_index = ids.index(query.anchor) if query.anchor is not None and query.anchor in ids else None
    first = start(query, len(ids), anchor_index)
    last = len(ids) if query.limit is None else first + query.limit
    return first, list(ids[first:last])


def splice(old: Iterable[str], removed: Iterable[str], added: Iterable[tuple[int, str]]) -> list[str]:
    """What a client's complete list becomes by a /queryChanges answer (RFC 8620 §5.6)."""
    gone = set(removed)
    result = [record_id for record_id in old if record_id not in gone]
    for index, record_id in added:
        result.insert(index, record_id)
    return result
