"""No key is given out twice, also across upgrades (RFC 8620 §1.2: an id is never used again).

SQLite changes a table by making it anew, and Django then lets its keys go on after the greatest that is still there:
those of rows that are gone, and what a restored backup has left out, would come again.
"""

from __future__ import annotations

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models.signals import post_migrate, pre_migrate

from jmap.backup import sql

_reached: dict[str, int] = {}


def connect(app: Any) -> None:
    """Listen to migrations; ``app`` is the config of the core, so that each run is heard of once."""
    pre_migrate.connect(_remember, sender=app, dispatch_uid="jmap_core_keys_remember")
    post_migrate.connect(_go_on, sender=app, dispatch_uid="jmap_core_keys_go_on")


def _is_concerned(using: str) -> bool:
    return using == DEFAULT_DB_ALIAS and connection.vendor == "sqlite"


def _remember(using: str, **kwargs: Any) -> None:
    _reached.clear()
    if _is_concerned(using):
        _reached.update(sql.reached(sql.numbered_tables()))


def _go_on(using: str, **kwargs: Any) -> None:
    if _is_concerned(using):
        tables = sql.numbered_tables()
        sql.run(list(sql.jump({table: tables[table] for table in _reached if table in tables}, 0, _reached)))
