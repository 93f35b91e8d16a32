"""The names of types that a client wants to hear of (RFC 8620 §7.1).

Rules kept here: a type that this server does not know never changes, so naming one beside others is no error, as
clients of servers with more types do; where none is known, the client would wait in vain and is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from jmap.registry import registry

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,63}", re.ASCII)


def known_types() -> list[str]:
    """The types that have a state."""
    return sorted(name for name, declared in registry.types.items() if declared._meta.account)


def type_names(names: Iterable[str]) -> frozenset[str]:
    """The known ones among names of types. Raises ValueError for what is no name, and where none is known."""
    given = list(names)
    for name in given:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:70]!r} is no name of a type")
    wanted = frozenset(given).intersection(known_types())
    if not wanted:
        raise ValueError(f"none of them is known here; there are {', '.join(known_types())}")
    return wanted
