"""Email/queryChanges: how a list moved since a state, exactly (RFC 8621 §4.5, RFC 8620 §5.6).

Exact means: a client that takes ``removed`` out of the list of that state and puts ``added`` in, lowest index first,
has what a fresh query gives.

Rules kept here:
- a plain view, collapsed or not, costs what the change costs: the heads that its touched threads had then come from
  membership rows and their history (created before the state, removed after it), indexes from the counts by day;
- membership of one mailbox has its history, all else but keywords never changes: such lists report what came and went;
- where keywords, or several mailboxes, decide, ``removed`` is every email of what was touched (whole threads, where
  threads decide) and ``added`` those of them that are in the list now;
- upToId counts only where filter and sort are immutable, which a mailbox and a keyword are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from jmap.protocol.errors import MethodError
from jmap.store import known_since
from mail.queries import emails, texts
from mail.queries.conditions import EmailQuery, InMailbox, InMailboxOtherThan, ThreadKeyword
from mail.queries.lists import first_of_threads
from mail.queries.sql import folders, history
from mail.queries.sql.folders import Counters, View
from mail.queries.sql.history import Event


@dataclass(frozen=True, slots=True)
class Changes:
    """What moved: ``added`` holds (index, email), ascending; ``total`` only where it was asked for."""

    old_state: str
    new_state: str
    removed: list[int]
    added: list[tuple[int, int]]
    total: int | None


@dataclass(slots=True)
class _Moved:
    """Emails to take out, and those to put in at the index where they are now."""

    removed: list[int]
    added: list[tuple[int, int]]
    total: int | None = None


def run(
    account: int, query: EmailQuery, since: str, max_changes: int | None = None, up_to: int | None = None
) -> Changes:
    """Answer an Email/queryChanges; the window and anchor of ``query`` do not count.

    Raises MethodError cannotCalculateChanges, tooManyChanges, accountNotFound.
    """
    query = replace(query, position=0, anchor=None, anchor_offset=0, limit=None)
    known = emails.open_account(account, query)
    now = emails.state_of(known, query)
    if since == now:
        moved = _Moved([], [])
    else:
        modseq = _modseq(account, query, since)
        view = emails.plain_view(account, query)
        if view is None or (view.mailbox is not None and known.emails is None):
            moved = _general(account, query, known, modseq, up_to)
        elif view.heads:
            moved = _plain_heads(view, modseq, max_changes)
        else:
            moved = _plain(view, modseq, max_changes, up_to)
    _check(moved, max_changes)
    total = None
    if query.calculate_total:
        total = emails.choose(account, query, known).total() if moved.total is None else moved.total
    return Changes(since, now, moved.removed, moved.added, total)


def _check(moved: _Moved, max_changes: int | None) -> None:
    _check_size(len(moved.removed) + len(moved.added), max_changes)


def _check_size(size: int, max_changes: int | None) -> None:
    if max_changes is not None and size > max_changes:
        raise MethodError("tooManyChanges", f"there are more than {max_changes} changes")


def _modseq(account: int, query: EmailQuery, since: str) -> int:
    state = since
    if query.uses_index:
        state, _, version = since.partition(".")
        if version != texts.INDEX_VERSION:
            raise MethodError("cannotCalculateChanges", "the search index has changed since")
    return known_since(account, "Email", state)[1]


# ---------------------------------------------------------------------------------------------------------- plain views


def _plain(view: View, since: int, max_changes: int | None, up_to: int | None) -> _Moved:
    """What a mailbox or the account gained and lost, each at its place."""
    gained, lost = history.moves(view.account, view.mailbox, since)
    end = None if view.mailbox is not None or up_to is None else folders.place(view, up_to)
    came = [event for event in gained.values() if _stands_before(view, event, end)]
    went = [event for event in lost.values() if _stands_before(view, event, end)]
    _check_size(len(came) + len(went), max_changes)
    return _Moved([event.email for event in went], _ranked(view, came))


def _plain_heads(view: View, since: int, max_changes: int | None) -> _Moved:
    """The heads that touched threads had in a mailbox then, against those that they have now."""
    gained, lost = history.moves(view.account, view.mailbox, since)
    touched = {event.thread for event in (*gained.values(), *lost.values())}
    if not touched:
        return _Moved([], [])
    present = history.members(view.account, view.mailbox, touched)
    new = _newest(present)
    old = _newest([*(event for event in present if event.email not in gained), *lost.values()])
    removed = [head.email for thread, head in old.items() if thread not in new or new[thread].email != head.email]
    came = [head for thread, head in new.items() if thread not in old or old[thread].email != head.email]
    _check_size(len(came) + len(removed), max_changes)
    return _Moved(removed, _ranked(view, came))


def _newest(events: Iterable[Event]) -> dict[int, Event]:
    """Thread to its newest email."""
    found: dict[int, Event] = {}
    for event in events:
        head = found.get(event.thread)
        if head is None or (event.received_at, event.email) > (head.received_at, head.email):
            found[event.thread] = event
    return found


def _ranked(view: View, events: Iterable[Event]) -> list[tuple[int, int]]:
    ordered = sorted(((event.received_at, event.email) for event in events), reverse=not view.ascending)
    return [(index, email) for index, (_, email) in zip(folders.ranks(view, ordered), ordered, strict=True)]


def _stands_before(view: View, event: Event, end: folders.Place | None) -> bool:
    """Whether an email stands at or before a place, where one is given."""
    if end is None:
        return True
    place = (event.received_at, event.email)
    return place <= end if view.ascending else place >= end


# --------------------------------------------------------------------------------------------------------- general path


def _general(account: int, query: EmailQuery, known: Counters, since: int, up_to: int | None) -> _Moved:
    """Ask anew for all that matches, and tell what was touched from what was not."""
    missing = query.mailbox is not None and known.emails is None
    pairs = [] if missing else emails.whole(account, query)
    ids = first_of_threads(pairs) if query.collapse_threads else [email for email, _ in pairs]
    local = _mailbox_alone(query)
    if not query.uses_keywords and (local is not None or query.is_immutable):
        gained, lost = history.moves(account, local, since)
        removed, came = _settled(query, pairs, gained, lost)
        if query.is_immutable and up_to is not None and up_to in ids:
            return _cut(account, query, ids, removed, came, lost, up_to)
    else:
        removed, came = _touched(account, query, local, since)
    return _Moved(removed, [(index, email) for index, email in enumerate(ids) if email in came], len(ids))


def _mailbox_alone(query: EmailQuery) -> int | None:
    """The one mailbox whose memberships and keywords alone can move the list, where that is so."""
    others = [
        leaf
        for leaf in query.leaves
        if isinstance(leaf, InMailbox | InMailboxOtherThan | ThreadKeyword) and leaf != InMailbox(query.mailbox or 0)
    ]
    by_thread = any(key.property in {"all_in_thread", "some_in_thread"} for key in query.sort)
    return None if others or by_thread else query.mailbox


def _settled(
    query: EmailQuery, pairs: list[tuple[int, int]], gained: dict[int, Event], lost: dict[int, Event]
) -> tuple[list[int], set[int]]:
    """What to take out and to put in where an email, once in the list, stands where it stands until it goes."""
    if not query.collapse_threads:
        return list(lost), set(gained)
    touched = {event.thread for event in (*gained.values(), *lost.values())}
    gone: dict[int, list[int]] = defaultdict(list)
    for event in lost.values():
        gone[event.thread].append(event.email)
    new: dict[int, int] = {}
    old: dict[int, int] = {}
    for email, thread in pairs:
        if thread in touched:
            new.setdefault(thread, email)
            if email not in gained:
                old.setdefault(thread, email)
    removed: list[int] = []
    came: set[int] = set()
    for thread in touched:
        # An email that went may have stood for its thread, even if nobody can tell any more whether it matched.
        if not gone[thread] and old.get(thread) == new.get(thread):
            continue
        removed += gone[thread]
        removed += [old[thread]] if thread in old else []
        came |= {new[thread]} if thread in new else set()
    return removed, came


def _cut(
    account: int,
    query: EmailQuery,
    ids: list[int],
    removed: list[int],
    came: set[int],
    lost: dict[int, Event],
    up_to: int,
) -> _Moved:
    """Leave out what lies beyond upToId (RFC 8620 §5.6)."""
    last = ids.index(up_to)
    added = [(index, email) for index, email in enumerate(ids[: last + 1]) if email in came]
    if query.is_by_date:
        view = View(account, None, False, query.sort[0].ascending)
        end = (history.received_at(account, up_to), up_to)
        removed = [email for email in removed if email not in lost or _stands_before(view, lost[email], end)]
    return _Moved(removed, added, len(ids))


def _touched(account: int, query: EmailQuery, mailbox: int | None, since: int) -> tuple[list[int], set[int]]:
    """Every email whose place may have changed: what to take out, and what to put in if it is in the list now."""
    gained, lost = history.moves(account, mailbox, since)
    changed = history.flagged(account, mailbox, since) | {e.email: e.thread for e in gained.values()}
    came: set[int] = set(changed)
    if query.uses_threads:
        threads: set[Any] = {*changed.values(), *(event.thread for event in lost.values())}
        came |= {event.email for event in history.members(account, mailbox, threads)}
    return [*(came - gained.keys()), *(lost.keys() - came)], came
