"""The text index over SearchText: a tsvector under GIN on PostgreSQL, an FTS5 table with triggers on SQLite."""

from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.utils import NotSupportedError

from mail.search import sql


def create_index(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _run(schema_editor, {"postgresql": sql.POSTGRESQL_CREATE, "sqlite": sql.SQLITE_CREATE})


def drop_index(apps: Any, schema_editor: BaseDatabaseSchemaEditor) -> None:
    _run(schema_editor, {"postgresql": sql.POSTGRESQL_DROP, "sqlite": sql.SQLITE_DROP})


def _run(schema_editor: BaseDatabaseSchemaEditor, statements: dict[str, tuple[str, ...]]) -> None:
    vendor = schema_editor.connection.vendor
    if vendor not in statements:
        raise NotSupportedError(f"Text search is made for PostgreSQL and SQLite, not for {vendor}.")
    for statement in statements[vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("jmap_mail", "0001_initial")]

    operations = [migrations.RunPython(create_index, drop_index)]
