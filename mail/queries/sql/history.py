"""What came, went and changed since a modseq, for /queryChanges (RFC 8620 §5.6).

Rules kept here: every statement walks an index by modseq or by thread, so its cost is that of the change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from mail.queries.sql.fragments import Fragment, among, stamp, template

ACCOUNT_KEY = 0
"""The mailbox key under which FormerMembership remembers emails that were destroyed."""


@dataclass(frozen=True, slots=True)
class Event:
    """An email that a mailbox, or the account, gained or lost."""

    email: int
    thread: int
    received_at: Any


def moves(account: int, mailbox: int | None, since: int) -> tuple[dict[int, Event], dict[int, Event]]:
    """Emails that a mailbox (None: the account) has and had not then, and those that it had and has not now."""
    former = (
        "SELECT 0, f.email_key, f.thread_key, f.received_at FROM jmap_mail_formermembership f"
        " WHERE f.account_id = %s AND f.mailbox_key = %s AND f.removed_modseq > %s AND f.created_modseq <= %s"
    )
    if mailbox is None:
        present = (
            "SELECT 1, x.id, x.thread_id, x.received_at FROM jmap_mail_email x"
            " WHERE x.account_id = %s AND x.created_modseq > %s"
        )
    else:
        present = (
            "SELECT 1, x.email_id, x.thread_id, x.received_at FROM jmap_mail_membership x"
            " WHERE x.account_id = %s AND x.created_modseq > %s AND x.mailbox_id = %s"
        )
    own = (account, since) if mailbox is None else (account, since, mailbox)
    key = ACCOUNT_KEY if mailbox is None else mailbox
    rows = Fragment(f"{present} UNION ALL {former}", (*own, account, key, since, since)).rows()
    gained, lost = ({row[1]: _event(row[1:]) for row in rows if row[0] == side} for side in (1, 0))
    # What left and came back stands where it stood.
    for email in gained.keys() & lost.keys():
        del gained[email], lost[email]
    return gained, lost


def flagged(account: int, mailbox: int | None, since: int) -> dict[int, int]:
    """Email to thread, of those in a mailbox whose keywords changed, or of all in the account that changed at all."""
    if mailbox is None:
        statement = Fragment(
            "SELECT x.id, x.thread_id FROM jmap_mail_email x WHERE x.account_id = %s AND x.modseq > %s",
            (account, since),
        )
    else:
        statement = Fragment(
            "SELECT x.email_id, x.thread_id FROM jmap_mail_membership x"
            " WHERE x.account_id = %s AND x.mailbox_id = %s AND x.keyword_modseq > %s",
            (account, mailbox, since),
        )
    return dict(cast(list[tuple[int, int]], statement.rows()))


def _event(row: Sequence[Any]) -> Event:
    return Event(row[0], row[1], stamp(row[2]))


def members(account: int, mailbox: int | None, threads: Iterable[int]) -> list[Event]:
    """The emails of some threads that a mailbox, or the account, holds."""
    if mailbox is None:
        select, where = (
            "x.id, x.thread_id, x.received_at FROM jmap_mail_email x",
            Fragment("x.account_id = %s", (account,)),
        )
    else:
        select = "x.email_id, x.thread_id, x.received_at FROM jmap_mail_membership x"
        where = Fragment("x.mailbox_id = %s AND x.account_id = %s", (mailbox, account))
    statement = template(f"SELECT {select} WHERE {{}} AND {{}}", among("x.thread_id", threads), where)
    return [_event(row) for row in statement.rows()]


def received_at(account: int, email: int) -> Any:
    """When an email was received, as a stamp; None where there is no such email."""
    rows = Fragment(
        "SELECT x.received_at FROM jmap_mail_email x WHERE x.account_id = %s AND x.id = %s", (account, email)
    ).rows()
    return stamp(rows[0][0]) if rows else None
