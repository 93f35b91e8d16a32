"""Reading mailboxes: their rows as one user sees them, and lists of them in any order (RFC 8621 §2.1, §2.3).

Rules kept here: an account has few mailboxes, so a list is made of all of them in Python, out of one statement; the
counters come from the row and are never counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mail.queries.sql import mailboxes as sql


@dataclass(frozen=True, slots=True)
class MailboxRow:
    """A mailbox as a user sees it."""

    id: int
    name: str
    parent: int | None
    role: str | None
    sort_order: int
    total_emails: int
    unread_emails: int
    total_threads: int
    unread_threads: int
    created_modseq: int
    properties_modseq: int
    is_subscribed: bool


def rows(account_id: int, user_id: object, owned: bool, ids: Iterable[int] | None = None) -> dict[int, MailboxRow]:
    """The mailboxes of an account, all or those of some keys, in the order of their keys."""
    return read(account_id, user_id, owned, ids)[1]


def read(
    account_id: int, user_id: object, owned: bool, ids: Iterable[int] | None = None
) -> tuple[str, dict[int, MailboxRow]]:
    """The state of Mailbox, and what ``rows`` gives, of the same moment."""
    state, found = sql.read(account_id, user_id, owned, None if ids is None else list(ids))
    return state, {row[0]: MailboxRow(*[*row[:-1], bool(row[-1])]) for row in found}


def listed(
    every: Mapping[int, MailboxRow],
    matches: Callable[[MailboxRow], bool],
    order: Sequence[tuple[Callable[[MailboxRow], Any], bool]],
    sort_as_tree: bool,
    filter_as_tree: bool,
) -> list[int]:
    """The keys of the mailboxes that match, in order (RFC 8621 §2.3).

    ``order`` is (sort key, is ascending) pairs; mailboxes that compare equal stand in the order of their keys.
    """
    chosen = {key for key, row in every.items() if matches(row)}
    if filter_as_tree:
        chosen = {key for key in chosen if all(above in chosen for above in ancestors(every, key))}
    ordered = sorted(every)
    for sort_key, is_ascending in reversed(order):
        ordered.sort(key=lambda key: sort_key(every[key]), reverse=not is_ascending)
    if sort_as_tree:
        ordered = _as_tree(every, ordered)
    return [key for key in ordered if key in chosen]


def ancestors(every: Mapping[int, MailboxRow], key: int) -> list[int]:
    """The mailboxes above one, nearest first."""
    above = []
    parent = every[key].parent
    while parent is not None:
        above.append(parent)
        parent = every[parent].parent
    return above


def _as_tree(every: Mapping[int, MailboxRow], ordered: Sequence[int]) -> list[int]:
    """Children directly after their parent, siblings in the given order."""
    children: dict[int | None, list[int]] = {}
    for key in ordered:
        children.setdefault(every[key].parent, []).append(key)
    walked: list[int] = []
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        key = waiting.pop()
        walked.append(key)
        waiting.extend(reversed(children.get(key, [])))
    return walked
