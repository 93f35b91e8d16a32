"""How text conditions are answered: by the index of words first, or by a test while walking in order.

Rules kept here:
- a rare word is looked up and its emails are all there is to look at; a common one is tested email by email in the
  order of the list, since the first fifty come soon (a word in half of 20,000 emails: 0.3 ms, by the index 30);
- which of the two is decided by a capped count, never by the database's statistics;
- conditions on header fields that the index does not hold are answered before anything else, and last among their kind.
"""

from __future__ import annotations

from dataclasses import replace
from math import isqrt

from mail.mime.index import MIME_VERSION
from mail.queries import headers
from mail.queries.conditions import NEWEST_FIRST, Among, And, EmailQuery, Filter, Header, Leaf, Not, Or, Text
from mail.queries.sql import filters, lookups
from mail.queries.sql.filters import Resolver, Scope
from mail.queries.sql.fragments import Fragment
from mail.search import backend
from mail.search.tokenizer import TOKENIZER_VERSION

INDEX_VERSION = f"{MIME_VERSION}-{TOKENIZER_VERSION}"
"""What made the texts that conditions are tested against; part of the queryState of lists that depend on it."""

RARE = 500
"""Up to so many matches a text is always looked up; in large accounts up to more."""

MOST_RARE = 5_000
"""Beyond so many matches emails are tested in the order of the list."""

INDEXED_HEADERS = frozenset({"subject", "from", "to", "cc", "bcc"})
"""Header fields whose values are searched by the index of words."""


def answered(account: int, query: EmailQuery) -> EmailQuery:
    """The same query with every condition on a header field replaced by the emails that satisfy it.

    What all other conditions leave is looked at, where the header stands in an AND with them; otherwise every email.
    """
    if not any(isinstance(leaf, Header) for leaf in query.leaves):
        return query
    conjuncts = [_without_headers(account, part) if not isinstance(part, Header) else part for part in query.conjuncts]
    wanted = [_indexed(part) for part in conjuncts if isinstance(part, Header)]
    rest: tuple[Filter, ...] = tuple(part for part in conjuncts if not isinstance(part, Header))
    rest += tuple(part for part in wanted if not isinstance(part, Header))
    for header in (part for part in wanted if isinstance(part, Header)):
        candidates = None
        if rest:
            scope = Scope(account, None, by_index(account))
            candidates = [email for email, _ in filters.matches(scope, rest, NEWEST_FIRST)]
        rest = (*rest, Among(headers.matching(account, header, candidates)))
    return replace(query, filter=And(rest))


def _without_headers(account: int, part: Filter) -> Filter:
    match part:
        case And(parts) | Or(parts) | Not(parts):
            return type(part)(tuple(_without_headers(account, inner) for inner in parts))
        case Header():
            indexed = _indexed(part)
            return Among(headers.matching(account, indexed, None)) if isinstance(indexed, Header) else indexed
    return part


def _indexed(header: Header) -> Filter:
    """The condition on the index of words that says the same as one on a header field, where there is one."""
    name = header.name.lower()
    return Text(name, header.text) if header.text is not None and name in INDEXED_HEADERS else header


def listing(account: int, text: Text) -> Fragment:
    """A SELECT of the emails that hold a text."""
    statement, parameters = backend.listing(account, text.field, text.text)
    return Fragment(statement, tuple(parameters))


def rare_matches(
    account: int, query: EmailQuery, account_emails: int, common: Text | None = None
) -> tuple[Filter, ...] | None:
    """The conditions with a rare text answered by its emails; None where no text is among them or all are common.

    ``common`` is one that is known to be.
    """
    for text in query.rest:
        if isinstance(text, Text) and text != common:
            most = _rare(query, account_emails)
            found = backend.matching_ids(account, text.field, text.text, most + 1)
            if len(found) <= most:
                return (Among(tuple(found)), *(part for part in query.rest if part != text))
    return None


def _rare(query: EmailQuery, account_emails: int) -> int:
    """Up to how many matches a text is looked up: looking up costs its hits, walking the emails between the hits."""
    if _lists_all(query):
        return MOST_RARE
    return min(MOST_RARE, max(RARE, isqrt(_wanted(query) * account_emails // 2)))


def few(account: int, query: EmailQuery) -> Fragment:
    """A SELECT of up to how many matches a text is looked up: what ``_rare`` says, worked out by the database."""
    least = MOST_RARE if _lists_all(query) else RARE
    return lookups.few(account, _wanted(query), least, MOST_RARE)


def _lists_all(query: EmailQuery) -> bool:
    """Whether all that matches is needed anyway: to be listed, or to be counted where the index alone cannot."""
    return query.limit is None or (query.calculate_total and len(query.conjuncts) > 1)


def _wanted(query: EmailQuery) -> int:
    return max(50, query.position + (query.limit or 0))


def count(account: int, query: EmailQuery) -> int:
    """How many emails, or threads, match; from the index of words where a text is all there is."""
    if len(query.conjuncts) == 1 and isinstance(text := query.conjuncts[0], Text) and not query.collapse_threads:
        return backend.count(account, text.field, text.text)
    return filters.count(Scope(account, query.mailbox, _by_rarest(account, query)), query.rest, query.collapse_threads)


def by_index(account: int) -> Resolver:
    """Texts as sets of emails, which the database looks up in the index of words."""

    def resolve(scope: Scope, leaf: Leaf) -> Fragment:
        assert isinstance(leaf, Text)
        sql, parameters = backend.condition(account, leaf.field, leaf.text, scope.id)
        return Fragment(sql, tuple(parameters))

    return resolve


def _by_rarest(account: int, query: EmailQuery) -> Resolver:
    """As ``by_index``, but of several texts that must all be there only the rarest is looked up, the others are tested.

    Two sets of emails are compared with each other one by one: 72 ms against 8 (1,200 hits and 19,000).
    """
    texts = [part for part in query.rest if isinstance(part, Text)]
    if len(texts) < 2:
        return by_index(account)
    rarest = min(texts, key=lambda text: backend.capped_count(account, text.field, text.text, MOST_RARE))
    look_up, test = by_index(account), by_walk(account)
    return lambda scope, leaf: (test if leaf in texts and leaf != rarest else look_up)(scope, leaf)


def by_walk(account: int) -> Resolver:
    """Texts as a test of one email after the other."""

    def resolve(scope: Scope, leaf: Leaf) -> Fragment:
        assert isinstance(leaf, Text)
        sql, parameters = backend.row_test(account, leaf.field, leaf.text, scope.id)
        return Fragment(f"coalesce({sql}, FALSE)", tuple(parameters))

    return resolve
