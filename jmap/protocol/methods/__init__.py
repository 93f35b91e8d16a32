"""The methods that follow from a declaration: one file for each (RFC 8620 §4, §5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from jmap.protocol.datatype import DataType
from jmap.protocol.method import Access, Method
from jmap.protocol.methods.changes import method as changes
from jmap.protocol.methods.copy import method as copy
from jmap.protocol.methods.get import method as get
from jmap.protocol.methods.query import method as query
from jmap.protocol.methods.query_changes import method as query_changes
from jmap.protocol.methods.set import method as set_

_FACTORIES: dict[str, Callable[[type[DataType]], Method]] = {
    "get": get,
    "changes": changes,
    "set": set_,
    "copy": copy,
    "query": query,
    "queryChanges": query_changes,
}


def standard_methods(cls: type[DataType]) -> list[Method]:
    """The methods that a type's ``Meta.methods`` asks for."""
    made = {name: _FACTORIES[name](cls) for name in cls._meta.methods}
    for name in cls._meta.at_once:
        made[name] = replace(made[name], access=Access.READ_AT_ONCE)
    return list(made.values())
