"""/query: ids that match a filter, sorted, and a window of them (RFC 8620 §5.5).

Rules kept here:
- with an anchor the position is ignored, without one the anchorOffset is;
- a limit beyond the type's maximum is clamped, and the answer then says so;
- total appears exactly when it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.datatype import DataType, Options
from jmap.protocol.filters import parse_filter, parse_sort
from jmap.protocol.method import Access, Method
from jmap.protocol.ports import Context, Json, Query, Store
from jmap.protocol.properties import AnyJson, Boolean, Id, Int, UnsignedInt

ARGUMENTS = {
    "filter": AnyJson(nullable=True),
    "sort": AnyJson(nullable=True),
    "position": Int(default=0),
    "anchor": Id(nullable=True),
    "anchorOffset": Int(default=0),
    "limit": UnsignedInt(nullable=True),
    "calculateTotal": Boolean(default=False),
}


def method(cls: type[DataType]) -> Method:
    """Foo/query of one type (RFC 8620 §5.5)."""
    meta = cls._meta
    store: Store = meta.store
    declarations = {**ARGUMENTS, **meta.arguments.get("query", {})}

    def query(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        wanted = build_query(meta, arguments)
        found = store.query(ctx, wanted)
        answer: dict[str, Json] = {
            "queryState": found.query_state,
            "canCalculateChanges": found.can_calculate_changes,
            "position": found.position,
            "ids": found.ids,
        }
        if wanted.calculate_total:
            if found.total is None:
                raise AssertionError(f"the store of {meta.name} was asked for a total and gave none")
            answer["total"] = found.total
        if wanted.limit != arguments["limit"]:
            answer["limit"] = wanted.limit
        return answer

    return Method(f"{meta.name}/query", meta.capability, query, declarations, Access.READ, meta.account)


def build_query(meta: Options, arguments: Mapping[str, Json]) -> Query:
    """The Query of checked arguments. Raises MethodError for a filter or sort that the type does not offer."""
    limit: int | None = arguments["limit"]
    if meta.max_limit is not None:
        limit = meta.max_limit if limit is None else min(limit, meta.max_limit)
    anchor: str | None = arguments["anchor"]
    return Query(
        filter=parse_filter(arguments["filter"], meta.filters),
        sort=parse_sort(arguments["sort"], meta.sorts, meta.collations),
        position=0 if anchor is not None else arguments["position"],
        anchor=anchor,
        anchor_offset=arguments["anchorOffset"] if anchor is not None else 0,
        limit=limit,
        calculate_total=arguments["calculateTotal"],
        arguments={name: arguments[name] for name in meta.arguments.get("query", {}) if name in arguments},
    )
