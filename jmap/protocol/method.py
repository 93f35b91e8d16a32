"""One method that may be called: its name, its capability, what it does with the store (RFC 8620 §3.3)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jmap.protocol.ports import Context, Json
from jmap.protocol.properties import Property

CORE = "urn:ietf:params:jmap:core"
"""The capability every server has (RFC 8620 §2)."""

MethodFunction = Callable[[Context, Any], Mapping[str, Json]]
"""Takes the context and the checked arguments (a dict by name), returns the response arguments."""


class Access(enum.Enum):
    """What a method does with the store.

    Nothing; read inside a snapshot that the dispatcher opens; read in one statement, or inside a snapshot that the
    store opens itself (``Context.snapshot``); write in its own transaction.
    """

    NONE = "none"
    READ = "read"
    READ_AT_ONCE = "read at once"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Method:
    """One method that may be called. ``arguments`` None takes them all unchecked (Core/echo).

    ``account`` says that it takes an accountId, which the dispatcher checks and passes on as ``Context.account``.
    """

    name: str
    capability: str
    function: MethodFunction
    arguments: Mapping[str, Property] | None
    access: Access
    account: bool
