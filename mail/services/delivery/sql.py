"""The raw SQL of delivery: what a recipient stands for, and what a delivery remembers; each statement set-based."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from jmap import sql


class Found(NamedTuple):
    """One row of what a name stands for: an alias has a row for each target, a domain without the name one of None."""

    number: int
    is_domain_active: bool
    address: int | None
    account: int | None
    is_account_open: bool | None
    emails: int | None
    octets: int | None
    max_emails: int | None
    max_octets: int | None
    domain_emails: int | None
    domain_octets: int | None
    domain_max_emails: int | None
    domain_max_octets: int | None
    target: str | None


def names(wanted: Sequence[tuple[int, str, str]]) -> list[Found]:
    """What (number, local part, domain) stand for; those of other sites' domains have no row.

    One statement for a level of aliases: 0.4 ms for a recipient against 2 for QuerySets.
    """
    found: list[Found] = []
    for given, parameters in sql.tables(wanted):
        rows = sql.select(
            "SELECT given.column1, d.is_active, a.id, a.account_id, c.is_active AND c.destroyed_at IS NULL,"
            " q.emails, q.octets, q.max_emails, q.max_octets, o.emails, o.octets, o.max_emails, o.max_octets, t.target"
            f" FROM {given} JOIN jmap_mail_domain d ON d.name = given.column3"
            " LEFT JOIN jmap_mail_address a ON a.domain_id = d.id AND a.local_part = given.column2"
            " LEFT JOIN jmap_core_account c ON c.id = a.account_id"
            " LEFT JOIN jmap_mail_quota q ON q.account_id = a.account_id"
            " LEFT JOIN jmap_mail_domain o ON o.id = q.domain_id"
            " LEFT JOIN jmap_mail_addresstarget t ON t.address_id = a.id ORDER BY given.column1, t.id",
            parameters,
        )
        found += map(Found._make, rows)
    return found


def remember(account_id: int, key: bytes, now: datetime) -> Callable[[], list[tuple[Any, ...]]]:
    """Note that a message was received; the result gives no row where it was noted before. Locks it until the
    commit.
    """
    return sql.ask(
        "INSERT INTO jmap_mail_receivedmessage (account_id, key, received_at) VALUES (%s, %s, %s)"
        " ON CONFLICT (account_id, key) DO NOTHING RETURNING id",
        [account_id, key, sql.moment(now)],
    )


def log(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows of the delivery log."""
    # As VALUES, since a column that is None in every row tells no type.
    row = f"({', '.join(['%s'] * len(columns))})"
    for start in range(0, len(rows), 500):
        some = rows[start : start + 500]
        sql.execute(
            f"INSERT INTO jmap_mail_deliveryrecord ({', '.join(columns)}) VALUES {', '.join([row] * len(some))}",
            [_bound(value) for values in some for value in values],
        )


def mailboxes(account_id: int, roles: Sequence[str]) -> Callable[[], list[tuple[Any, ...]]]:
    """(role, key, name) of an account's mailboxes with one of these roles. 0.2 ms against 0.4 for a QuerySet."""
    return sql.ask(
        f"SELECT role, id, name FROM jmap_mail_mailbox WHERE account_id = %s AND role IN ({sql.marks(roles)})",
        [account_id, *roles],
    )


def _bound(value: Any) -> Any:
    return sql.moment(value) if isinstance(value, datetime) else value
