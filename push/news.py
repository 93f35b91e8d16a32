"""News: what one commit, or several of one account, changed; and how it travels between processes.

Rules kept here: news are hints. They may be lost, doubled or out of order; ``since`` and ``until`` let whoever
gets them see that some are missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from jmap.store import parse_state

MAX_OCTETS = 7_500
"""The most that one message holds; PostgreSQL takes 8,000."""


@dataclass(frozen=True, slots=True)
class StateNews:
    """An account went from one modseq to another, and these types reached these modseqs (RFC 8620 §7.1)."""

    account_id: int
    epoch: int
    since: int
    until: int
    types: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AccessNews:
    """What these users may do, or who may enter these accounts, is to be looked at again; keys of users as text."""

    user_keys: tuple[str, ...]
    account_keys: tuple[int, ...]


News = StateNews | AccessNews


def state_news(account_id: int, changed: Mapping[str, str], since: int, until: int) -> StateNews | None:
    """The news behind a ``state_changed`` signal."""
    parsed = {name: parse_state(state) for name, state in changed.items()}
    known = {name: state for name, state in parsed.items() if state is not None}
    if not known:
        return None
    epoch = max(state[0] for state in known.values())
    return StateNews(account_id, epoch, since, until, {name: state[1] for name, state in known.items()})


def merged(first: StateNews, second: StateNews) -> StateNews:
    """Both as one; of two epochs the later one counts."""
    if first.epoch != second.epoch:
        return max(first, second, key=lambda news: news.epoch)
    types = {name: max(first.types.get(name, 0), second.types.get(name, 0)) for name in {**first.types, **second.types}}
    # Only news that follow on each other leave no gap between them.
    since = first.since if first.until >= second.since else max(first.since, second.since)
    return StateNews(first.account_id, first.epoch, since, max(first.until, second.until), types)


def to_octets(news: News) -> bytes:
    """The news as one message."""
    if isinstance(news, AccessNews):
        return json.dumps({"users": news.user_keys, "accounts": news.account_keys}, separators=(",", ":")).encode()
    value = {"a": news.account_id, "e": news.epoch, "s": news.since, "u": news.until, "t": dict(news.types)}
    return json.dumps(value, separators=(",", ":")).encode()


def from_octets(octets: bytes) -> News | None:
    """The news in a message, None where it holds none."""
    try:
        value = json.loads(octets)
        if "users" in value:
            return AccessNews(tuple(value["users"]), tuple(value["accounts"]))
        types = {str(name): int(modseq) for name, modseq in value["t"].items()}
        return StateNews(int(value["a"]), int(value["e"]), int(value["s"]), int(value["u"]), types)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
