"""All raw SQL of mail's writes, each statement beside what it saves over QuerySets; reads are in ``mail.queries.sql``.

Rules kept here: one wording for PostgreSQL and SQLite wherever both take it; values travel as parameters; a
statement is
here because it is set-based where QuerySets would need one statement for each row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from jmap import sql
from mail.models import Email
from mail.models.email import KEYWORD_COLUMNS

_EMAIL = "e.id, e.thread_id, e.blob_id, e.received_at, e.created_modseq, e.has_other_keywords, e.size, " + ", ".join(
    f"e.{column}" for column in KEYWORD_COLUMNS.values()
)


def held(account_id: int, keys: Iterable[int]) -> list[tuple[Any, ...]]:
    """What a change of emails needs to know: (id, thread, blob, received_at, created_modseq, has_other_keywords,
    size, the common keywords …, mailboxes joined by commas). 0.4 ms for one email against 1.0 for two QuerySets.
    """
    joined = (
        "string_agg(m.mailbox_id::text, ',')" if connection.vendor == "postgresql" else "group_concat(m.mailbox_id)"
    )
    found: list[tuple[Any, ...]] = []
    for given, parameters in sql.tables((key,) for key in set(keys)):
        found += sql.select(
            f"SELECT {_EMAIL}, (SELECT {joined} FROM jmap_mail_membership m WHERE m.email_id = e.id)"
            f" FROM {given} JOIN jmap_mail_email e ON e.id = given.column1 WHERE e.account_id = %s",
            [*parameters, account_id],
        )
    return found


def mailbox_keys(account_id: int) -> list[int]:
    """The keys of all mailboxes of an account; 0.15 ms against 0.4 as a QuerySet, on the path of every new email."""
    return [key for (key,) in sql.select("SELECT id FROM jmap_mail_mailbox WHERE account_id = %s", [account_id])]


def domain_of(account_id: int) -> str | None:
    """The domain of an account's first address, its primary one where it has one; 0.15 ms against 0.6."""
    rows = sql.select(
        "SELECT d.name FROM jmap_mail_address a JOIN jmap_mail_domain d ON d.id = a.domain_id WHERE a.account_id = %s"
        " ORDER BY a.is_primary DESC, a.id LIMIT 1",
        [account_id],
    )
    return rows[0][0] if rows else None


def threads_of_references(account_id: int, keys: Sequence[bytes]) -> list[tuple[bytes, int]]:
    """(key, thread) of the known ones among keys of message ids; 0.15 ms against 0.4 as a QuerySet."""
    found: list[tuple[bytes, int]] = []
    for given, parameters in sql.tables((key,) for key in keys):
        rows = sql.select(
            f"SELECT r.key, r.thread_id FROM {given} JOIN jmap_mail_threadreference r ON r.key = given.column1"
            " AND r.account_id = %s",
            [*parameters, account_id],
        )
        found += [(bytes(key), thread) for key, thread in rows]
    return found


def threads_with_mailboxes(account_id: int, keys: Iterable[int]) -> list[tuple[Any, ...]]:
    """(key of Trash, thread, created_modseq, size, unread_live, unread_trash, mailbox, its size) of threads.

    A thread has a row for each mailbox that holds one of its emails, one with None where there is none. One statement
    against three QuerySets: 0.4 ms instead of 1.3.
    """
    found: list[tuple[Any, ...]] = []
    for given, parameters in sql.tables((key,) for key in keys):
        found += sql.select(
            "SELECT (SELECT b.id FROM jmap_mail_mailbox b WHERE b.account_id = %s AND b.role = 'trash'), t.id,"
            " t.created_modseq, t.size, t.unread_live, t.unread_trash, h.mailbox_id, h.size"
            f" FROM {given} JOIN jmap_mail_thread t ON t.id = given.column1"
            " LEFT JOIN jmap_mail_threadmailbox h ON h.thread_id = t.id",
            [account_id, *parameters],
        )
    return found


def membership_modseqs(pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """When each (mailbox, email) came to be. One statement for 100 moves: 1 ms, one for each: 25 ms."""
    found: dict[tuple[int, int], int] = {}
    for given, parameters in sql.tables(pairs):
        rows = sql.select(
            "SELECT m.mailbox_id, m.email_id, m.created_modseq FROM jmap_mail_membership m"
            f" JOIN {given} ON m.mailbox_id = given.column1 AND m.email_id = given.column2",
            parameters,
        )
        found |= {(mailbox, email): modseq for mailbox, email, modseq in rows}
    return found


def set_heads(pairs: Sequence[tuple[int, int]], is_head: bool) -> None:
    """Make each (mailbox, email) the head of its thread there, or no longer. One statement instead of one for each."""
    for given, parameters in sql.tables(pairs):
        sql.execute(
            f"UPDATE jmap_mail_membership SET is_head = {'true' if is_head else 'false'} FROM {given}"
            " WHERE jmap_mail_membership.mailbox_id = given.column1 AND jmap_mail_membership.email_id = given.column2",
            parameters,
        )


def heads(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, Any, int]]:
    """(mailbox, thread, received_at, email) of the head of each (mailbox, thread). 0.2 ms against 0.5 as a QuerySet."""
    found: list[tuple[int, int, Any, int]] = []
    for given, parameters in sql.tables(pairs):
        found += sql.select(
            f"SELECT m.mailbox_id, m.thread_id, m.received_at, m.email_id FROM {given} JOIN jmap_mail_membership m"
            " ON m.thread_id = given.column2 AND m.mailbox_id = given.column1 WHERE m.is_head",
            parameters,
        )
    return found


def newest_members(pairs: Iterable[tuple[int, int]]) -> list[tuple[int, int, datetime]]:
    """(mailbox, email, received_at) of the newest email of each (mailbox, thread), which has to hold one.

    Each pair is one step into an index, whatever the length of the thread.
    """
    found: list[tuple[int, int]] = []
    for given, parameters in sql.tables(pairs):
        found += sql.select(
            "SELECT given.column1, (SELECT m.email_id FROM jmap_mail_membership m WHERE m.thread_id = given.column2"
            " AND m.mailbox_id = given.column1 ORDER BY m.received_at DESC, m.email_id DESC LIMIT 1)"
            f" FROM {given}",
            parameters,
        )
    if not found:
        return []
    when = dict(Email.objects.filter(pk__in={email for _, email in found}).values_list("pk", "received_at"))
    return [(mailbox, email, when[email]) for mailbox, email in found]


def move_mailbox_counts(rows: Sequence[tuple[int, Sequence[int], int]]) -> None:
    """Add to the counters of mailboxes: (mailbox, (emails, unread, threads, unread threads), modseq)."""
    for given, parameters in sql.tables((mailbox, *moved, modseq) for mailbox, moved, modseq in rows):
        sql.execute(
            "UPDATE jmap_mail_mailbox SET total_emails = total_emails + given.column2,"
            " unread_emails = unread_emails + given.column3, total_threads = total_threads + given.column4,"
            f" unread_threads = unread_threads + given.column5, modseq = given.column6 FROM {given}"
            " WHERE jmap_mail_mailbox.id = given.column1",
            parameters,
        )


def recount_unread_threads(trashes: Sequence[int], trash: int | None) -> None:
    """Count the unread emails anew of each thread that has an email in the old or the new Trash."""
    unread = (
        "SELECT count(DISTINCT m.email_id) FROM jmap_mail_membership m WHERE m.thread_id = jmap_mail_thread.id"
        " AND NOT m.seen AND NOT m.draft AND m.mailbox_id"
    )
    sql.execute(
        f"UPDATE jmap_mail_thread SET unread_live = ({unread} <> %s), unread_trash = ({unread} = %s) WHERE id IN"
        f" (SELECT thread_id FROM jmap_mail_threadmailbox WHERE mailbox_id IN ({sql.marks(trashes)}))",
        [trash or 0, trash or 0, *trashes],
    )


def count_unread_threads(account_id: int, trash: int | None) -> list[tuple[int, int, int]]:
    """(mailbox, stored unread_threads, true unread_threads) of every mailbox of an account."""
    return sql.select(
        "SELECT b.id, b.unread_threads, count(t.id) FROM jmap_mail_mailbox b"
        " LEFT JOIN jmap_mail_threadmailbox h ON h.mailbox_id = b.id"
        " LEFT JOIN jmap_mail_thread t ON t.id = h.thread_id AND"
        " CASE WHEN b.id = %s THEN t.unread_trash ELSE t.unread_live END > 0"
        " WHERE b.account_id = %s GROUP BY b.id, b.unread_threads",
        [trash or 0, account_id],
    )


def usage(account_id: int) -> tuple[tuple[int | None, int, int | None, int], int | None, bool] | None:
    """((most emails, emails, most octets, octets) of an account, its domain, whether that has limits), or None.

    0.15 ms against 0.6 as a QuerySet, on the path of every new email.
    """
    rows = sql.select(
        "SELECT q.max_emails, q.emails, q.max_octets, q.octets, q.domain_id,"
        " d.max_emails IS NOT NULL OR d.max_octets IS NOT NULL"
        " FROM jmap_mail_quota q LEFT JOIN jmap_mail_domain d ON d.id = q.domain_id WHERE q.account_id = %s",
        [account_id],
    )
    return (rows[0][:4], rows[0][4], bool(rows[0][5])) if rows else None


def move_usage(account_id: int, emails: int, octets: int, modseq: int) -> tuple[bool, bool]:
    """Add to what an account and, last, its domain hold: whether the limits of either allowed it.

    Locks the domain's row, if the account has one.
    """
    given, parameters = next(iter(sql.tables([(account_id, emails, octets, modseq)])))
    own = sql.ask(
        "UPDATE jmap_mail_quota SET emails = emails + given.column2, octets = octets + given.column3,"
        f" modseq = given.column4 FROM {given} WHERE account_id = given.column1"
        f" AND {_room('jmap_mail_quota', 'given.column2', 'given.column3')} RETURNING domain_id",
        parameters,
    )
    shared = sql.ask(
        "UPDATE jmap_mail_domain SET emails = jmap_mail_domain.emails + given.column2,"
        f" octets = jmap_mail_domain.octets + given.column3 FROM {given}, jmap_mail_quota q"
        " WHERE q.account_id = given.column1 AND jmap_mail_domain.id = q.domain_id"
        f" AND {_room('jmap_mail_domain', 'given.column2', 'given.column3')} RETURNING jmap_mail_domain.id",
        parameters,
    )
    held, counted = own(), shared()
    if not held:
        # An account whose first email this is, and that no service of ours made, has no limits and no domain.
        held = sql.select(
            "INSERT INTO jmap_mail_quota (account_id, emails, octets, modseq, limits_modseq) VALUES (%s, %s, %s, %s, 0)"
            " ON CONFLICT DO NOTHING RETURNING domain_id",
            [account_id, max(emails, 0), max(octets, 0), modseq],
        )
    return bool(held), not held or held[0][0] is None or bool(counted)


def _room(table: str, emails: str, octets: str) -> str:
    """Whether both limits of a row of ``table`` allow for so much more; taking away is always allowed."""
    limits = (("emails", emails), ("octets", octets))
    return " AND ".join(
        f"({more} <= 0 OR {table}.max_{what} IS NULL OR {table}.{what} + {more} <= {table}.max_{what})"
        for what, more in limits
    )


def set_unread_threads(rows: Sequence[tuple[int, int, int]]) -> None:
    """Set unread_threads: (mailbox, count, modseq)."""
    sql.update_rows("jmap_mail_mailbox", "id", ["unread_threads", "modseq"], rows)
