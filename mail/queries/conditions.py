"""What an Email query asks for, in Python: conditions, sort keys, windows (RFC 8621 §4.4).

Rules kept here:
- every leaf is one condition of RFC 8621 §4.4.1; a filter with several properties is an ``And`` of leaves;
- keywords are lowercase, dates aware, mailboxes integer keys; a mailbox that cannot exist is ``NO_MAILBOX``;
- what a list depends on (membership, keywords, whole threads, derived text) is asked here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

NO_MAILBOX = -1
"""Stands for an id that no mailbox can have."""

TEXT_FIELDS = ("text", "from", "to", "cc", "bcc", "subject", "body")


@dataclass(frozen=True, slots=True)
class InMailbox:
    """The email is in this mailbox."""

    mailbox: int


@dataclass(frozen=True, slots=True)
class InMailboxOtherThan:
    """The email is in at least one mailbox that is not listed."""

    mailboxes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """receivedAt is before the moment."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class After:
    """receivedAt is the moment or after it."""

    moment: datetime


@dataclass(frozen=True, slots=True)
class MinSize:
    """The size is ``octets`` or more."""

    octets: int


@dataclass(frozen=True, slots=True)
class MaxSize:
    """Size is less than ``octets``."""

    octets: int


@dataclass(frozen=True, slots=True)
class HasKeyword:
    """The email has the keyword."""

    keyword: str


@dataclass(frozen=True, slots=True)
class ThreadKeyword:
    """``quantity`` of the emails in the thread have the keyword: ``all``, ``some`` or ``none``."""

    quantity: str
    keyword: str


@dataclass(frozen=True, slots=True)
class HasAttachment:
    """hasAttachment is ``value``."""

    value: bool


@dataclass(frozen=True, slots=True)
class Text:
    """``field`` is one of TEXT_FIELDS; ``text`` is a search text with phrases in quotes."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class Header:
    """The message has a header field ``name`` and, unless ``text`` is None, its value contains the text."""

    name: str
    text: str | None


@dataclass(frozen=True, slots=True)
class Among:
    """The email is one of these: stands in for conditions that were answered already."""

    emails: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All parts match."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """None of the parts matches."""

    parts: tuple[Filter, ...]


Leaf = (
    InMailbox
    | InMailboxOtherThan
    | Before
    | After
    | MinSize
    | MaxSize
    | HasKeyword
    | ThreadKeyword
    | HasAttachment
    | Text
    | Header
    | Among
)
Filter = Leaf | And | Or | Not

EVERYTHING = And(())


@dataclass(frozen=True, slots=True)
class SortKey:
    """One comparator (RFC 8621 §4.4.2).

    ``property``: received_at, size, from, to, subject, sent_at, has_keyword, all_in_thread or some_in_thread;
    ``collation`` one of the registry's names for the three texts; ``keyword`` for the last three.
    """

    property: str
    ascending: bool = True
    collation: str = "i;unicode-casemap"
    keyword: str = ""


NEWEST_FIRST = (SortKey("received_at", ascending=False),)
"""The order of a query that asks for none."""

KEYWORD_SORTS = frozenset({"has_keyword", "all_in_thread", "some_in_thread"})
TEXT_SORTS = frozenset({"from", "to", "subject"})


@dataclass(frozen=True, slots=True)
class EmailQuery:
    """An Email/query. Emails that all comparators leave equal are ordered by key, in the direction of the last one."""

    filter: Filter = EVERYTHING
    sort: tuple[SortKey, ...] = NEWEST_FIRST
    collapse_threads: bool = False
    position: int = 0
    anchor: int | None = None
    anchor_offset: int = 0
    limit: int | None = None
    calculate_total: bool = False

    @property
    def conjuncts(self) -> tuple[Filter, ...]:
        """Conditions that must all hold, nested ANDs taken apart, each once."""
        return tuple(dict.fromkeys(_conjuncts(self.filter)))

    @property
    def mailbox(self) -> int | None:
        """The mailbox that every match is in, where the filter says so at its top."""
        return next((part.mailbox for part in self.conjuncts if isinstance(part, InMailbox)), None)

    @property
    def rest(self) -> tuple[Filter, ...]:
        """The conjuncts besides that mailbox."""
        mailbox = self.mailbox
        return tuple(part for part in self.conjuncts if mailbox is None or part != InMailbox(mailbox))

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All leaves, whatever operator they stand under."""
        return tuple(_leaves(self.filter))

    @property
    def uses_keywords(self) -> bool:
        """Whether a keyword decides what matches or where it stands."""
        return any(isinstance(leaf, HasKeyword | ThreadKeyword) for leaf in self.leaves) or any(
            key.property in KEYWORD_SORTS for key in self.sort
        )

    @property
    def uses_mailboxes(self) -> bool:
        """Whether membership of a mailbox decides what matches."""
        return any(isinstance(leaf, InMailbox | InMailboxOtherThan) for leaf in self.leaves)

    @property
    def uses_threads(self) -> bool:
        """Whether other emails of a thread decide what matches, where it stands or what stands for it."""
        return (
            self.collapse_threads
            or any(isinstance(leaf, ThreadKeyword) for leaf in self.leaves)
            or any(key.property in {"all_in_thread", "some_in_thread"} for key in self.sort)
        )

    @property
    def is_immutable(self) -> bool:
        """Whether filter and sort are on immutable properties alone (RFC 8620 §5.6, upToId)."""
        return not self.uses_keywords and not self.uses_mailboxes

    @property
    def uses_index(self) -> bool:
        """Whether what the search index holds decides what matches."""
        return any(isinstance(leaf, Text | Header) for leaf in self.leaves)

    @property
    def is_by_date(self) -> bool:
        """Whether receivedAt alone orders the list."""
        return len(self.sort) == 1 and self.sort[0].property == "received_at"


def _conjuncts(part: Filter) -> Iterator[Filter]:
    if isinstance(part, And):
        for inner in part.parts:
            yield from _conjuncts(inner)
    else:
        yield part


def _leaves(part: Filter) -> Iterator[Leaf]:
    if isinstance(part, And | Or | Not):
        for inner in part.parts:
            yield from _leaves(inner)
    else:
        yield part
