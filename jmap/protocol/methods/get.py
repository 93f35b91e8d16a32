"""/get: records by id (RFC 8620 §5.1).

Rules kept here:
- ``id`` always comes back, what was not asked for never does;
- an id asked for twice is answered once;
- more ids, or (for ``ids: null``) more records than maxObjectsInGet is requestTooLarge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError
from jmap.protocol.method import Access, Method
from jmap.protocol.ports import Context, GetRequest, Json, Store
from jmap.protocol.properties import Id, ListOf, String

ARGUMENTS = {
    "ids": ListOf(Id, nullable=True),
    "properties": ListOf(String, nullable=True),
}


def method(cls: type[DataType]) -> Method:
    """Foo/get of one type (RFC 8620 §5.1)."""
    meta = cls._meta
    store: Store = meta.store
    extra = meta.arguments.get("get", {})

    def get(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        ids = arguments["ids"]
        if ids is not None:
            ids = list(dict.fromkeys(ids))
            _check_count(len(ids), ctx)
        properties = requested_properties(cls, arguments["properties"])
        found = store.get(
            ctx, GetRequest(ids, properties, {name: arguments[name] for name in extra if name in arguments})
        )
        _check_count(len(found.items), ctx)
        state = {"state": found.state} if meta.account else {}
        return {**state, "list": found.items, "notFound": found.not_found}

    return Method(f"{meta.name}/get", meta.capability, get, {**ARGUMENTS, **extra}, Access.READ, meta.account)


def requested_properties(cls: type[DataType], names: Sequence[str] | None) -> tuple[str, ...]:
    """The properties to answer, ``id`` among them. Raises MethodError invalidArguments for an unknown name."""
    if names is None:
        chosen = cls._meta.default_properties
        return chosen if "id" in chosen else ("id", *chosen)
    unknown = [name for name in names if cls.property_for(name) is None]
    if unknown:
        raise MethodError("invalidArguments", f"properties: {', '.join(unknown)}: no such property of {cls._meta.name}")
    return tuple(dict.fromkeys(("id", *names)))


def _check_count(count: int, ctx: Context) -> None:
    if count > ctx.limits.max_objects_in_get:
        raise MethodError(
            "requestTooLarge", f"at most {ctx.limits.max_objects_in_get} objects may be asked for at once"
        )
