"""The raw SQL of backups: what a copy is asked, and the statements that a restored database is continued with.

Rules kept here: these run on connections that are not Django's too (the copy of a SQLite file, psql), so values that
are numbers stand in the text; names of tables and columns come from models alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.db import connection, models

from jmap import sql
from jmap.store import reading

PAGE = 5_000

ANYTHING = "SELECT count(*) FROM sqlite_master"
"""Makes SQLite read, and so hold a moment."""
COUNT_ACCOUNTS = "SELECT count(*) FROM jmap_core_account"
MIGRATIONS = "SELECT app, name FROM django_migrations ORDER BY app, name"
BLOBS = (
    "SELECT account_id, digest, size, CASE WHEN dying_since IS NULL THEN 0 ELSE 1 END FROM jmap_core_blob"
    " ORDER BY account_id, digest"
)

Rows = Callable[[str], Iterator[tuple[Any, ...]]]
"""Asks one statement of a moment."""


def numbered_tables() -> dict[str, str]:
    """Table to key column of every model whose keys the database counts up, and that has room for gaps."""
    return {
        model._meta.db_table: str(model._meta.pk.column)
        for model in apps.get_models(include_auto_created=True)
        if isinstance(model._meta.pk, models.BigAutoField)
    }


@contextmanager
def exported_snapshot() -> Iterator[tuple[str, Rows]]:
    """One moment of PostgreSQL: its name for pg_dump, and how to ask it."""

    def rows(statement: str) -> Iterator[tuple[Any, ...]]:
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement)
            while page := cursor.fetchmany(PAGE):
                yield from page

    with reading():
        yield sql.select("SELECT pg_export_snapshot()", [])[0][0], rows


def others_connected() -> int:
    """How many other sessions this PostgreSQL database has."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    return int(sql.select(statement, [])[0][0])


def schema_name() -> str:
    """The schema that the tables are in, quoted."""
    return connection.ops.quote_name(sql.select("SELECT current_schema()", [])[0][0])


def greatest_epoch() -> int:
    """The greatest epoch of the present accounts."""
    return int(sql.select("SELECT coalesce(max(epoch), 0) FROM jmap_core_account", [])[0][0])


def reached(tables: Mapping[str, str]) -> dict[str, int]:
    """Table to the last key that the present database has given out, for the tables that there are."""
    present = set(connection.introspection.table_names())
    if connection.vendor == "sqlite":
        known = dict(sql.select("SELECT name, seq FROM sqlite_sequence", [])) if "jmap_core_account" in present else {}
        return {table: int(known.get(table, 0)) for table in tables if table in present}
    found = {}
    for table, column in tables.items():
        if table in present:
            sequence = sql.select("SELECT pg_get_serial_sequence(%s, %s)", [table, column])[0][0]
            found[table] = int(sql.select(f"SELECT last_value FROM {sequence}", [])[0][0])
    return found


def new_epoch(epoch: int) -> str:
    """Give every account an epoch that it never had."""
    greatest = "max" if connection.vendor == "sqlite" else "greatest"
    return f"UPDATE jmap_core_account SET epoch = {greatest}(epoch + 1, {epoch})"


def jump(tables: Mapping[str, str], gap: int, given: Mapping[str, int]) -> Iterator[str]:
    """Let keys of the tables that there are go on ``gap`` after the last one, and after those ``given`` out elsewhere.

    ``tables`` is table to key column.
    """
    if connection.vendor == "sqlite":
        for table in tables:
            least = given.get(table, 0)
            yield f"UPDATE sqlite_sequence SET seq = max(seq + {gap}, {least}) WHERE name = '{table}'"
            yield (
                f"INSERT INTO sqlite_sequence (name, seq) SELECT '{table}', max({gap}, {least})"
                f" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = '{table}')"
                f" AND EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{table}')"
            )
    elif tables:
        values = ", ".join(f"('{table}', '{column}', {given.get(table, 0)})" for table, column in tables.items())
        yield (
            "DO $$ DECLARE one record; sequence text; last bigint; BEGIN"
            f" FOR one IN SELECT * FROM (VALUES {values}) AS g (name, key, least)"
            " WHERE to_regclass(quote_ident(name)) IS NOT NULL LOOP"
            " sequence := pg_get_serial_sequence(quote_ident(one.name), one.key);"
            " EXECUTE 'SELECT last_value FROM ' || sequence INTO last;"
            f" PERFORM setval(sequence, greatest(last + {gap}, one.least));"
            " END LOOP; END $$"
        )


def drop_all_tables() -> str:
    """Make room for those of a dump (PostgreSQL)."""
    return (
        "DO $$ DECLARE one record; BEGIN"
        " FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() LOOP"
        " EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', one.tablename);"
        " END LOOP; END $$"
    )


def run(statements: Sequence[str]) -> None:
    """Run statements on the default database."""
    for statement in statements:
        sql.execute(statement.replace("%", "%%"), [])
