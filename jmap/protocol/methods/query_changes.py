"""/queryChanges: how the result of a /query moved since a queryState (RFC 8620 §5.6).

Rules kept here:
- it takes the arguments that a type adds to its /query, since they are part of the question;
- more changes than maxChanges is tooManyChanges; each item removed or added counts as one.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError
from jmap.protocol.filters import parse_filter, parse_sort
from jmap.protocol.method import Access, Method
from jmap.protocol.ports import Context, Json, Query, QueryChanges, Store
from jmap.protocol.properties import AnyJson, Boolean, Id, String, UnsignedInt

ARGUMENTS = {
    "filter": AnyJson(nullable=True),
    "sort": AnyJson(nullable=True),
    "sinceQueryState": String(),
    "maxChanges": UnsignedInt(nullable=True),
    "upToId": Id(nullable=True),
    "calculateTotal": Boolean(default=False),
}


def method(cls: type[DataType]) -> Method:
    """Foo/queryChanges of one type (RFC 8620 §5.6)."""
    meta = cls._meta
    store: Store = meta.store
    extra = {**meta.arguments.get("query", {}), **meta.arguments.get("queryChanges", {})}

    def query_changes(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        wanted = Query(
            filter=parse_filter(arguments["filter"], meta.filters),
            sort=parse_sort(arguments["sort"], meta.sorts, meta.collations),
            calculate_total=arguments["calculateTotal"],
            arguments={name: arguments[name] for name in extra if name in arguments},
        )
        limit = arguments["maxChanges"]
        request = QueryChanges(wanted, arguments["sinceQueryState"], limit, arguments["upToId"])
        found = store.query_changes(ctx, request)
        if limit is not None and len(found.removed) + len(found.added) > limit:
            raise MethodError("tooManyChanges", f"there are more than {limit} changes")
        answer: dict[str, Json] = {
            "oldQueryState": found.old_query_state,
            "newQueryState": found.new_query_state,
            "removed": found.removed,
            "added": [{"id": added, "index": index} for index, added in found.added],
        }
        if wanted.calculate_total:
            if found.total is None:
                raise AssertionError(f"the store of {meta.name} was asked for a total and gave none")
            answer["total"] = found.total
        return answer

    declarations = {**ARGUMENTS, **extra}
    return Method(f"{meta.name}/queryChanges", meta.capability, query_changes, declarations, Access.READ, meta.account)
