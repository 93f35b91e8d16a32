"""Whether what is committed survives a power cut: a system check of the database's own settings.

Rules kept here: asked of the connection, since a setting may come from the server, the role or the options; run with
the checks of the database (``check --database default``, ``migrate``) and at the start of whatever accepts mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register

from jmap import sql

_SQLITE_FULL = 2


@register(Tags.database)
def check_durability(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of each of these databases that may lose what it has committed."""
    return [
        Warning(
            f"The database {alias!r} may lose what it has committed when the power fails: {reason}.",
            hint=hint,
            id="jmap_core.W001",
        )
        for alias in databases or ()
        for reason, hint in _doubts(alias)
    ]


def _doubts(alias: str) -> list[tuple[str, str]]:
    found = sql.durability(alias)
    doubts = []
    if found.get("synchronous", _SQLITE_FULL) < _SQLITE_FULL:
        doubts.append((f"PRAGMA synchronous is {found['synchronous']}", "Set synchronous=FULL in init_command."))
    if found.get("synchronous_commit") == "off":
        doubts.append(("synchronous_commit is off", "Leave it on for the role and the database of this site."))
    if found.get("fsync") == "off":
        doubts.append(("fsync is off", "Switch it on in postgresql.conf."))
    return doubts
