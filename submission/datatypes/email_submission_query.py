"""EmailSubmission/query and /queryChanges (RFC 8621 §7.3, §7.4).

Rules kept here:
- ``sentAt``, as RFC 8621 §7.3 spells the sort, and ``sendAt``, as the property is called, mean the same;
- of what can be filtered by, only undoStatus ever changes, so only then is every changed submission a query change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q

from jmap import store
from jmap.ids import decode, encode
from jmap.protocol.errors import MethodError
from jmap.protocol.filters import conditions
from jmap.protocol.ports import (
    Comparator,
    Condition,
    Context,
    Filter,
    Json,
    Query,
    QueryChanges,
    QueryChangesResult,
    QueryResult,
)
from jmap.protocol.primitives import parse_date
from jmap.protocol.properties import Id, ListOf, String, UTCDate
from jmap.protocol.window import window
from submission.models import EmailSubmission
from submission.queries import listed

FILTERS = {
    "identityIds": ListOf(Id),
    "emailIds": ListOf(Id),
    "threadIds": ListOf(Id),
    "undoStatus": String(),
    "before": UTCDate(),
    "after": UTCDate(),
}
SORTS: Mapping[str, Mapping[str, Any]] = {"emailId": {}, "threadId": {}, "sentAt": {}, "sendAt": {}}

_COLUMNS = {"identityIds": ("identity_key", "i"), "emailIds": ("email_key", "e"), "threadIds": ("thread_key", "t")}
_KEYS: Mapping[str, Callable[[Any], Any]] = {
    # Ids are texts, and sort as such.
    "emailId": lambda row: encode("e", row[1]),
    "threadId": lambda row: encode("t", row[2]),
    "sentAt": lambda row: row[3],
    "sendAt": lambda row: row[3],
}


def query(ctx: Context, query: Query, state: str) -> QueryResult:
    """EmailSubmission/query (RFC 8621 §7.3)."""
    ids = _ids(ctx, query)
    position, page = window(ids, query)
    return QueryResult(state, True, position, page, len(ids))


def query_changes(ctx: Context, request: QueryChanges, state: str) -> QueryChangesResult:
    """EmailSubmission/queryChanges, exact (RFC 8620 §5.6)."""
    span = store.changes(EmailSubmission, "EmailSubmission", ctx.account.key, request.since, None)
    is_mutable = any("undoStatus" in leaf.values for leaf in conditions(request.query.filter))
    touched = {encode("s", key) for key in (*span.created, *(span.updated if is_mutable else ()))}
    ids = _ids(ctx, request.query)
    removed = [*sorted(touched), *(encode("s", key) for key in span.destroyed)]
    added = [(index, wire) for index, wire in enumerate(ids) if wire in touched]
    if request.max_changes is not None and len(removed) + len(added) > request.max_changes:
        raise MethodError("tooManyChanges")
    return QueryChangesResult(request.since, state, removed, added, len(ids))


def _ids(ctx: Context, query: Query) -> list[str]:
    condition = _condition(query.filter)
    if all(comparator.property in ("sentAt", "sendAt") for comparator in query.sort):
        # Only the first of several comparators of one property counts.
        order = [_column(query.sort[0])] if query.sort else []
        keys = listed(ctx.account.key, condition, order)
    else:
        sort = [(_KEYS[comparator.property], comparator.is_ascending) for comparator in query.sort]
        keys = listed(ctx.account.key, condition, (), sort)
    return [encode("s", key) for key in keys]


def _column(comparator: Comparator) -> str:
    return "send_at" if comparator.is_ascending else "-send_at"


def _condition(filter: Filter | None) -> Q:
    if filter is None:
        return Q()
    if isinstance(filter, Condition):
        whole = Q()
        for name, value in filter.values.items():
            whole &= _leaf(name, value)
        return whole
    parts = [_condition(part) for part in filter.parts]
    whole = Q() if filter.kind == "AND" else Q(pk__in=[])
    for part in parts:
        # An empty Q is lost in an OR, where it stands for everything.
        whole = whole & part if filter.kind == "AND" else whole | (part or ~Q(pk__in=[]))
    return ~whole if filter.kind == "NOT" else whole


def _leaf(name: str, value: Json) -> Q:
    match name:
        case "undoStatus":
            return Q(undo_status=value)
        case "before":
            return Q(send_at__lt=parse_date(value))
        case "after":
            return Q(send_at__gte=parse_date(value))
    column, letter = _COLUMNS[name]
    keys = [decode(letter, wire) for wire in value]
    return Q(**{f"{column}__in": [key for key in keys if key is not None]})
