"""The questions of the checks: each recounts what is derived from emails and memberships, and gives what differs.

Rules kept here: one statement for one question, which so sees one moment; its cost is that of the keys it is asked of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from jmap import sql
from mail.models.email import KEYWORD_COLUMNS

Rows = list[tuple[Any, ...]]

_UNREAD = "NOT m.seen AND NOT m.draft"


def memberships_without_email(mailbox: int) -> Rows:
    """(mailbox, email, thread, received_at, created_modseq) of members of a mailbox that are no emails."""
    return sql.select(
        "SELECT m.mailbox_id, m.email_id, m.thread_id, m.received_at, m.created_modseq FROM jmap_mail_membership m"
        " WHERE m.mailbox_id = %s AND NOT EXISTS (SELECT 1 FROM jmap_mail_email e WHERE e.id = m.email_id)",
        [mailbox],
    )


def memberships_without_mailbox(account_id: int, emails: Sequence[int]) -> Rows:
    """(mailbox, email, thread, received_at, created_modseq) of emails in mailboxes that the account has not."""
    return sql.select(
        "SELECT m.mailbox_id, m.email_id, m.thread_id, m.received_at, m.created_modseq FROM jmap_mail_membership m"
        f" WHERE m.email_id IN ({sql.marks(emails)}) AND NOT EXISTS"
        " (SELECT 1 FROM jmap_mail_mailbox b WHERE b.id = m.mailbox_id AND b.account_id = %s)",
        [*emails, account_id],
    )


def emails_without_membership(emails: Sequence[int]) -> Rows:
    """(email,) of those that are in no mailbox."""
    return sql.select(
        f"SELECT e.id FROM jmap_mail_email e WHERE e.id IN ({sql.marks(emails)})"
        " AND NOT EXISTS (SELECT 1 FROM jmap_mail_membership m WHERE m.email_id = e.id)",
        emails,
    )


def differing_memberships(emails: Sequence[int]) -> Rows:
    """(mailbox, email) where what a membership copies differs from the email."""
    copies = ("account_id", "thread_id", "received_at", *KEYWORD_COLUMNS.values())
    return sql.select(
        "SELECT m.mailbox_id, m.email_id FROM jmap_mail_email e JOIN jmap_mail_membership m ON m.email_id = e.id"
        f" WHERE e.id IN ({sql.marks(emails)}) AND ({' OR '.join(f'm.{name} <> e.{name}' for name in copies)})",
        emails,
    )


def copy_to_memberships(pairs: Sequence[tuple[int, int]]) -> None:
    """Let each (mailbox, email) copy its email again, with the modseq of that."""
    copies = ("account_id", "thread_id", "received_at", *KEYWORD_COLUMNS.values())
    for given, parameters in sql.tables(pairs):
        sql.execute(
            f"UPDATE jmap_mail_membership SET {', '.join(f'{name} = e.{name}' for name in copies)},"
            f" keyword_modseq = e.modseq FROM jmap_mail_email e, {given} WHERE e.id = given.column2"
            " AND jmap_mail_membership.email_id = e.id AND jmap_mail_membership.mailbox_id = given.column1",
            parameters,
        )


def wrong_keyword_marks(emails: Sequence[int]) -> Rows:
    """(email, whether it has rare keywords) where the email says otherwise."""
    rare = "EXISTS (SELECT 1 FROM jmap_mail_emailkeyword k WHERE k.email_id = e.id)"
    return sql.select(
        f"SELECT e.id, {rare} FROM jmap_mail_email e WHERE e.id IN ({sql.marks(emails)})"
        f" AND e.has_other_keywords <> {rare}",
        emails,
    )


def wrong_heads(threads: Sequence[int]) -> Rows:
    """(mailbox, email, whether it is the newest of its thread there) where the membership says otherwise."""
    return sql.select(
        "SELECT x.mailbox_id, x.email_id, x.rank = 1 FROM (SELECT m.mailbox_id, m.email_id, m.is_head, row_number()"
        " OVER (PARTITION BY m.mailbox_id, m.thread_id ORDER BY m.received_at DESC, m.email_id DESC) AS rank"
        f" FROM jmap_mail_membership m WHERE m.thread_id IN ({sql.marks(threads)})) x"
        " WHERE (x.rank = 1) <> x.is_head",
        threads,
    )


def wrong_threads(threads: Sequence[int], trash: int | None) -> Rows:
    """(thread, created_modseq, then size, unread_live, unread_trash as stored and as counted) where they differ."""
    unread = (
        "SELECT count(DISTINCT m.email_id) FROM jmap_mail_membership m"
        f" WHERE m.thread_id = t.id AND {_UNREAD} AND m.mailbox_id"
    )
    return sql.select(
        "SELECT * FROM (SELECT t.id, t.created_modseq, t.size, t.unread_live, t.unread_trash,"
        " (SELECT count(*) FROM jmap_mail_email e WHERE e.thread_id = t.id) AS emails,"
        f" ({unread} <> %s) AS live, ({unread} = %s) AS trash"
        f" FROM jmap_mail_thread t WHERE t.id IN ({sql.marks(threads)})) x"
        " WHERE emails = 0 OR size <> emails OR unread_live <> live OR unread_trash <> trash",
        [trash or 0, trash or 0, *threads],
    )


def wrong_holdings(mailbox: int) -> Rows:
    """(thread, emails of it in the mailbox as stored, and as counted) where they differ."""
    return sql.select(
        "SELECT thread, sum(stored), sum(counted) FROM (SELECT h.thread_id AS thread, h.size AS stored, 0 AS counted"
        " FROM jmap_mail_threadmailbox h WHERE h.mailbox_id = %s UNION ALL SELECT m.thread_id, 0, 1"
        " FROM jmap_mail_membership m WHERE m.mailbox_id = %s) x GROUP BY thread HAVING sum(stored) <> sum(counted)",
        [mailbox, mailbox],
    )


def dangling_references(account_id: int) -> Rows:
    """(thread,) that message ids of an account lead to although it is gone."""
    return sql.select(
        "SELECT DISTINCT r.thread_id FROM jmap_mail_threadreference r WHERE r.account_id = %s"
        " AND NOT EXISTS (SELECT 1 FROM jmap_mail_thread t WHERE t.id = r.thread_id) ORDER BY 1",
        [account_id],
    )


def mailbox_counters(mailbox: int, trash: int | None) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The four counters of a mailbox as stored, and as counted; None where it is gone."""
    unread = "unread_trash" if mailbox == trash else "unread_live"
    rows = sql.select(
        "SELECT b.total_emails, b.unread_emails, b.total_threads, b.unread_threads, count(m.email_id),"
        f" count(CASE WHEN {_UNREAD} THEN 1 END), count(DISTINCT m.thread_id),"
        f" count(DISTINCT CASE WHEN t.{unread} > 0 THEN t.id END) FROM jmap_mail_mailbox b"
        " LEFT JOIN jmap_mail_membership m ON m.mailbox_id = b.id LEFT JOIN jmap_mail_thread t ON t.id = m.thread_id"
        " WHERE b.id = %s GROUP BY b.id, b.total_emails, b.unread_emails, b.total_threads, b.unread_threads",
        [mailbox],
    )
    return (rows[0][:4], rows[0][4:]) if rows else None


def wrong_days(account_id: int, mailbox: int) -> Rows:
    """(day, members and heads as stored, members and heads as counted) of a mailbox, 0 for the account."""
    if connection.vendor == "postgresql":
        day = "CAST(floor(extract(epoch FROM m.received_at) / 86400) AS integer)"
    else:
        day = "CAST(julianday(date(m.received_at)) - 2440587.5 AS integer)"
    if mailbox:
        counted = f"{day}, 0, 0, 1, CASE WHEN m.is_head THEN 1 ELSE 0 END FROM jmap_mail_membership m"
        where, key = "m.mailbox_id = %s", mailbox
    else:
        counted, where, key = f"{day}, 0, 0, 1, 0 FROM jmap_mail_email m", "m.account_id = %s", account_id
    return sql.select(
        "SELECT day, sum(a), sum(b), sum(c), sum(d) FROM (SELECT day, members AS a, heads AS b, 0 AS c, 0 AS d"
        " FROM jmap_mail_daycount WHERE account_id = %s AND mailbox_key = %s UNION ALL"
        f" SELECT {counted} WHERE {where}) x GROUP BY day HAVING sum(a) <> sum(c) OR sum(b) <> sum(d)",
        [account_id, mailbox, key],
    )


def emails_without_content(emails: Sequence[int]) -> Rows:
    """(email,) of those of which nothing derived is stored."""
    return sql.select(
        f"SELECT e.id FROM jmap_mail_email e WHERE e.id IN ({sql.marks(emails)})"
        " AND NOT EXISTS (SELECT 1 FROM jmap_mail_emailcontent c WHERE c.email_id = e.id)",
        emails,
    )


def wrong_search_entries(emails: Sequence[int], version: int) -> Rows:
    """(email, version of its search entry or None) where that is not the present one."""
    return sql.select(
        "SELECT e.id, s.version FROM jmap_mail_email e LEFT JOIN jmap_mail_searchtext s ON s.email_id = e.id"
        f" WHERE e.id IN ({sql.marks(emails)}) AND (s.version IS NULL OR s.version <> %s)",
        [*emails, version],
    )


LEFTOVER_TABLES = ("jmap_mail_emailcontent", "jmap_mail_emailkeyword", "jmap_mail_searchtext")
"""Tables with rows that go with an email although no foreign key says so."""


def leftovers(table: str, account_id: int | None) -> Rows:
    """(account or None, email) of rows whose email is gone, of one account or all."""
    owned = table != "jmap_mail_emailcontent"
    mine = " AND r.account_id = %s" if owned and account_id is not None else ""
    return sql.select(
        f"SELECT DISTINCT {'r.account_id' if owned else 'NULL'}, r.email_id FROM {table} r"
        f" WHERE NOT EXISTS (SELECT 1 FROM jmap_mail_email e WHERE e.id = r.email_id){mine} ORDER BY 2",
        [account_id] if mine else [],
    )


def usage(account_id: int) -> tuple[Any, ...] | None:
    """(emails, octets) of an account as stored and as counted; stored are 0 where there is no row."""
    rows = sql.select(
        "SELECT coalesce(q.emails, 0), coalesce(q.octets, 0), coalesce(e.emails, 0), coalesce(e.octets, 0)"
        " FROM jmap_core_account a LEFT JOIN jmap_mail_quota q ON q.account_id = a.id LEFT JOIN"
        " (SELECT account_id, count(*) AS emails, sum(size) AS octets FROM jmap_mail_email WHERE account_id = %s"
        " GROUP BY account_id) e ON e.account_id = a.id WHERE a.id = %s",
        [account_id, account_id],
    )
    return rows[0] if rows else None


def domain_usage(domains: Sequence[int]) -> Rows:
    """(domain, name, emails and octets as stored, emails and octets of its accounts added up) where they differ."""
    return sql.select(
        "SELECT * FROM (SELECT d.id, d.name, d.emails, d.octets,"
        " (SELECT coalesce(sum(q.emails), 0) FROM jmap_mail_quota q WHERE q.domain_id = d.id) AS held,"
        " (SELECT coalesce(sum(q.octets), 0) FROM jmap_mail_quota q WHERE q.domain_id = d.id) AS filled"
        f" FROM jmap_mail_domain d WHERE d.id IN ({sql.marks(domains)})) x"
        " WHERE emails <> held OR octets <> filled",
        domains,
    )
