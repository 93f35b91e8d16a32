"""Lists that are read in the same statement as the account's state, where no counter has to choose the way first.

    one mailbox or no filter, by date, not far down     the page
    unread, flagged, other filters and sorts            the page
    a text that is rare                                 all that matches

Rules kept here:
- the answer is the one that ``mail.queries.emails`` gives in several statements; tests hold it to that;
- one statement is of one moment by itself, so that neither a snapshot nor a round trip for the state is needed: an
  unread view 0.7 ms against 1.05, a rare word 0.8 against 1.25 (PostgreSQL, 2,000 messages).
"""

from __future__ import annotations

from dataclasses import dataclass

from mail.queries import collations, texts
from mail.queries.conditions import EmailQuery, Header, Text
from mail.queries.lists import DEEP, Pairs
from mail.queries.sql import filters, folders, lookups
from mail.queries.sql.filters import Scope
from mail.queries.sql.folders import Counters, View
from mail.queries.sql.fragments import Fragment

MOST = 250
"""Of longer pages each row would carry the state along, which costs more than another round trip."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What was read: the ids of the page, or all pairs that match, or neither, since ``common`` is no rare text."""

    known: Counters
    ids: list[int] | None = None
    pairs: Pairs | None = None
    common: Text | None = None


def read(account: int, query: EmailQuery, plain: View | None) -> Ahead | None:
    """The state and the list of a query, or None where several statements are needed.

    ``plain`` is the plain view that the query asks for, if it does. Raises MethodError accountNotFound.
    """
    if plain is not None:
        return _page(account, query, _plain(query, plain))
    if any(isinstance(leaf, Header) for leaf in query.leaves) or not all(map(collations.is_stored, query.sort)):
        return None
    text = next((part for part in query.rest if isinstance(part, Text)), None)
    if text is not None:
        return _looked_up(account, query, text)
    return _page(account, query, _walked(account, query))


def _page(account: int, query: EmailQuery, listed: Fragment | None) -> Ahead | None:
    if listed is None or query.anchor is not None or query.position < 0 or not query.limit:
        return None
    if query.limit > MOST:
        return None
    known, rows = folders.with_rows(account, query.mailbox, listed)
    return Ahead(known, ids=[row[0] for row in rows])


def _plain(query: EmailQuery, view: View) -> Fragment | None:
    if query.position >= DEEP or (query.calculate_total and view.mailbox is None):
        return None
    return folders.listing(view, query.position, query.limit)


def _walked(account: int, query: EmailQuery) -> Fragment | None:
    if query.collapse_threads or query.calculate_total:
        return None
    if any(isinstance(leaf, Text) for leaf in query.leaves) or (query.mailbox is not None and not query.rest):
        return None
    scope = Scope(account, query.mailbox, texts.by_walk(account))
    return filters.listing(scope, query.rest, query.sort, query.limit, query.position)


def _looked_up(account: int, query: EmailQuery, text: Text) -> Ahead:
    """All emails that match, if those that hold the text are few; how many are few depends on the account's size."""
    listed = lookups.looked_up(
        Scope(account, query.mailbox, texts.by_walk(account)),
        texts.listing(account, text),
        texts.few(account, query),
        [part for part in query.rest if part != text],
        query.sort,
        texts.MOST_RARE,
    )
    known, rows = folders.with_rows(account, query.mailbox, listed)
    if rows and not rows[0][0]:
        return Ahead(known, common=text)
    return Ahead(known, pairs=[(email, thread) for _, email, thread in rows if email is not None])
