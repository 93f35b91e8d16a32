"""Email/query: which emails, in which order, which stretch of them (RFC 8621 §4.4, RFC 8620 §5.5).

``run`` chooses how the list is had, from what the query asks and from counters, never by hoping for the database's
planner. What needs no counter is read in one statement (``mail.queries.ahead``); otherwise:

    one mailbox or no filter, by date             PlainList: one index walk, counts by day
    one mailbox, few with a keyword first         KeywordFirstList
    rare words                                    their emails first, then everything else about them
    common words, unread, flagged, other sorts    WalkedList: in order, only as far as asked
    anything else                                 WholeList: all that matches, sorted

Rules kept here:
- every choice gives the same answer; WholeList is the one that the others are tested against;
- a mailbox that is not in the account holds no emails: RFC 8621 names no error for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from jmap.protocol.errors import MethodError
from jmap.store import format_state
from mail.queries import ahead, collations, lists, texts
from mail.queries.conditions import (
    EVERYTHING,
    EmailQuery,
    Filter,
    HasKeyword,
    Not,
    SortKey,
    Text,
    ThreadKeyword,
)
from mail.queries.lists import EmailList, EmptyList, KeywordFirstList, Pairs, PlainList, WalkedList, WholeList
from mail.queries.sql import filters, folders
from mail.queries.sql.filters import Scope
from mail.queries.sql.folders import Counters, View

FEW = 5_000
"""Emails that KeywordFirstList keeps in memory."""

STEP_COST = 4
"""How many rows are sorted in the time of one step of a walk that tests for the mailbox."""

INDEXED_SORTS = frozenset({"size", "sent_at", "from", "to", "subject"})
"""Sorts with an index over the account."""


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list; ``total`` only where it was asked for."""

    ids: list[int]
    position: int
    total: int | None
    query_state: str
    can_calculate_changes: bool = True


def run(account: int, query: EmailQuery, snapshot: Callable[[], None] = lambda: None) -> Page:
    """Answer an Email/query of an account; ``snapshot`` is called before what takes several statements.

    Raises MethodError anchorNotFound, accountNotFound; unsupportedFilter where the search index refuses a text.
    """
    first = ahead.read(account, query, plain_view(account, query))
    if first is not None and first.ids is not None:
        length = first.known.threads if query.collapse_threads else first.known.emails
        total = (length or 0) if query.calculate_total else None
        return Page(first.ids, query.position, total, state_of(first.known, query))
    if first is not None and first.pairs is not None:
        return _page(query, first.known, WholeList(partial(list, first.pairs), query.collapse_threads))
    snapshot()
    known = open_account(account, query)
    return _page(query, known, choose(account, query, known, None if first is None else first.common))


def _page(query: EmailQuery, known: Counters, found: EmailList) -> Page:
    """The stretch of a list that a query asks for."""
    total = found.total() if query.calculate_total or (query.anchor is None and query.position < 0) else None
    if query.anchor is not None:
        index = found.index_of(query.anchor)
        if index is None:
            raise MethodError("anchorNotFound")
        start = max(0, index + query.anchor_offset)
    elif query.position < 0 and total is not None:
        start = max(0, total + query.position)
    else:
        start = query.position
    ids = [] if query.limit == 0 else found.slice(start, query.limit)
    return Page(ids, start, total if query.calculate_total else None, state_of(known, query))


def open_account(account: int, query: EmailQuery) -> Counters:
    """What stands before any query. Raises MethodError accountNotFound."""
    return folders.counters(account, query.mailbox)


def state_of(known: Counters, query: EmailQuery) -> str:
    """The queryState: the state of Email, and what derived the search index where that decides (RFC 8620 §5.5)."""
    state = format_state(known.epoch, known.modseq)
    return f"{state}.{texts.INDEX_VERSION}" if query.uses_index else state


def choose(account: int, query: EmailQuery, known: Counters, common: Text | None = None) -> EmailList:
    """The cheapest way to have the list; ``common`` is a text of it that is known not to be rare."""
    if query.mailbox is not None and known.emails is None:
        return EmptyList()
    query = texts.answered(account, query)
    plain = plain_view(account, query)
    if plain is not None:
        return PlainList(plain, known.threads if query.collapse_threads else known.emails)
    few_first = _keyword_first(account, query, known)
    if few_first is not None:
        return few_first
    rare = texts.rare_matches(account, query, known.account_emails, common)
    if rare is not None:
        return whole_list(account, query, rare)
    if query.anchor is not None or query.position < 0 or not all(map(collations.is_stored, query.sort)):
        return whole_list(account, query)
    if query.collapse_threads and query.calculate_total and query.rest:
        return whole_list(account, query)
    walk = query.sort[0].property if _walks_account(query, known) else None
    scope = partial(Scope, account, query.mailbox, texts.by_walk(account), walk)
    return WalkedList(query, scope, partial(_count, account, query, known))


def plain_view(account: int, query: EmailQuery) -> View | None:
    """The plain view that a query asks for, if it does: no condition but one mailbox or none, by date alone."""
    if query.rest or not query.is_by_date:
        return None
    ascending = query.sort[0].ascending
    if query.collapse_threads and (ascending or query.mailbox is None):
        return None
    return View(account, query.mailbox, query.collapse_threads, ascending)


def whole_list(account: int, query: EmailQuery, among: tuple[Filter, ...] | None = None) -> WholeList:
    """The general path; ``among`` stands in for the conditions where the search index answered some of them."""
    return WholeList(partial(whole, account, query, among), query.collapse_threads)


def whole(account: int, query: EmailQuery, among: tuple[Filter, ...] | None = None) -> Pairs:
    """All matches in order, not collapsed."""
    query = texts.answered(account, query)
    resolve = texts.by_index(account) if among is None else texts.by_walk(account)
    scope = Scope(account, query.mailbox, resolve)
    conditions = query.rest if among is None else among
    if all(map(collations.is_stored, query.sort)):
        return filters.matches(scope, conditions, query.sort)
    return collations.matches(scope, conditions, query.sort)


def _count(account: int, query: EmailQuery, known: Counters) -> int:
    """How long a list is: from a counter where there is nothing but a mailbox, or nothing at all."""
    if query.rest:
        return texts.count(account, query)
    if query.mailbox is not None:
        return (known.threads if query.collapse_threads else known.emails) or 0
    if query.collapse_threads:
        return folders.threads_of_account(account)
    return folders.total(View(account, None, False, False))


def _walks_account(query: EmailQuery, known: Counters) -> bool:
    """Whether to walk the account's index of the sort and test for the mailbox, rather than sort the mailbox.

    20,000 emails by subject, two thirds of them in the mailbox: 0.6 ms against 22.
    """
    if query.mailbox is None or query.rest or query.limit is None or query.sort[0].property not in INDEXED_SORTS:
        return False
    wanted = (query.position + query.limit) * (2 if query.collapse_threads else 1)
    steps = wanted * known.account_emails // max(1, known.emails or 0)
    # At worst all of the account is walked: not where the mailbox is a small part of it.
    return STEP_COST * max(steps, known.account_emails // 16) <= (known.emails or 0)


def _keyword_first(account: int, query: EmailQuery, known: Counters) -> KeywordFirstList | None:
    """A mailbox by one keyword and then by date, where the emails that stand out are few."""
    if query.rest or query.mailbox is None or query.anchor is not None or len(query.sort) != 2:
        return None
    key, second = query.sort
    if second != SortKey("received_at", ascending=False) or (key.property == "has_keyword" and query.collapse_threads):
        return None
    standing_out = _standing_out(key)
    if standing_out is None:
        return None
    condition, has = standing_out
    scope = Scope(account, query.mailbox, texts.by_index(account))
    few = lists.few_by_date(scope, (condition,), query.collapse_threads, FEW)
    if few is None:
        return None
    view = View(account, query.mailbox, query.collapse_threads, False)
    length = (known.threads if query.collapse_threads else known.emails) or 0
    return KeywordFirstList(view, few, has != key.ascending, length)


def _standing_out(key: SortKey) -> tuple[Filter, bool] | None:
    """The rarer side of a keyword sort as a condition, and whether it is the side that has the keyword."""
    keyword = key.keyword
    match key.property:
        case "has_keyword" if filters.is_rare(keyword, True):
            return HasKeyword(keyword), True
        case "has_keyword" if filters.is_rare(keyword, False):
            return Not((HasKeyword(keyword),)), False
        case "some_in_thread" if filters.is_rare(keyword, True):
            return ThreadKeyword("some", keyword), True
        case "all_in_thread" if filters.is_rare(keyword, True):
            return ThreadKeyword("all", keyword), True
        case "all_in_thread" if filters.is_rare(keyword, False):
            return Not((ThreadKeyword("all", keyword),)), False
    return None


__all__ = ["EVERYTHING", "EmailQuery", "Page", "choose", "open_account", "plain_view", "run", "state_of", "whole"]
