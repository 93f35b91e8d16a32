"""Conditions and sort keys as SQL over memberships and emails (RFC 8621 §4.4.1, §4.4.2).

Rules kept here:
- a list is driven by the memberships of one mailbox (m) or by the emails of the account (e); what both tables hold is
  read from the driver, and the email is joined only for what it alone holds;
- a condition on a thread is a set of threads: the few that have the rarer of "has the keyword" and "has it not";
- every condition is true or false, never NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from mail.models.email import KEYWORD_COLUMNS
from mail.queries import conditions as asked
from mail.queries.sql.folders import window
from mail.queries.sql.fragments import Fragment, among, conjunction, in_few, join, moment, template

Resolver = Callable[["Scope", asked.Leaf], Fragment]
"""Makes the condition of a leaf that the search index, not this module, can answer."""

SHARED = frozenset({"received_at", "thread_id", *KEYWORD_COLUMNS.values()})
"""Columns of Email that Membership copies."""


@dataclass(slots=True)
class Scope:
    """The rows that a statement runs over: emails of an account, or memberships of one of its mailboxes.

    That the mailbox is the account's has been checked: the account is in no index of memberships.
    """

    account: int
    mailbox: int | None
    resolve: Resolver
    walk: str | None = None
    """Where a mailbox is asked for but the account's index of this sort is walked: the property of the sort."""
    joins_email: bool = field(default=False, init=False)

    @property
    def by_membership(self) -> bool:
        """Whether memberships drive the statement."""
        return self.mailbox is not None and self.walk is None

    @property
    def id(self) -> str:
        """The column of the email's key."""
        return "m.email_id" if self.by_membership else "e.id"

    def column(self, name: str) -> str:
        """A column of the email, from the membership where that has a copy."""
        if self.by_membership and name in SHARED:
            return f"m.{name}"
        self.joins_email = True
        return f"e.{name}"

    def source(self, conditions: Sequence[Fragment]) -> Fragment:
        """FROM and WHERE; make all fragments of the statement first, since they decide what is joined."""
        if self.by_membership:
            joined = " JOIN jmap_mail_email e ON e.id = m.email_id" if self.joins_email else ""
            base = Fragment("m.mailbox_id = %s", (self.mailbox,))
            return template(f"FROM jmap_mail_membership m{joined} WHERE {{}}", conjunction([base, *conditions]))
        own = [Fragment("e.account_id = %s", (self.account,))]
        if self.mailbox is not None:
            # A scalar sub-select is tested row by row as the index is walked; an EXISTS may be turned into a join.
            member = "SELECT m.email_id FROM jmap_mail_membership m WHERE m.mailbox_id = %s AND m.email_id = e.id"
            own.append(Fragment(f"({member}) IS NOT NULL", (self.mailbox,)))
        return template("FROM jmap_mail_email e WHERE {}", conjunction([*own, *conditions]))


def condition(scope: Scope, part: asked.Filter, required: bool = False) -> Fragment:
    """A filter as one condition; ``required``: nothing matches without it."""
    match part:
        case asked.And(parts):
            return _grouped(" AND ", [condition(scope, inner) for inner in parts], "TRUE")
        case asked.Or(parts):
            return _grouped(" OR ", [condition(scope, inner) for inner in parts], "FALSE")
        case asked.Not(parts):
            return template("NOT {}", condition(scope, asked.Or(parts)))
        case asked.InMailbox(mailbox):
            return Fragment(
                f"{scope.id} IN (SELECT i.email_id FROM jmap_mail_membership i"
                " WHERE i.mailbox_id = %s AND i.account_id = %s)",
                (mailbox, scope.account),
            )
        case asked.InMailboxOtherThan(mailboxes):
            listed = among("o.mailbox_id", mailboxes)
            return template(
                f"EXISTS (SELECT 1 FROM jmap_mail_membership o WHERE o.email_id = {scope.id} AND NOT {{}})", listed
            )
        case asked.Before(when):
            return Fragment(f"{scope.column('received_at')} < %s", (moment(when),))
        case asked.After(when):
            return Fragment(f"{scope.column('received_at')} >= %s", (moment(when),))
        case asked.MinSize(octets):
            return Fragment(f"{scope.column('size')} >= %s", (octets,))
        case asked.MaxSize(octets):
            return Fragment(f"{scope.column('size')} < %s", (octets,))
        case asked.HasAttachment(value):
            return Fragment(f"{'' if value else 'NOT '}{scope.column('has_attachment')}")
        case asked.HasKeyword(keyword):
            return has_keyword(scope, keyword)
        case asked.ThreadKeyword(quantity, keyword):
            return thread_keyword(scope, quantity, keyword, required)
        case asked.Among(emails):
            return among(scope.id, emails)
        case asked.Text() | asked.Header():
            return scope.resolve(scope, part)


def _grouped(operator: str, parts: Sequence[Fragment], empty: str) -> Fragment:
    return template("({})", join(operator, parts)) if parts else Fragment(empty)


def has_keyword(scope: Scope, keyword: str) -> Fragment:
    """The email has a keyword."""
    column = KEYWORD_COLUMNS.get(keyword)
    if column is not None:
        return Fragment(scope.column(column))
    return Fragment(
        f"{scope.id} IN (SELECT k.email_id FROM jmap_mail_emailkeyword k WHERE k.account_id = %s AND k.keyword = %s)",
        (scope.account, keyword),
    )


def thread_keyword(scope: Scope, quantity: str, keyword: str, required: bool = False) -> Fragment:
    """All, some or none of the emails in the email's thread have a keyword (RFC 8621 §4.4.1)."""
    thread = scope.column("thread_id")
    if quantity == "some":
        return _in_threads(thread, threads_with(scope.account, keyword, True), required and is_rare(keyword, True))
    # No email of the thread is an exception: one that lacks the keyword ("all") or that has it ("none").
    exceptional = quantity == "none"
    if not is_rare(keyword, not exceptional):
        return template(f"{thread} NOT IN ({{}})", threads_with(scope.account, keyword, exceptional))
    few = threads_with(scope.account, keyword, not exceptional)
    return template(
        f"({{}} AND {thread} NOT IN (SELECT x.thread_id FROM jmap_mail_email x"
        f" WHERE {{}} AND {'' if exceptional else 'NOT '}{{}}))",
        _in_threads(thread, few, required),
        in_few("x.thread_id", few),
        _row_has(keyword),
    )


def _in_threads(thread: str, threads: Fragment, few: bool) -> Fragment:
    return in_few(thread, threads) if few else template(f"{thread} IN ({{}})", threads)


def is_rare(keyword: str, has: bool) -> bool:
    """Whether an index lists the emails that have a keyword, or that have it not."""
    return (keyword == "$seen") != has and (keyword in {"$seen", "$flagged"} or keyword not in KEYWORD_COLUMNS)


def threads_with(account: int, keyword: str, has: bool) -> Fragment:
    """A SELECT of the threads with an email that has a keyword, or one that has it not."""
    if is_rare(keyword, has) and keyword not in KEYWORD_COLUMNS:
        return Fragment(
            "SELECT x.thread_id FROM jmap_mail_emailkeyword k JOIN jmap_mail_email x ON x.id = k.email_id"
            " WHERE k.account_id = %s AND k.keyword = %s",
            (account, keyword),
        )
    if is_rare(keyword, has):
        # Every email is in a mailbox, so the partial indexes of the mailboxes list them all.
        column = KEYWORD_COLUMNS[keyword]
        return Fragment(
            f"SELECT x.thread_id FROM jmap_mail_membership x WHERE {'' if has else 'NOT '}x.{column}"
            " AND x.mailbox_id IN (SELECT b.id FROM jmap_mail_mailbox b WHERE b.account_id = %s)",
            (account,),
        )
    negation = "" if has else "NOT "
    return template(
        f"SELECT x.thread_id FROM jmap_mail_email x WHERE {{}} AND {negation}{{}}",
        Fragment("x.account_id = %s", (account,)),
        _row_has(keyword),
    )


def _row_has(keyword: str) -> Fragment:
    """The email x has a keyword."""
    column = KEYWORD_COLUMNS.get(keyword)
    if column is not None:
        return Fragment(f"x.{column}")
    return Fragment(
        "EXISTS (SELECT 1 FROM jmap_mail_emailkeyword k WHERE k.email_id = x.id AND k.keyword = %s)", (keyword,)
    )


SORT_COLUMNS = {
    "received_at": "received_at",
    "sent_at": "sent_at",
    "size": "size",
    "from": "from_key",
    "to": "to_key",
    "subject": "subject_key",
}


def sort_value(scope: Scope, key: asked.SortKey) -> Fragment:
    """What a comparator compares."""
    match key.property:
        case "has_keyword":
            return has_keyword(scope, key.keyword)
        case "all_in_thread":
            return thread_keyword(scope, "all", key.keyword)
        case "some_in_thread":
            return thread_keyword(scope, "some", key.keyword)
        case name:
            return Fragment(scope.column(SORT_COLUMNS[name]))


def order(scope: Scope, sort: Sequence[asked.SortKey]) -> Fragment:
    """The ORDER BY of a sort, total by the email's key; an email without Date counts as later than all others."""
    parts = []
    for key in sort:
        value = sort_value(scope, key)
        nulls = "" if key.property != "sent_at" else " NULLS LAST" if key.ascending else " NULLS FIRST"
        parts.append(Fragment(f"{value.sql} {_direction(key)}{nulls}", value.parameters))
    parts.append(Fragment(f"{scope.id} {_direction(sort[-1])}"))
    return template("ORDER BY {}", join(", ", parts))


def _direction(key: asked.SortKey) -> str:
    return "ASC" if key.ascending else "DESC"


def matches(
    scope: Scope,
    filter: Sequence[asked.Filter],
    sort: Sequence[asked.SortKey],
    limit: int | None = None,
    offset: int = 0,
) -> list[tuple[int, int]]:
    """(email, thread) of what matches, in order."""
    return cast(list[tuple[int, int]], listing(scope, filter, sort, limit, offset).rows())


def listing(
    scope: Scope,
    filter: Sequence[asked.Filter],
    sort: Sequence[asked.SortKey],
    limit: int | None = None,
    offset: int = 0,
    also: Sequence[Fragment] = (),
) -> Fragment:
    """The SELECT behind ``matches``; ``also`` are further conditions, over ``scope.id`` alone."""
    conditions = [*also, *(condition(scope, part, required=True) for part in filter)]
    thread = scope.column("thread_id")
    ordered = order(scope, sort)
    source = scope.source(conditions)
    return template(f"SELECT {scope.id}, {thread} {{}} {{}}{window(offset, limit)}", source, ordered)


def count(scope: Scope, filter: Sequence[asked.Filter], threads: bool) -> int:
    """How many emails match, or how many threads have one that does."""
    conditions = [condition(scope, part, required=True) for part in filter]
    counted = f"DISTINCT {scope.column('thread_id')}" if threads else "*"
    return int(template(f"SELECT count({counted}) {{}}", scope.source(conditions)).rows()[0][0])


def matches_with_keys(
    scope: Scope, filter: Sequence[asked.Filter], sort: Sequence[asked.SortKey]
) -> list[tuple[Any, ...]]:
    """(email, thread, stored properties, value of each sort key) of what matches, in no order."""
    conditions = [condition(scope, part, required=True) for part in filter]
    thread = scope.column("thread_id")
    keys = [sort_value(scope, key) for key in sort]
    numbered = "".join(f", k{number}" for number in range(len(keys)))
    named = [Fragment(f"{scope.id} AS email, {thread} AS thread")]
    named += [Fragment(f"{key.sql} AS k{number}", key.parameters) for number, key in enumerate(keys)]
    return template(
        f"SELECT r.email, r.thread, c.properties{numbered} FROM (SELECT {{}} {{}}) AS r"
        " JOIN jmap_mail_emailcontent c ON c.email_id = r.email",
        join(", ", named),
        scope.source(conditions),
    ).rows()
