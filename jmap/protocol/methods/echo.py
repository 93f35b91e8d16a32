"""Core/echo: the arguments come back as they are (RFC 8620 §4)."""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.method import CORE, Access, Method
from jmap.protocol.ports import Context, Json


def echo(ctx: Context, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
    """The same arguments (RFC 8620 §4)."""
    return arguments


ECHO = Method("Core/echo", CORE, echo, None, Access.NONE, account=False)
