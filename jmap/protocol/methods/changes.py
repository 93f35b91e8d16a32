"""/changes: what happened since a state (RFC 8620 §5.2).

Rules kept here:
- maxChanges is at least 1, and no answer holds more ids than it says;
- which state can be continued, and where to cut, is the store's knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.datatype import DataType
from jmap.protocol.method import Access, Method
from jmap.protocol.ports import Context, Json, Store
from jmap.protocol.properties import String, UnsignedInt

ARGUMENTS = {
    "sinceState": String(),
    "maxChanges": UnsignedInt(minimum=1, nullable=True),
}


def method(cls: type[DataType]) -> Method:
    """Foo/changes of one type (RFC 8620 §5.2)."""
    meta = cls._meta
    store: Store = meta.store

    def changes(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        limit = arguments["maxChanges"]
        found = store.changes(ctx, arguments["sinceState"], limit)
        count = len(found.created) + len(found.updated) + len(found.destroyed)
        if limit is not None and count > limit:
            raise AssertionError(f"the store of {meta.name} answered {count} changes where {limit} were allowed")
        return {
            "oldState": found.old_state,
            "newState": found.new_state,
            "hasMoreChanges": found.has_more,
            "created": found.created,
            "updated": found.updated,
            "destroyed": found.destroyed,
            **found.extra,
        }

    return Method(f"{meta.name}/changes", meta.capability, changes, ARGUMENTS, Access.READ, meta.account)
