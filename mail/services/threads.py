"""Which thread an email belongs to, and what happens when two threads turn out to be one (RFC 8621 §3).

Rules kept here:
- emails belong together when they share a message id (Message-ID, In-Reply-To, References) *and* the base subject, so
  each such pair is one key of ThreadReference;
- the thread of an email never changes: a late link destroys the emails of the smaller thread and inserts them anew,
  with
  the same blob, mailboxes, keywords and receivedAt, in the same transaction;
- threads stay apart where more than MERGE_LIMIT emails, or any draft, would change id.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jmap import sql as generic
from jmap.store import Writer
from mail import sql
from mail.models import Email, Thread, ThreadReference

MERGE_LIMIT = 100
_KEYS_AT_ONCE = 5_000


@dataclass(slots=True)
class Assignment:
    """Where new emails go: a thread for each, the threads made for them, and the pairs (source, target) to merge
    first.
    """

    threads: list[int]
    fresh: set[int]
    merges: list[tuple[int, int]]


def assign(writer: Writer, keys: Sequence[Iterable[bytes]]) -> Assignment:
    """Find or make the thread of each new email, given as the keys of its message ids.

    Keys are recorded, so that later emails find these threads.
    """
    wanted = [list(dict.fromkeys(some)) for some in keys]
    known = _known(writer.account_id, {key for some in wanted for key in some})
    groups = _Groups(wanted, known)
    existing = groups.existing()
    sizes = _sizes({thread for threads in existing.values() if len(threads) > 1 for thread in threads})
    target: dict[int, int] = {}
    merges: list[tuple[int, int]] = []
    for root, threads in existing.items():
        best = max(threads, key=lambda key: (sizes.get(key, (0, False))[0], -key))
        target[root] = best
        for thread in sorted(threads - {best}):
            size, has_draft = sizes[thread]
            if size <= MERGE_LIMIT and not has_draft:
                merges.append((thread, best))
    roots = [groups.root(number) for number in range(len(wanted))]
    missing = [root for root in dict.fromkeys(roots) if root not in target]
    fresh = _make(writer, len(missing))
    target.update(zip(missing, fresh, strict=True))
    found = [target[root] for root in roots]
    _remember(writer, found, wanted, known)
    return Assignment(found, set(fresh), merges)


def adopt_references(writer: Writer, source: int, target: int) -> None:
    """Let the target be found by everything that found the source."""
    keys = ThreadReference.objects.filter(thread_id=source).values_list("key", flat=True)
    _insert(writer, [(bytes(key), target) for key in keys])


def remember(writer: Writer, rows: Iterable[tuple[Iterable[bytes], int]]) -> None:
    """Let threads be found by more keys: (keys, thread) pairs."""
    _insert(writer, sorted({(key, thread) for keys, thread in rows for key in keys}))


class _Groups:
    """New emails joined by the keys that they share with each other and with existing threads (union-find)."""

    def __init__(self, wanted: Sequence[Sequence[bytes]], known: dict[bytes, set[int]]) -> None:
        self._parent = list(range(len(wanted)))
        by_thread: dict[int, int] = {}
        by_key: dict[bytes, int] = {}
        for number, keys in enumerate(wanted):
            for key in keys:
                self._join(number, by_key.setdefault(key, number))
                for thread in known.get(key, ()):
                    self._join(number, by_thread.setdefault(thread, number))
        self._by_thread = by_thread

    def root(self, number: int) -> int:
        while self._parent[number] != number:
            self._parent[number] = self._parent[self._parent[number]]
            number = self._parent[number]
        return number

    def existing(self) -> dict[int, set[int]]:
        """Root to the existing threads of its group, for groups that have one."""
        found: dict[int, set[int]] = defaultdict(set)
        for thread, number in self._by_thread.items():
            found[self.root(number)].add(thread)
        return found

    def _join(self, one: int, other: int) -> None:
        self._parent[self.root(one)] = self.root(other)


def _known(account_id: int, keys: set[bytes]) -> dict[bytes, set[int]]:
    found: dict[bytes, set[int]] = defaultdict(set)
    every = sorted(keys)
    for start in range(0, len(every), _KEYS_AT_ONCE):
        some = every[start : start + _KEYS_AT_ONCE]
        for key, thread in sql.threads_of_references(account_id, some):
            found[bytes(key)].add(thread)
    return found


def _sizes(threads: set[int]) -> dict[int, tuple[int, bool]]:
    """How many emails each thread has, and whether one is a draft."""
    if not threads:
        return {}
    drafts = set(Email.objects.filter(thread_id__in=threads, draft=True).values_list("thread_id", flat=True))
    rows = Thread.objects.filter(pk__in=threads).values_list("pk", "size")
    return {key: (size, key in drafts) for key, size in rows}


def _make(writer: Writer, count: int) -> list[int]:
    modseqs = [writer.next("Thread") for _ in range(count)]
    rows = [(writer.account_id, modseq, modseq, 0, 0, 0) for modseq in modseqs]
    columns = ["account_id", "created_modseq", "modseq", "size", "unread_live", "unread_trash"]
    keys = generic.insert_numbered("jmap_mail_thread", columns, rows, "modseq")
    return [keys[modseq] for modseq in modseqs]


def _remember(
    writer: Writer, threads: Sequence[int], keys: Sequence[Sequence[bytes]], known: dict[bytes, set[int]]
) -> None:
    pairs = {
        (key, thread)
        for thread, some in zip(threads, keys, strict=True)
        for key in some
        if thread not in known.get(key, ())
    }
    _insert(writer, sorted(pairs))


def _insert(writer: Writer, pairs: Sequence[tuple[bytes, int]]) -> None:
    generic.insert_rows(
        "jmap_mail_threadreference",
        ["account_id", "key", "thread_id"],
        [(writer.account_id, key, thread) for key, thread in pairs],
        "ON CONFLICT DO NOTHING",
    )
