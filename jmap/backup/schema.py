"""Which schema a database or a backup has, compared with the one of this version."""

from __future__ import annotations

from collections.abc import Collection

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

Migration = tuple[str, str]


def unknown(loader: MigrationLoader, applied: Collection[Migration]) -> list[Migration]:
    """Those of the applied migrations, of the installed apps, that this version does not know."""
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known.update(migration.replaces)
    return sorted(key for key in applied if key not in known and key[0] in loader.migrated_apps)


def is_behind() -> bool:
    """Whether migrations wait to be applied to the default database."""
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
