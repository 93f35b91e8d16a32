"""The raw SQL of the blob service: short statements on the path of every delivery and download.

Table and column names come from model metadata through ``references``; every value is a parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from jmap import sql
from jmap.blobs import references
from jmap.models import Upload


def _moment(value: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(value)


def _user(user_id: Any) -> Any:
    return Upload._meta.get_field("user").get_db_prep_value(user_id, connection)


def upsert(account_id: int, items: Sequence[tuple[bytes, int]], now: datetime) -> dict[bytes, int]:
    """Make the rows for (digest, size) pairs live, new ones or old; digest to key. Locks them until the commit.

    Digests are distinct and ordered, so that two writers never wait for each other in a circle.
    """
    return {bytes(digest): key for digest, key in ask_upsert(account_id, items, now)()}


def ask_upsert(
    account_id: int, items: Sequence[tuple[bytes, int]], now: datetime
) -> Callable[[], list[tuple[Any, ...]]]:
    """``upsert`` that is waited for when the result is called: (digest, key) pairs."""
    values = ", ".join(["(%s, %s, %s, %s)"] * len(items))
    parameters: list[Any] = []
    for digest, size in items:
        parameters += (account_id, digest, size, _moment(now))
    return sql.ask(
        f"INSERT INTO jmap_core_blob (account_id, digest, size, created_at) VALUES {values}"
        " ON CONFLICT (account_id, digest) DO UPDATE SET dying_since = NULL RETURNING digest, id",
        parameters,
    )


def lock(keys: Iterable[int]) -> dict[int, tuple[int, bytes, bool]]:
    """Lock rows in ascending order until the commit: key to (account, digest, whether it is dying).

    Waits for whoever holds one; the values are those after the wait. Must stand in a transaction.
    """
    return {
        key: (account, bytes(digest), dying is not None)
        for key, account, digest, dying in _lock(keys, "1 = 1", [], "FOR NO KEY UPDATE")
    }


def lock_to_collect(keys: Iterable[int], dying_before: datetime | None) -> dict[int, tuple[int, bytes]]:
    """Lock rows that are live, or have been dying since before that moment: key to (account, digest).

    Rows that somebody else holds are left for another time (SQLite knows one lock, and waits for it).
    """
    condition, parameters = "dying_since IS NULL", []
    if dying_before is not None:
        condition, parameters = "dying_since < %s", [_moment(dying_before)]
    rows = _lock(keys, condition, parameters, "FOR UPDATE SKIP LOCKED")
    return {key: (account, bytes(digest)) for key, account, digest, _dying in rows}


def _lock(keys: Iterable[int], condition: str, parameters: list[Any], strength: str) -> list[tuple[Any, ...]]:
    keys = list(keys)
    if not keys:
        return []
    where = f"id IN ({', '.join(['%s'] * len(keys))}) AND {condition}"
    columns = "id, account_id, digest, dying_since"
    if connection.vendor == "postgresql":
        sql = f"SELECT {columns} FROM jmap_core_blob WHERE {where} ORDER BY id {strength}"
    else:
        # An UPDATE takes SQLite's write lock before anything is read.
        sql = f"UPDATE jmap_core_blob SET dying_since = dying_since WHERE {where} RETURNING {columns}"
    with connection.cursor() as cursor:
        cursor.execute(sql, [*keys, *parameters])
        return cursor.fetchall()


def visible(user_id: Any, account_id: int, keys: Sequence[int]) -> list[tuple[int, bytes, int]]:
    """(key, digest, size) of those blobs of the account that something visible refers to or that this user uploaded."""
    marks = ", ".join(["%s"] * len(keys))
    ways = [f"EXISTS (SELECT 1 FROM {table} r WHERE r.{column} = b.id)" for table, column in references.visible()]
    ways.append("EXISTS (SELECT 1 FROM jmap_core_upload u WHERE u.blob_id = b.id AND u.user_id = %s)")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT b.id, b.digest, b.size FROM jmap_core_blob b WHERE b.id IN ({marks}) AND b.account_id = %s"
            f" AND ({' OR '.join(ways)})",
            [*keys, account_id, _user(user_id)],
        )
        return [(key, bytes(digest), size) for key, digest, size in cursor.fetchall()]


def unreferenced(alias: str, *, uploads_count: bool) -> str:
    """A condition that no row needs the blob ``alias``; ``uploads_count`` makes an upload such a need."""
    conditions = [
        f"NOT EXISTS (SELECT 1 FROM {table} r WHERE r.{column} = {alias}.id)" for table, column in references.pinning()
    ]
    if uploads_count:
        conditions.append(f"NOT EXISTS (SELECT 1 FROM jmap_core_upload u WHERE u.blob_id = {alias}.id)")
    return " AND ".join(conditions) or "1 = 1"


def collectable(after: int, until: int, created_before: datetime) -> list[int]:
    """Keys of live blobs in (after, until], older than that, that nothing needs; a hint, read without a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.id FROM jmap_core_blob b WHERE b.id > %s AND b.id <= %s AND b.dying_since IS NULL"
            f" AND b.created_at < %s AND {unreferenced('b', uploads_count=True)} ORDER BY b.id",
            [after, until, _moment(created_before)],
        )
        return [key for (key,) in cursor.fetchall()]


def mark_dying(keys: Iterable[int], now: datetime) -> int:
    """Mark those of the locked rows that still nothing needs; says how many."""
    keys = list(keys)
    marks = ", ".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE jmap_core_blob SET dying_since = %s WHERE id IN ({marks}) AND dying_since IS NULL"
            f" AND {unreferenced('jmap_core_blob', uploads_count=True)}",
            [_moment(now), *keys],
        )
        return cursor.rowcount


def needed_again(keys: Iterable[int]) -> list[int]:
    """Of the locked rows, those that something needs; they live again."""
    keys = list(keys)
    marks = ", ".join(["%s"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE jmap_core_blob SET dying_since = NULL WHERE id IN ({marks})"
            f" AND NOT ({unreferenced('jmap_core_blob', uploads_count=True)}) RETURNING id",
            keys,
        )
        return [key for (key,) in cursor.fetchall()]


def needed(keys: Iterable[int]) -> list[int]:
    """Those of the blobs that something needs."""
    keys = list(keys)
    if not keys:
        return []
    return [
        key
        for (key,) in sql.select(
            f"SELECT b.id FROM jmap_core_blob b WHERE b.id IN ({sql.marks(keys)})"
            f" AND NOT ({unreferenced('b', uploads_count=True)})",
            keys,
        )
    ]


def purge(keys: Iterable[int]) -> None:
    """Delete rows, and find out now rather than at the commit if a foreign key still points at one."""
    keys = list(keys)
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM jmap_core_blob WHERE id IN ({', '.join(['%s'] * len(keys))})", keys)
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def claim(account_id: int, user_id: Any, blob_id: int, type: str, now: datetime) -> int:
    """A user's upload of a blob, new or with its clock set again; its key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jmap_core_upload (account_id, user_id, blob_id, type, uploaded_at) VALUES (%s, %s, %s, %s, %s)"
            " ON CONFLICT (account_id, user_id, blob_id) DO UPDATE"
            " SET type = excluded.type, uploaded_at = excluded.uploaded_at RETURNING id",
            [account_id, _user(user_id), blob_id, type, _moment(now)],
        )
        key: int = cursor.fetchone()[0]
        return key


def add_to_tally(account_id: int, user_id: Any, octets: int) -> int:
    """Add to a user's UploadTally; what it is now. 0.1 ms, where counting 20,000 uploads anew takes 15."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jmap_core_uploadtally (account_id, user_id, octets) VALUES (%s, %s, %s)"
            " ON CONFLICT (account_id, user_id) DO UPDATE SET octets = jmap_core_uploadtally.octets + excluded.octets"
            " RETURNING octets",
            [account_id, _user(user_id), octets],
        )
        total: int = cursor.fetchone()[0]
        return total


def set_tally(account_id: int, user_id: Any, octets: int) -> None:
    """Set a user's UploadTally to what a count gave."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jmap_core_uploadtally SET octets = %s WHERE account_id = %s AND user_id = %s",
            [octets, account_id, _user(user_id)],
        )


def unreferenced_uploads(account_id: int, user_id: Any) -> list[tuple[int, int]]:
    """(upload key, size) of a user's uploads in an account that nothing refers to, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT u.id, b.size FROM jmap_core_upload u JOIN jmap_core_blob b ON b.id = u.blob_id"
            f" WHERE u.account_id = %s AND u.user_id = %s AND {unreferenced('b', uploads_count=False)}"
            " ORDER BY u.uploaded_at DESC, u.id DESC",
            [account_id, _user(user_id)],
        )
        return cursor.fetchall()
