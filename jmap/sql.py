"""All raw SQL of the core: locks, snapshots, states, and set-based writes that QuerySets have no words for, in one
wording that PostgreSQL and SQLite both take.

Rules kept here: names of tables and columns come from code alone, values always travel as parameters; rows travel as a
table of ``column1``, ``column2``, …, which both databases can join, so that one wording does. ``update_rows`` of 500
emails takes 3 ms where one UPDATE for each takes 90 ms (PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection, connections

_MAX_PARAMETERS = 30_000
"""SQLite takes 32,766 parameters in a statement."""
_ALL = 1 << 62
"""A limit that is none, for both databases."""


@contextmanager
def pipelined() -> Iterator[None]:
    """Send the statements inside one after the other and wait for all of them at the end (PostgreSQL).

    Inside a transaction alone, and only for who reads no count of changed rows; one that gives rows waits for those
    before it. What a statement raises may be raised by a later one or at the end, as Django raises it. Ten inserts take
    0.9 ms instead of 1.6; a delivery waits 14 times instead of 25.
    """
    if connection.vendor != "postgresql" or connection.connection.pgconn.pipeline_status:
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def begin_snapshot() -> None:
    """Begin a transaction that reads one moment; a plain BEGIN on SQLite, so that readers never wait for a writer."""
    is_postgresql = connection.vendor == "postgresql"
    execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY" if is_postgresql else "BEGIN", [])


def end_snapshot() -> None:
    """End what ``begin_snapshot`` began."""
    execute("COMMIT", [])


def lock_account(account_id: int) -> tuple[int, int] | None:
    """Lock an account row, as a transaction's first statement: (epoch, modseq), or None."""
    if connection.vendor == "postgresql":
        statement = "SELECT epoch, modseq FROM jmap_core_account WHERE id = %s FOR NO KEY UPDATE"
    else:
        # An UPDATE takes SQLite's write lock before anything is read, so no snapshot is older than the lock.
        statement = "UPDATE jmap_core_account SET modseq = modseq WHERE id = %s RETURNING epoch, modseq"
    rows = select(statement, [account_id])
    return rows[0] if rows else None


def save_changes(account_id: int, modseq: int, states: Sequence[tuple[str, int]]) -> None:
    """Remember the last modseq given out, and the last change of types: (type, modseq)."""
    account, of_account = "UPDATE jmap_core_account SET modseq = %s WHERE id = %s", [modseq, account_id]
    for given, parameters in tables((account_id, name, changed, 0) for name, changed in states):
        types = (
            "INSERT INTO jmap_core_typestate (account_id, type, modseq, history_modseq)"
            f" SELECT column1, column2, column3, column4 FROM {given} WHERE true"
            " ON CONFLICT (account_id, type) DO UPDATE SET modseq = excluded.modseq"
        )
        if connection.vendor == "postgresql":
            # One round trip to the server less for each write.
            execute(f"WITH done AS ({account}) {types}", [*of_account, *parameters])
        else:
            execute(account, of_account)
            execute(types, parameters)


def state_row(account_id: int, type_name: str) -> tuple[int, int | None] | None:
    """(epoch, modseq of the last change of a type or None) of an account, or None where there is no such account."""
    rows = select(
        "SELECT a.epoch, s.modseq FROM jmap_core_account a LEFT JOIN jmap_core_typestate s"
        " ON s.account_id = a.id AND s.type = %s WHERE a.id = %s",
        [type_name, account_id],
    )
    return rows[0] if rows else None


def tracked_rows(
    table: str, columns: Sequence[str], type_name: str, account_id: int, keys: Sequence[int] | None, most: int
) -> list[tuple[Any, ...]]:
    """(epoch, modseq of the type, key, columns …) of the objects of a type, all or some, by key and at most so many.

    One row with None for a key where there are none, none where there is no such account. One statement, and so of one
    moment: 0.2 ms instead of 0.8 for three in a snapshot (PostgreSQL).
    """
    chosen = "" if keys is None else f" AND o.id IN ({marks(keys) if keys else 'NULL'})"
    return select(
        f"SELECT a.epoch, coalesce(s.modseq, 0), o.id, {', '.join(f'o.{column}' for column in columns)}"
        " FROM jmap_core_account a LEFT JOIN jmap_core_typestate s ON s.account_id = a.id AND s.type = %s"
        f" LEFT JOIN {table} o ON o.account_id = a.id{chosen} WHERE a.id = %s ORDER BY o.id LIMIT %s",
        [type_name, *(keys or ()), account_id, most],
    )


_HISTORY = (
    "SELECT -1, a.epoch, a.modseq, coalesce(s.modseq, 0), coalesce(s.history_modseq, 0) FROM jmap_core_account a"
    " LEFT JOIN jmap_core_typestate s ON s.account_id = a.id AND s.type = %s WHERE a.id = %s"
)


def history_row(account_id: int, type_name: str) -> tuple[int, int, int, int] | None:
    """(epoch, modseq of the account, modseq of a type's last change, modseq that its history begins after) or None."""
    rows = select(_HISTORY, [type_name, account_id])
    return rows[0][1:] if rows else None


def events(
    table: str, type_name: str, account_id: int, since: int, most: int | None
) -> list[tuple[int, int, int, int, int]]:
    """The ``history_row`` of a type (first field -1), then its events since a modseq, at most so many of each kind.

    An event is (kind, modseq, key, 0, 0); kind is 0 for created, 1 for updated, 2 for destroyed. One statement instead
    of four: a delta of one change 0.3 ms instead of 1.1 (PostgreSQL).
    """
    limit = _ALL if most is None else most
    mine = "account_id = %s AND"
    kinds = (
        f"SELECT 0, created_modseq, id, 0, 0 FROM {table} WHERE {mine} created_modseq > %s"
        " ORDER BY created_modseq LIMIT %s",
        f"SELECT 1, modseq, id, 0, 0 FROM {table} WHERE {mine} modseq > %s AND created_modseq <= %s"
        " ORDER BY modseq LIMIT %s",
        f"SELECT 2, modseq, object_id, 0, 0 FROM jmap_core_tombstone WHERE {mine} type = %s AND modseq > %s"
        " AND created_modseq <= %s ORDER BY modseq LIMIT %s",
    )
    statement = " UNION ALL ".join([_HISTORY, *(f"SELECT * FROM ({kind}) AS k{n}" for n, kind in enumerate(kinds))])
    created = [account_id, since, limit]
    updated = [account_id, since, since, limit]
    destroyed = [account_id, type_name, since, since, limit]
    return select(statement, [type_name, account_id, *created, *updated, *destroyed])


def insert_rows(table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], conflict: str = "") -> None:
    """Insert rows with as few statements as parameters allow; ``conflict`` is an ON CONFLICT clause."""
    picked = ", ".join(f"column{number}" for number in range(1, len(columns) + 1))
    for given, parameters in tables(rows):
        # WHERE tells SQLite that ON CONFLICT is no join condition.
        execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM {given} WHERE true {conflict}", parameters
        )


def insert_numbered(
    table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], by: str, types: Sequence[type] = ()
) -> dict[Any, int]:
    """Insert rows whose keys the database gives; the keys, by the value of the column ``by``, which is distinct.

    ``types`` as for ``tables``. 0.2 ms for one row where ``bulk_create`` takes 0.5 (PostgreSQL).
    """
    picked = ", ".join(f"column{number}" for number in range(1, len(columns) + 1))
    keys: dict[Any, int] = {}
    for given, parameters in tables(rows, types):
        statement = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM {given} WHERE true"
        keys.update(select(f"{statement} RETURNING {by}, id", parameters))
    return keys


def update_rows(table: str, key: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Update rows, each given as its key followed by the new values of ``columns``."""
    assignments = ", ".join(f"{name} = given.column{number}" for number, name in enumerate(columns, 2))
    for given, parameters in tables(rows):
        execute(f"UPDATE {table} SET {assignments} FROM {given} WHERE {table}.{key} = given.column1", parameters)


def delete_rows(table: str, column: str, keys: Iterable[Any]) -> None:
    """Delete the rows whose ``column`` holds one of the keys."""
    for given, parameters in tables((key,) for key in keys):
        execute(f"DELETE FROM {table} WHERE {column} IN (SELECT column1 FROM {given})", parameters)


def delete_pairs(table: str, columns: tuple[str, str], pairs: Iterable[tuple[Any, Any]]) -> None:
    """Delete the rows whose two columns hold one of the pairs."""
    first, second = columns
    for given, parameters in tables(pairs):
        execute(f"DELETE FROM {table} WHERE ({first}, {second}) IN (SELECT column1, column2 FROM {given})", parameters)


def moment(value: datetime) -> Any:
    """A moment as the database's driver takes it."""
    return connection.ops.adapt_datetimefield_value(value)


def tables(rows: Iterable[Sequence[Any]], types: Sequence[type] = ()) -> Iterator[tuple[str, list[Any]]]:
    """Rows as tables for a FROM clause, named ``given`` with columns ``column1``, ``column2``, …, and their parameters.

    On PostgreSQL one array for each column, so that a statement is the same text for any number of rows but one, of
    which the driver is quicker to send the values; on SQLite a VALUES list, cut where it would have too many
    parameters. ``types`` are those of the columns, where one may hold nothing but None; otherwise the values tell.
    """
    every = list(rows)
    if not every:
        return
    if connection.vendor == "postgresql":
        columns = [list(column) for column in zip(*every, strict=True)]
        kinds = types or [_type_of(column) for column in columns]
        names = ", ".join(f"column{number}" for number in range(1, len(columns) + 1))
        if len(every) == 1:
            values = ", ".join(f"%s::{_TYPES[kind]}" for kind in kinds)
            yield f"(VALUES ({values})) AS given ({names})", list(every[0])
            return
        arrays = ", ".join(f"%s::{_TYPES[kind]}[]" for kind in kinds)
        yield f"unnest({arrays}) AS given ({names})", columns
        return
    width = len(every[0])
    mark = f"({', '.join(['%s'] * width)})"
    most = _MAX_PARAMETERS // width
    for start in range(0, len(every), most):
        some = every[start : start + most]
        yield f"(VALUES {', '.join([mark] * len(some))}) AS given", [value for row in some for value in row]


_TYPES = {bool: "boolean", int: "bigint", str: "text", bytes: "bytea", datetime: "timestamptz"}


def _type_of(column: Sequence[Any]) -> type:
    return type(next((value for value in column if value is not None), ""))


def select(sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The rows of one statement, as the driver gives them."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def ask(sql: str, parameters: Sequence[Any]) -> Callable[[], list[tuple[Any, ...]]]:
    """``select`` that waits when its result is called: in a pipeline several are sent before the first is waited
    for.
    """
    if connection.vendor != "postgresql":
        rows = select(sql, parameters)
        return lambda: rows
    cursor = connection.cursor()
    cursor.execute(sql, parameters)

    def answer() -> list[tuple[Any, ...]]:
        with cursor:
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    return answer


def marks(values: Sequence[Any]) -> str:
    """Placeholders for an IN list of at least one value."""
    return ", ".join(["%s"] * len(values))


def execute(sql: str, parameters: Sequence[Any]) -> None:
    """Run one statement that gives no rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def durability(alias: str) -> dict[str, Any]:
    """The settings of a database that decide whether a commit survives a power cut, by name."""
    with connections[alias].cursor() as cursor:
        if connections[alias].vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            return {"synchronous": cursor.fetchone()[0]}
        cursor.execute("SELECT current_setting('synchronous_commit'), current_setting('fsync')")
        return dict(zip(("synchronous_commit", "fsync"), cursor.fetchone()))
