"""Durable is shown, not assumed: settings that could lose a commit are warned of."""

from __future__ import annotations

import pytest
from django.db import connection

from jmap.durability import check_durability

pytestmark = pytest.mark.own("what is committed survives a power cut, or a check says that it may not")


def reasons() -> set[str]:
    """What the check has to say of the default database."""
    return {message.msg.rpartition(": ")[2] for message in check_durability(databases=["default"])}


def test_sqlite_below_full_is_warned_of(transactional_db: None, on_postgresql: bool) -> None:
    if on_postgresql:
        pytest.skip("a setting of SQLite")
    before = reasons()
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=NORMAL")
        during = reasons()
        cursor.execute("PRAGMA synchronous=FULL")

    assert before == set()
    assert during == {"PRAGMA synchronous is 1."}


def test_synchronous_commit_off_is_warned_of(db: None, on_postgresql: bool) -> None:
    if not on_postgresql:
        pytest.skip("a setting of PostgreSQL")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")
        on = reasons()
        cursor.execute("SET LOCAL synchronous_commit = off")

    assert reasons() - on == {"synchronous_commit is off."}


def test_without_a_database_to_ask_nothing_is_said() -> None:
    assert check_durability() == []
