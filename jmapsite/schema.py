"""Brings the database to the schema of this version, safely.

Rules kept here: a SQLite database is copied before it is migrated; a schema that a newer version made is never
touched; a database that is up to date is left alone and costs no copy.
"""

import datetime
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from jmap.backup.schema import unknown

PAGES_AT_ONCE = 4096


def prepare_database(say: Callable[[str], None]) -> None:
    """Migrate the default database where migrations are pending.

    ``say`` is given progress, a line each. Raises CommandError where a newer version made the schema.
    """
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    refuse_newer_schema(executor)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if not plan:
        return
    if executor.loader.applied_migrations:
        copy = copy_sqlite(say)
        if copy:
            say(_("Copied the database to %(path)s before migrating it.") % {"path": copy})
    say(_("Migrating the database: %(count)d steps.") % {"count": len(plan)})
    call_command("migrate", interactive=False)
    say(_("The database is up to date."))


def refuse_newer_schema(executor: MigrationExecutor) -> None:
    """Raise CommandError if a migration of one of the installed apps is applied that this version does not know."""
    newer = unknown(executor.loader, executor.loader.applied_migrations)
    if newer:
        app, name = newer[-1]
        raise CommandError(
            _(
                "A newer version made this database (it has %(app)s.%(name)s, which is unknown here): run that "
                "version, or put back the copy that it made before migrating."
            )
            % {"app": app, "name": name}
        )


def copy_sqlite(say: Callable[[str], None]) -> Path | None:
    """Copy the SQLite database into DATA_DIR/backups and give the path; None where the database is no SQLite file."""
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        return None
    source = Path(connection.settings_dict["NAME"])
    folder = Path(settings.DATA_DIR) / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    moment = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    target = folder / f"{source.stem}-{moment}.sqlite3"
    draft = target.with_suffix(".part")

    def progress(_status: int, remaining: int, total: int) -> None:
        if total > PAGES_AT_ONCE:
            say(_("Copying the database: %(percent)d %%") % {"percent": 100 * (total - remaining) // total})

    reader = sqlite3.connect(f"file:{source}?mode=ro", uri=True)
    writer = sqlite3.connect(draft)
    try:
        reader.backup(writer, pages=PAGES_AT_ONCE, progress=progress)
    finally:
        writer.close()
        reader.close()
    os.chmod(draft, 0o600)
    with open(draft, "rb") as file:
        os.fsync(file.fileno())
    draft.rename(target)
    return target
