"""The ledger: memberships, thread heads, counters and day counts, kept in step with every change of an email.

Rules kept here:
- the account's lock is held (a Writer is passed) before anything is read;
- every create, move, flag and destroy is one Change of before and after, so that there is one place where counts move;
- a changed thread, mailbox and email each get a modseq of their own; a mailbox only one for a whole set of changes;
- what the account holds (``mail.services.quotas``) moves with the books, and is settled at the end of the transaction;
- unreadThreads follows from Thread.unread_live and unread_trash: an email that is in Trash alone counts for Trash alone
  (RFC 8621 §2);
- the number of statements does not depend on the number of changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from jmap import sql as generic
from jmap.store import Writer
from mail import sql
from mail.models import Mailbox
from mail.models.email import KEYWORD_COLUMNS
from mail.services import quotas

SECONDS_A_DAY = 86_400
Heads = dict[tuple[int, int], tuple[datetime, int]]
"""(mailbox, thread) to the (received_at, key) of its newest email."""

ACCOUNT = 0
"""The mailbox key under which DayCount counts the whole account."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where an email is and how it is flagged: mailbox keys and keywords in lowercase."""

    mailboxes: frozenset[int]
    keywords: frozenset[str]

    @property
    def is_unread(self) -> bool:
        """Neither seen nor a draft (RFC 8621 §2, unreadEmails)."""
        return "$seen" not in self.keywords and "$draft" not in self.keywords

    def flags(self) -> tuple[bool, ...]:
        """The common keywords, in the order of KEYWORD_COLUMNS."""
        return tuple(keyword in self.keywords for keyword in KEYWORD_COLUMNS)


@dataclass(frozen=True, slots=True)
class Change:
    """One email before and after; None before is a creation, None after a destruction. ``modseq`` is the email's
    new one, ``size`` in octets.
    """

    email: int
    thread: int
    received_at: datetime
    created_modseq: int
    modseq: int
    size: int
    before: Placement | None
    after: Placement | None


@dataclass(slots=True)
class _Tally:
    """A thread's counts as they were and as they will be."""

    created_modseq: int
    was: tuple[int, int, int]
    size: int
    live: int
    trash: int

    @property
    def now(self) -> tuple[int, int, int]:
        return (self.size, self.live, self.trash)


@dataclass(slots=True)
class _Books:
    """Everything that one set of changes moves."""

    mailboxes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0, 0, 0]))
    """Mailbox to changes of total_emails, unread_emails, total_threads, unread_threads."""
    days: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    """(mailbox, day) to changes of members and heads."""
    threads: dict[int, _Tally] = field(default_factory=dict)
    held: dict[tuple[int, int], int] = field(default_factory=dict)
    """(thread, mailbox) to how many emails the mailbox holds of the thread."""
    held_before: dict[tuple[int, int], int] = field(default_factory=dict)
    regrouped: set[int] = field(default_factory=set)
    """Threads that gained or lost an email."""


def day_of(moment: datetime) -> int:
    """Days since 1970-01-01 (UTC) of an aware datetime."""
    return int(moment.timestamp() // SECONDS_A_DAY)


def record(writer: Writer, changes: Sequence[Change], fresh_threads: Iterable[int] = ()) -> None:
    """Bring memberships and every derived count in step with the changes.

    Email rows themselves are the caller's. ``fresh_threads`` were inserted in this transaction with a modseq already.
    """
    if not changes:
        return
    if all(_moves_no_count(change) for change in changes):
        _flag_members([change for change in changes if _is_reflagged(change)])
        return
    _count_usage(writer, changes)
    books, trash = _open(writer, changes)
    _count(books, changes, trash)
    _move_memberships(writer, books, changes)
    with generic.pipelined():
        _settle_threads(writer, books, trash, frozenset(fresh_threads))
        _settle_days(writer, books)
        _settle_mailboxes(writer, books)


def _count_usage(writer: Writer, changes: Sequence[Change]) -> None:
    signs = [(change.after is not None) - (change.before is not None) for change in changes]
    quotas.move(writer, sum(signs), sum(sign * change.size for sign, change in zip(signs, changes, strict=True)))


def _moves_no_count(change: Change) -> bool:
    """Whether only keywords change, and none that makes the email read or unread."""
    before, after = change.before, change.after
    if before is None or after is None:
        return False
    return before.mailboxes == after.mailboxes and before.is_unread == after.is_unread


def _is_reflagged(change: Change) -> bool:
    """Whether keywords change on memberships that stay."""
    before, after = change.before, change.after
    if before is None or after is None or before.keywords == after.keywords:
        return False
    return bool(before.mailboxes & after.mailboxes)


def trash_key(account_id: int) -> int | None:
    """The key of the mailbox with the role trash, or None."""
    return Mailbox.objects.filter(account_id=account_id, role="trash").values_list("pk", flat=True).first()


def _open(writer: Writer, changes: Sequence[Change]) -> tuple[_Books, int | None]:
    """The books as they stand, and the key of Trash."""
    books, trash = _Books(), None
    touched = sorted({change.thread for change in changes})
    for row in sql.threads_with_mailboxes(writer.account_id, touched):
        trash, thread, created, size, live, unread, mailbox, held = row
        if thread not in books.threads:
            books.threads[thread] = _Tally(created, (size, live, unread), size, live, unread)
        if mailbox is not None:
            books.held[thread, mailbox] = books.held_before[thread, mailbox] = held
    return books, trash


def _count(books: _Books, changes: Sequence[Change], trash: int | None) -> None:
    for change in changes:
        tally = books.threads[change.thread]
        if change.before is None or change.after is None:
            books.regrouped.add(change.thread)
        for placement, sign in ((change.before, -1), (change.after, 1)):
            if placement is None:
                continue
            tally.size += sign
            unread = placement.is_unread
            if unread:
                tally.live += sign * (placement.mailboxes != {trash})
                tally.trash += sign * (trash in placement.mailboxes)
            day = day_of(change.received_at)
            books.days[ACCOUNT, day][0] += sign
            for mailbox in placement.mailboxes:
                books.days[mailbox, day][0] += sign
                books.mailboxes[mailbox][0] += sign
                books.mailboxes[mailbox][1] += sign * unread
                pair = (change.thread, mailbox)
                books.held[pair] = books.held.get(pair, 0) + sign


def _move_memberships(writer: Writer, books: _Books, changes: Sequence[Change]) -> None:
    none: frozenset[int] = frozenset()
    joined: list[tuple[int, Change]] = []
    left: list[tuple[int, Change]] = []
    for change in changes:
        before = change.before.mailboxes if change.before else none
        after = change.after.mailboxes if change.after else none
        joined += [(mailbox, change) for mailbox in after - before]
        left += [(mailbox, change) for mailbox in before - after]
    _flag_members([change for change in changes if _is_reflagged(change)])
    if not joined and not left:
        return
    heads = _heads({(mailbox, change.thread) for mailbox, change in joined + left}, books)
    if left:
        _leave(writer, left)
    _join(writer, books, joined, left, heads)


def _flag_members(changes: Sequence[Change]) -> None:
    rows = [(c.email, *c.after.flags(), c.modseq) for c in changes if c.after]
    generic.update_rows("jmap_mail_membership", "email_id", [*KEYWORD_COLUMNS.values(), "keyword_modseq"], rows)


def _heads(pairs: set[tuple[int, int]], books: _Books) -> Heads:
    """The present head of each (mailbox, thread) that had members before."""
    known = {(mailbox, thread) for mailbox, thread in pairs if (thread, mailbox) in books.held_before}
    if not known:
        return {}
    # SQLite keeps UTC without saying so.
    return {
        (mailbox, thread): (at if at.tzinfo else at.replace(tzinfo=UTC), email)
        for mailbox, thread, at, email in sql.heads(known)
    }


def _leave(writer: Writer, left: Sequence[tuple[int, Change]]) -> None:
    pairs = [(mailbox, change.email) for mailbox, change in left]
    since = sql.membership_modseqs(pairs)
    remember(writer, [(mailbox, change, since[mailbox, change.email]) for mailbox, change in left])
    generic.delete_pairs("jmap_mail_membership", ("mailbox_id", "email_id"), pairs)


def remember(writer: Writer, left: Iterable[tuple[int, Change, int]]) -> None:
    """Keep the history of memberships that end: (mailbox, change, modseq at which it began)."""
    generic.insert_rows(
        "jmap_mail_formermembership",
        ["account_id", "mailbox_key", "email_key", "thread_key", "received_at", "created_modseq", "removed_modseq"],
        [
            (
                *(writer.account_id, mailbox, change.email, change.thread),
                *(generic.moment(change.received_at), began, change.modseq),
            )
            for mailbox, change, began in left
        ],
    )


def _join(
    writer: Writer,
    books: _Books,
    joined: Sequence[tuple[int, Change]],
    left: Sequence[tuple[int, Change]],
    heads: Heads,
) -> None:
    """Insert the new memberships, and let each touched (mailbox, thread) have exactly its newest email as head."""
    gone = {(mailbox, change.email) for mailbox, change in left}
    beheaded = {pair for pair, (_, email) in heads.items() if (pair[0], email) in gone}
    newest = {pair: head for pair, head in heads.items() if pair not in beheaded}
    for mailbox, change in joined:
        pair = (mailbox, change.thread)
        if pair not in beheaded:
            newest[pair] = max(newest.get(pair, (change.received_at, change.email)), (change.received_at, change.email))
    crowned = {pair: head for pair, head in newest.items() if heads.get(pair) != head}
    _insert_members(writer, joined, {(pair[0], email) for pair, (_, email) in crowned.items()})
    deposed = {pair: heads[pair] for pair in crowned if pair in heads}
    sql.set_heads([(pair[0], email) for pair, (_, email) in deposed.items()], False)
    orphaned = [pair for pair in beheaded if books.held.get((pair[1], pair[0]))]
    successors = sql.newest_members(orphaned)
    sql.set_heads([(mailbox, email) for mailbox, email, _ in successors], True)
    for (mailbox, _), (at, _email) in [*deposed.items(), *((pair, heads[pair]) for pair in beheaded)]:
        books.days[mailbox, day_of(at)][1] -= 1
    for mailbox, at in [*((pair[0], at) for pair, (at, _) in crowned.items()), *((m, at) for m, _, at in successors)]:
        books.days[mailbox, day_of(at)][1] += 1


def _insert_members(writer: Writer, joined: Sequence[tuple[int, Change]], heads: set[tuple[int, int]]) -> None:
    generic.insert_rows(
        "jmap_mail_membership",
        [
            *("account_id", "mailbox_id", "email_id", "thread_id", "received_at", "is_head"),
            *("created_modseq", "keyword_modseq", *KEYWORD_COLUMNS.values()),
        ],
        [
            (
                *(writer.account_id, mailbox, change.email, change.thread, generic.moment(change.received_at)),
                *((mailbox, change.email) in heads, change.modseq, change.modseq, *change.after.flags()),
            )
            for mailbox, change in joined
            if change.after
        ],
    )


def _settle_threads(writer: Writer, books: _Books, trash: int | None, fresh: frozenset[int]) -> None:
    """Write the threads, then move the thread counters of every mailbox that holds one of them."""
    for pair in books.held.keys() | books.held_before.keys():
        thread, mailbox = pair
        tally = books.threads[thread]
        was, now = books.held_before.get(pair, 0) > 0, books.held[pair] > 0
        unread = 2 if mailbox == trash else 1
        total, unread_total = now - was, (now and tally.now[unread] > 0) - (was and tally.was[unread] > 0)
        if total or unread_total:
            books.mailboxes[mailbox][2] += total
            books.mailboxes[mailbox][3] += unread_total
    living = {thread: tally for thread, tally in books.threads.items() if tally.size}
    regrouped = {thread: writer.next("Thread") for thread in living if thread in books.regrouped - fresh}
    generic.update_rows(
        "jmap_mail_thread",
        "id",
        ["size", "unread_live", "unread_trash"],
        [(thread, *tally.now) for thread, tally in living.items() if tally.now != tally.was],
    )
    generic.update_rows("jmap_mail_thread", "id", ["modseq"], regrouped.items())
    _settle_holdings(writer, books)
    dead = [(thread, tally.created_modseq) for thread, tally in books.threads.items() if not tally.size]
    bury(writer, "Thread", dead)
    for table, column in (("jmap_mail_threadreference", "thread_id"), ("jmap_mail_thread", "id")):
        generic.delete_rows(table, column, [thread for thread, _ in dead])


def _settle_holdings(writer: Writer, books: _Books) -> None:
    generic.insert_rows(
        "jmap_mail_threadmailbox",
        ["account_id", "thread_id", "mailbox_id", "size"],
        [
            (writer.account_id, *pair, size)
            for pair, size in books.held.items()
            if size and size != books.held_before.get(pair)
        ],
        "ON CONFLICT (thread_id, mailbox_id) DO UPDATE SET size = excluded.size",
    )
    emptied = [pair for pair, size in books.held.items() if not size and pair in books.held_before]
    generic.delete_pairs("jmap_mail_threadmailbox", ("thread_id", "mailbox_id"), emptied)


def bury(writer: Writer, type_name: str, dead: Iterable[tuple[int, int]]) -> None:
    """Leave tombstones, each with a modseq of its own, for objects given as (key, created_modseq)."""
    bury_at(writer, type_name, [(key, created, writer.next(type_name)) for key, created in dead])


def bury_at(writer: Writer, type_name: str, dead: Iterable[tuple[int, int, int]]) -> None:
    """Leave tombstones for objects given as (key, created_modseq, modseq of the destruction)."""
    generic.insert_rows(
        "jmap_core_tombstone",
        ["account_id", "type", "object_id", "created_modseq", "modseq"],
        [(writer.account_id, type_name, *row) for row in dead],
    )


def _settle_days(writer: Writer, books: _Books) -> None:
    generic.insert_rows(
        "jmap_mail_daycount",
        ["account_id", "mailbox_key", "day", "members", "heads"],
        [(writer.account_id, *key, *counts) for key, counts in sorted(books.days.items()) if any(counts)],
        "ON CONFLICT (account_id, mailbox_key, day) DO UPDATE SET"
        " members = jmap_mail_daycount.members + excluded.members, heads = jmap_mail_daycount.heads + excluded.heads",
    )


def _settle_mailboxes(writer: Writer, books: _Books) -> None:
    sql.move_mailbox_counts(
        [(mailbox, moved, writer.next("Mailbox")) for mailbox, moved in sorted(books.mailboxes.items()) if any(moved)]
    )


def move_trash(writer: Writer, old: int | None, new: int | None) -> None:
    """Count anew what depends on which mailbox is Trash, after its role moved (RFC 8621 §2, unreadThreads)."""
    moved = [key for key in (old, new) if key]
    if old == new or not Mailbox.objects.filter(pk__in=moved, total_emails__gt=0).exists():
        return
    sql.recount_unread_threads(moved, new)
    sql.set_unread_threads(
        [
            (mailbox, unread, writer.next("Mailbox"))
            for mailbox, stored, unread in sql.count_unread_threads(writer.account_id, new)
            if stored != unread
        ]
    )
