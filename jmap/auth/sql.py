"""The one query of a request: is this user still allowed in, by this credential, and into which accounts.

Rules kept here: one statement, one round trip, by primary keys and indexes alone (0.03 ms on SQLite, 0.25 ms on
PostgreSQL, where the same as QuerySets takes 2 ms); what the project's user model looks like is asked of Django, once.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import F
from django.utils import timezone

from jmap.models import Account, AccountAccess, Credential


def access_rows(user_key: Any, credential_key: int | None) -> list[tuple[Any, ...]]:
    """A row for each account that the user may enter, their own first; no row where the user is gone.

    Columns: username, password hash, whether the user is active, whether the credential holds (false without one),
    account key (None where there is none), account name, whether it is their own, whether it is read-only to them.
    """
    user = get_user_model()
    sql = _STATEMENTS.get(user) or _STATEMENTS.setdefault(user, _statement(user, user_key))
    key = user._meta.pk.get_db_prep_value(user_key, connection)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(sql, [now, key, credential_key, key, key])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


_STATEMENTS: dict[type, str] = {}


def _statement(user: Any, user_key: Any) -> str:
    columns = {"jmap_name": F(user.USERNAME_FIELD), "jmap_password": F("password")}
    active = "TRUE"
    try:
        user._meta.get_field("is_active")
        columns["jmap_active"] = F("is_active")
        active = "u.jmap_active"
    except FieldDoesNotExist:
        pass  # The model says so for all its users: AbstractBaseUser.is_active is True.
    # Django words the part that depends on the user model; its one parameter is the key.
    of_user, _parameters = (
        user._base_manager.filter(pk=user_key)
        .annotate(**columns)
        .order_by()
        .values_list(*columns)
        .query.sql_with_params()
    )
    account, access, credential = (model._meta.db_table for model in (Account, AccountAccess, Credential))
    return f"""
        SELECT u.jmap_name, u.jmap_password, {active},
               c.id IS NOT NULL AND c.revoked_at IS NULL AND (c.expires_at IS NULL OR c.expires_at > %s),
               a.id, a.name, a.own, a.is_read_only
        FROM ({of_user}) u
        LEFT JOIN {credential} c ON c.id = %s
        LEFT JOIN (
            SELECT id, name, TRUE AS own, FALSE AS is_read_only FROM {account}
            WHERE user_id = %s AND is_active AND destroyed_at IS NULL
            UNION ALL
            SELECT s.id, s.name, FALSE, x.is_read_only FROM {access} x JOIN {account} s ON s.id = x.account_id
            WHERE x.user_id = %s AND s.is_active AND s.destroyed_at IS NULL
        ) a ON TRUE
        ORDER BY a.own DESC, a.id
    """
