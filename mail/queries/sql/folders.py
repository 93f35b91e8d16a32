"""Plain views: a mailbox or the whole account in the order of receivedAt, at any position.

Rules kept here:
- a page is one walk of one covering index; DayCount says how much of it to skip, so a page at position 100,000 costs
  little more than the first one (OFFSET skips 10,000 rows in 1 ms, DayCount five years of days in 0.7);
- the head of a thread is its newest email in the mailbox: heads are the collapsed list where the newest come first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jmap.protocol.errors import MethodError
from mail.queries.sql.fragments import Fragment, day_of, stamp, start_of, template, values

ACCOUNT_KEY = 0
"""The mailbox key under which the whole account is counted by day."""

Place = tuple[Any, int]
"""(received_at, email): where an email stands in a view."""


@dataclass(frozen=True, slots=True)
class Counters:
    """What is known before a query runs: the account's state, and the mailbox's counters (None: no such mailbox)."""

    epoch: int
    modseq: int
    emails: int | None
    threads: int | None
    account_emails: int
    """Memberships of all mailboxes together: about the emails of the account."""


@dataclass(frozen=True, slots=True)
class View:
    """A mailbox of an account, or the account as a whole (``mailbox`` None); all emails, or thread heads alone."""

    account: int
    mailbox: int | None
    heads: bool
    ascending: bool

    @property
    def source(self) -> Fragment:
        """FROM and WHERE; the row is called x."""
        if self.mailbox is None:
            return Fragment("FROM jmap_mail_email x WHERE x.account_id = %s", (self.account,))
        heads = " AND x.is_head" if self.heads else ""
        return Fragment(f"FROM jmap_mail_membership x WHERE x.mailbox_id = %s{heads}", (self.mailbox,))

    @property
    def key(self) -> str:
        """The column of the email's key."""
        return "x.id" if self.mailbox is None else "x.email_id"

    @property
    def counted(self) -> str:
        """The column of DayCount that counts this view."""
        return "heads" if self.heads else "members"

    @property
    def count_key(self) -> int:
        """The mailbox key of DayCount."""
        return ACCOUNT_KEY if self.mailbox is None else self.mailbox

    @property
    def direction(self) -> str:
        return "ASC" if self.ascending else "DESC"

    @property
    def later(self) -> str:
        """The operator between what stands later in the list and what stands earlier."""
        return ">" if self.ascending else "<"

    @property
    def earlier(self) -> str:
        return "<" if self.ascending else ">"


_EMAILS_OF_ACCOUNT = "(SELECT coalesce(sum(o.total_emails), 0) FROM jmap_mail_mailbox o WHERE o.account_id = a.id)"
# A sum is a numeric on PostgreSQL, which takes a microsecond to read and stands in each row.
_KNOWN = f"a.epoch, coalesce(s.modseq, 0), b.total_emails, b.total_threads, CAST({_EMAILS_OF_ACCOUNT} AS bigint)"
_OF_ACCOUNT = (
    " FROM jmap_core_account a"
    " LEFT JOIN jmap_core_typestate s ON s.account_id = a.id AND s.type = 'Email'"
    " LEFT JOIN jmap_mail_mailbox b ON b.account_id = a.id AND b.id = %s"
)


def counters(account: int, mailbox: int | None) -> Counters:
    """State and counters in one statement. Raises MethodError accountNotFound."""
    return with_rows(account, mailbox, None)[0]


def with_rows(account: int, mailbox: int | None, listed: Fragment | None) -> tuple[Counters, list[tuple[Any, ...]]]:
    """State and counters with the rows of another SELECT, of one moment, since it is one statement.

    The SELECT is ordered and has a LIMIT, so that neither database merges it into the statement and loses its order.
    Its rows mean nothing where ``Counters.emails`` says that the mailbox is not the account's: they are left out then.
    Raises MethodError accountNotFound.
    """
    join = Fragment("") if listed is None else template(" LEFT JOIN ({}) AS listed ON TRUE", listed)
    rows = Fragment(
        f"SELECT {_KNOWN}{'' if listed is None else ', listed.*'}{_OF_ACCOUNT}{join.sql} WHERE a.id = %s",
        (-1 if mailbox is None else mailbox, *join.parameters, account),
    ).rows()
    if not rows:
        raise MethodError("accountNotFound")
    epoch, modseq, emails, threads, account_emails = rows[0][:5]
    known = Counters(epoch, modseq, emails, threads, account_emails)
    if listed is None or (mailbox is not None and emails is None):
        return known, []
    return known, [row[5:] for row in rows if row[5] is not None]


def page(view: View, offset: int, limit: int | None, since: Place | None = None, day: int | None = None) -> list[int]:
    """Keys of a stretch of a view: from a place on (itself included) or from a day on, some of them skipped."""
    return [row[0] for row in listing(view, offset, limit, since, day).rows()]


def listing(view: View, offset: int, limit: int | None, since: Place | None = None, day: int | None = None) -> Fragment:
    """The SELECT behind ``page``."""
    source, more, parameters = view.source, "", []
    if since is not None:
        more = f" AND (x.received_at, {view.key}) {view.later}= (%s, %s)"
        parameters = list(since)
    elif day is not None:
        more = f" AND x.received_at {'>=' if view.ascending else '<'} %s"
        parameters = [start_of(day if view.ascending else day + 1)]
    return Fragment(
        f"SELECT {view.key} {source.sql}{more} ORDER BY x.received_at {view.direction}, {view.key} {view.direction}"
        f"{window(offset, limit)}",
        (*source.parameters, *parameters),
    )


def window(offset: int, limit: int | None) -> str:
    """LIMIT and OFFSET, as text."""
    most = "" if limit is None else f" LIMIT {int(limit)}"
    if not offset:
        return most
    return f"{most or ' LIMIT 9223372036854775807'} OFFSET {int(offset)}"


def day_at(view: View, position: int) -> tuple[int, int] | None:
    """The day in which a position lies, and the position at which that day begins; None beyond the end."""
    rows = Fragment(
        f"SELECT day, upto - {view.counted} FROM (SELECT day, {view.counted},"
        f" sum({view.counted}) OVER (ORDER BY day {view.direction} ROWS UNBOUNDED PRECEDING) AS upto"
        " FROM jmap_mail_daycount WHERE account_id = %s AND mailbox_key = %s) AS days WHERE upto > %s"
        f" ORDER BY day {view.direction} LIMIT 1",
        (view.account, view.count_key, position),
    ).rows()
    return (rows[0][0], int(rows[0][1])) if rows else None


def total(view: View) -> int:
    """How many emails a view has, from its days."""
    rows = Fragment(
        f"SELECT coalesce(sum({view.counted}), 0) FROM jmap_mail_daycount WHERE account_id = %s AND mailbox_key = %s",
        (view.account, view.count_key),
    ).rows()
    return int(rows[0][0])


def threads_of_account(account: int) -> int:
    """How many threads an account has."""
    rows = Fragment("SELECT count(*) FROM jmap_mail_thread WHERE account_id = %s", (account,)).rows()
    return int(rows[0][0])


def place(view: View, email: int) -> Place | None:
    """Where an email stands in a view, or None where it is not in it."""
    source = view.source
    rows = Fragment(
        f"SELECT x.received_at, {view.key} {source.sql} AND {view.key} = %s", (*source.parameters, email)
    ).rows()
    return (stamp(rows[0][0]), rows[0][1]) if rows else None


def ranks(view: View, places: Sequence[Place]) -> list[int]:
    """The index of each place in a view, for places in the order of the view, each once.

    Two statements: the days before, then the emails before each place inside its day, every row of a day once.
    """
    if not places:
        return []
    days = [day_of(at) for at, _ in places]
    before = _days_before(view, sorted(set(days)))
    spans = []
    for number, ((at, email), day) in enumerate(zip(places, days, strict=True)):
        first = number == 0 or days[number - 1] != day
        edge = start_of(day if view.ascending else day + 1)
        spans.append((at, email, edge if first else places[number - 1][0], None if first else places[number - 1][1]))
    between = _rows_between(view, spans)
    found: list[int] = []
    for number, day in enumerate(days):
        if number and days[number - 1] == day:
            found.append(found[-1] + 1 + between[number])
        else:
            found.append(before[day] + between[number])
    return found


def _days_before(view: View, days: Sequence[int]) -> dict[int, int]:
    """How many emails of a view stand before each day; the days ascend."""
    nearest, farthest = (days[0], days[-1]) if not view.ascending else (days[-1], days[0])
    where = f"account_id = %s AND mailbox_key = %s AND day {view.earlier}"
    if len(days) == 1:
        rows = Fragment(
            f"SELECT coalesce(sum({view.counted}), 0) FROM jmap_mail_daycount WHERE {where} %s",
            (view.account, view.count_key, nearest),
        ).rows()
        return {nearest: int(rows[0][0])}
    counted = Fragment(
        f"SELECT day, {view.counted} FROM jmap_mail_daycount WHERE {where} %s ORDER BY day {view.direction}",
        (view.account, view.count_key, nearest),
    ).rows()
    found, so_far, position = {}, 0, 0
    for day in days if view.ascending else reversed(days):
        while position < len(counted) and (counted[position][0] - day) * (1 if view.ascending else -1) < 0:
            so_far += counted[position][1]
            position += 1
        found[day] = so_far
    assert farthest in found
    return found


def _rows_between(view: View, spans: Sequence[tuple[Any, int, Any, int | None]]) -> list[int]:
    """How many rows stand before each place and after the one before it, or after the edge of its day."""
    found: list[int] = []
    source = view.source
    # An edge is a moment that no row of the day reaches: with it goes a key that stands beyond every email's.
    beyond = -1 if view.ascending else 0
    for start in range(0, len(spans), 1000):
        given = values(
            [
                (number, at, email, edge, beyond if key is None else key)
                for number, (at, email, edge, key) in enumerate(spans[start : start + 1000])
            ],
            ("bigint", "timestamptz", "bigint", "timestamptz", "bigint"),
        )
        rows = Fragment(
            f"SELECT (SELECT count(*) {source.sql}"
            f" AND (x.received_at, {view.key}) {view.earlier} (given.column2, given.column3)"
            f" AND (x.received_at, {view.key}) {view.later} (given.column4, given.column5))"
            f" FROM {given.sql} AS given ORDER BY given.column1",
            (*source.parameters, *given.parameters),
        ).rows()
        found += [row[0] for row in rows]
    return found
