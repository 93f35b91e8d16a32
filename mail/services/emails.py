"""Adding, filing, flagging and destroying emails (RFC 8621 §4).

Rules kept here:
- the caller holds the account's lock (``jmap.store.writing``) and passes the Writer;
- everything is set-based: the number of statements does not depend on the number of emails;
- what does not change costs nothing and moves no state;
- a destroyed email leaves a tombstone, a history row for the account, and a RetainedEmail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from jmap import sql as generic
from jmap.blobs import service as blobs
from jmap.store import Writer
from mail import sql
from mail.models import Email, EmailKeyword, RetainedEmail
from mail.models.email import KEYWORD_COLUMNS
from mail.search import backend as search
from mail.services import ledger, threads
from mail.services.content import CONTENT_VERSION, Derived
from mail.services.errors import InvalidKeyword, MailboxNotFound, NoMailbox, TooManyKeywords, TooManyMailboxes
from mail.services.ledger import ACCOUNT, Change, Placement

__all__ = [
    "AddedEmail",
    "HeldEmail",
    "NewEmail",
    "Placement",
    "add",
    "check",
    "destroy",
    "held",
    "mailbox_keys",
    "update",
]

MAX_MAILBOXES = 200
MAX_KEYWORDS = 200
_FORBIDDEN = frozenset('(){]%*"\\')


@dataclass(slots=True)
class NewEmail:
    """A message to add: what was derived from it, its blob, where it goes and when it was received (aware)."""

    content: Derived
    blob_id: int
    placement: Placement
    received_at: datetime


@dataclass(frozen=True, slots=True)
class AddedEmail:
    """The keys that a new email got; ``size`` in octets."""

    id: int
    thread_id: int
    blob_id: int
    size: int


@dataclass(frozen=True, slots=True)
class HeldEmail:
    """An email as it stands in the store: what a change of it needs to know."""

    id: int
    thread_id: int
    blob_id: int
    received_at: datetime
    created_modseq: int
    size: int
    placement: Placement

    def change(self, modseq: int, after: Placement | None) -> Change:
        """What the books need to know when it moves, or is destroyed (None)."""
        return Change(
            self.id,
            self.thread_id,
            self.received_at,
            self.created_modseq,
            modseq,
            self.size,
            self.placement,
            after,
        )


def held(account_id: int, ids: Iterable[int]) -> dict[int, HeldEmail]:
    """The emails of these keys that the account has; one statement, and another for rare keywords."""
    rows = sql.held(account_id, ids)
    rare = [row[0] for row in rows if row[5]]
    others: dict[int, set[str]] = {}
    if rare:
        for email, name in EmailKeyword.objects.filter(email_id__in=rare).values_list("email_id", "keyword"):
            others.setdefault(email, set()).add(name)
    found = {}
    for key, thread, blob, at, created, _has_others, size, *flags, mailboxes in rows:
        keywords = {name for name, is_set in zip(KEYWORD_COLUMNS, flags, strict=True) if is_set} | others.get(
            key, set()
        )
        placement = Placement(frozenset(map(int, mailboxes.split(","))), frozenset(keywords))
        # SQLite keeps UTC without saying so.
        moment = at if at.tzinfo else at.replace(tzinfo=UTC)
        found[key] = HeldEmail(key, thread, blob, moment, created, size, placement)
    return found


def placements(account_id: int, ids: Iterable[int]) -> dict[int, Placement]:
    """Where the emails of these keys are and how they are flagged."""
    return {key: email.placement for key, email in held(account_id, ids).items()}


def mailbox_keys(account_id: int) -> frozenset[int]:
    """The keys of all mailboxes of an account."""
    return frozenset(sql.mailbox_keys(account_id))


def check(placement: Placement, known: frozenset[int]) -> None:
    """Judge where an email is to go; ``known`` are the account's mailboxes.

    Raises NoMailbox, MailboxNotFound, TooManyMailboxes, TooManyKeywords, InvalidKeyword (RFC 8621 §4.1.1).
    """
    if not placement.mailboxes:
        raise NoMailbox(_("an email has to be in at least one mailbox"))
    if not placement.mailboxes <= known:
        raise MailboxNotFound(sorted(placement.mailboxes - known))
    if len(placement.mailboxes) > MAX_MAILBOXES:
        raise TooManyMailboxes(_("an email may be in %d mailboxes") % MAX_MAILBOXES)
    if len(placement.keywords) > MAX_KEYWORDS:
        raise TooManyKeywords(_("an email may have %d keywords") % MAX_KEYWORDS)
    for keyword in placement.keywords:
        if keyword not in KEYWORD_COLUMNS and not is_keyword(keyword):
            raise InvalidKeyword(keyword)


def is_keyword(text: str) -> bool:
    """Whether a text is a keyword in the lowercase that servers keep (RFC 8621 §4.1.1)."""
    return 1 <= len(text) <= 255 and all("!" <= c <= "~" and c not in _FORBIDDEN for c in text) and text == text.lower()


def add(writer: Writer, new: Sequence[NewEmail]) -> list[AddedEmail]:
    """Add messages, each to its thread; threads that a message shows to be one are merged first (RFC 8621 §3).

    Raises what ``check`` raises, and BlobGone where a blob has to be stored again.
    """
    if not new:
        return []
    known = mailbox_keys(writer.account_id)
    for message in new:
        check(message.placement, known)
    blobs.pin(*{message.blob_id for message in new})
    return add_judged(writer, new)


def add_judged(writer: Writer, new: Sequence[NewEmail]) -> list[AddedEmail]:
    """``add`` for who judged the placements (``check``) and pinned the blobs in this transaction already."""
    found = threads.assign(writer, [message.content.reference_keys for message in new])
    for source, target in found.merges:
        _merge(writer, source, target)
    rows = [_row(writer, message, thread) for message, thread in zip(new, found.threads, strict=True)]
    _insert(rows)
    with generic.pipelined():
        _insert_content(writer, rows, new)
        _insert_keywords(writer, [(row.pk, message.placement) for row, message in zip(rows, new, strict=True)])
    writer.also("EmailDelivery", rows[-1].modseq)
    ledger.record(
        writer,
        [_creation(row, message.placement) for row, message in zip(rows, new, strict=True)],
        found.fresh,
    )
    return [AddedEmail(row.pk, row.thread_id, row.blob_id, row.size) for row in rows]


def update(
    writer: Writer, wanted: Mapping[int, Placement], current: Mapping[int, HeldEmail] | None = None
) -> dict[int, Placement]:
    """File and flag emails; ``current`` spares loading them again if they were read under this lock.

    Returns the placements that really changed. Emails that are not there are passed over. Raises what ``check`` raises.
    """
    present = held(writer.account_id, wanted) if current is None else current
    moved = {key: after for key, after in wanted.items() if key in present and present[key].placement != after}
    if not moved:
        return {}
    known: frozenset[int] = frozenset().union(*(present[key].placement.mailboxes for key in moved))
    if any(not after.mailboxes <= known for after in moved.values()):
        known = mailbox_keys(writer.account_id)
    for after in moved.values():
        check(after, known)
    changes = []
    for key, after in moved.items():
        email = present[key]
        modseq = writer.next("Email")
        changes.append(email.change(modseq, after))
    _write_flags(changes)
    _write_keywords(writer, changes)
    ledger.record(writer, changes)
    return moved


def destroy(writer: Writer, ids: Iterable[int], retain: bool = True) -> list[int]:
    """Destroy emails and return the keys of those that were there.

    ``retain`` keeps blob, mailboxes and keywords so that the email can be restored; erasure passes False.
    """
    present = held(writer.account_id, ids)
    if not present:
        return []
    changes = [e.change(writer.next("Email"), None) for e in present.values()]
    if retain:
        now = timezone.now()
        RetainedEmail.objects.bulk_create(
            RetainedEmail(
                account_id=writer.account_id,
                email_key=email.id,
                blob_id=email.blob_id,
                received_at=email.received_at,
                mailboxes=sorted(email.placement.mailboxes),
                keywords=sorted(email.placement.keywords),
                destroyed_at=now,
            )
            for email in present.values()
        )
    search.unindex_emails(list(present))
    for table in ("jmap_mail_emailcontent", "jmap_mail_emailkeyword"):
        generic.delete_rows(table, "email_id", present)
    _end(writer, changes)
    return list(present)


def _end(writer: Writer, changes: Sequence[Change]) -> None:
    """Settle the books of emails that go, leave their tombstones and history, and delete their rows."""
    ledger.record(writer, changes)
    ledger.remember(writer, [(ACCOUNT, change, change.created_modseq) for change in changes])
    ledger.bury_at(writer, "Email", [(change.email, change.created_modseq, change.modseq) for change in changes])
    generic.delete_rows("jmap_mail_email", "id", [change.email for change in changes])


def _merge(writer: Writer, source: int, target: int) -> None:
    """Give the emails of one thread new ids in another (RFC 8621 §3: "delete and reinsert"), everything else the
    same.
    """
    rows = list(Email.objects.filter(thread_id=source).order_by("pk"))
    present = held(writer.account_id, [row.pk for row in rows])
    threads.adopt_references(writer, source, target)
    ends, starts, pairs = [], [], []
    for row in rows:
        old = present[row.pk]
        ends.append(old.change(writer.next("Email"), None))
        row.pk = None
        row._state.adding = True
        row.thread_id = target
        row.created_modseq = row.modseq = writer.next("Email")
    Email.objects.bulk_create(rows)
    for row, end in zip(rows, ends, strict=True):
        placement = present[end.email].placement
        pairs.append((end.email, row.pk))
        starts.append(_creation(row, placement))
    for table in ("jmap_mail_emailcontent", "jmap_mail_emailkeyword"):
        generic.update_rows(table, "email_id", ["email_id"], pairs)
    search.rekey_emails(pairs)
    _end(writer, ends)
    ledger.record(writer, starts)


def _row(writer: Writer, message: NewEmail, thread: int) -> Email:
    content, keywords = message.content, message.placement.keywords
    modseq = writer.next("Email")
    return Email(
        account_id=writer.account_id,
        thread_id=thread,
        blob_id=message.blob_id,
        received_at=message.received_at.replace(microsecond=0),
        sent_at=content.sent_at,
        size=content.size,
        has_attachment=content.has_attachment,
        has_other_keywords=not keywords <= KEYWORD_COLUMNS.keys(),
        subject_key=content.subject_key,
        from_key=content.from_key,
        to_key=content.to_key,
        created_modseq=modseq,
        modseq=modseq,
        **dict(zip(KEYWORD_COLUMNS.values(), message.placement.flags(), strict=True)),
    )


def _insert(rows: Sequence[Email]) -> None:
    """Insert email rows, and let each know its key."""
    given = [
        [
            generic.moment(value) if isinstance(value, datetime) else value
            for value in map(row.__getattribute__, _COLUMNS)
        ]
        for row in rows
    ]
    keys = generic.insert_numbered("jmap_mail_email", list(_COLUMNS), given, "modseq", list(_COLUMNS.values()))
    for row in rows:
        row.pk = keys[row.modseq]


_COLUMNS: dict[str, type] = {
    "account_id": int,
    "thread_id": int,
    "blob_id": int,
    "received_at": datetime,
    "sent_at": datetime,
    "size": int,
    "has_attachment": bool,
    "has_other_keywords": bool,
    "subject_key": bytes,
    "from_key": bytes,
    "to_key": bytes,
    "created_modseq": int,
    "modseq": int,
    **dict.fromkeys(KEYWORD_COLUMNS.values(), bool),
}
"""The columns of Email, and what they hold."""


def _bound(value: Any) -> Any:
    return generic.moment(value) if isinstance(value, datetime) else value


def _creation(row: Email, placement: Placement) -> Change:
    return Change(row.pk, row.thread_id, row.received_at, row.modseq, row.modseq, row.size, None, placement)


def _insert_content(writer: Writer, rows: Sequence[Email], new: Sequence[NewEmail]) -> None:
    generic.insert_rows(
        "jmap_mail_emailcontent",
        ["email_id", "properties", '"index"', "version"],
        [
            (row.pk, message.content.properties, message.content.index, CONTENT_VERSION)
            for row, message in zip(rows, new, strict=True)
        ],
    )
    search.index_emails(
        [(row.pk, writer.account_id, message.content.tokens) for row, message in zip(rows, new, strict=True)]
    )


def _insert_keywords(writer: Writer, pairs: Iterable[tuple[int, Placement]]) -> None:
    generic.insert_rows(
        "jmap_mail_emailkeyword",
        ["account_id", "email_id", "keyword"],
        [
            (writer.account_id, email, keyword)
            for email, placement in pairs
            for keyword in sorted(placement.keywords - KEYWORD_COLUMNS.keys())
        ],
    )


def _write_flags(changes: Sequence[Change]) -> None:
    generic.update_rows(
        "jmap_mail_email",
        "id",
        [*KEYWORD_COLUMNS.values(), "has_other_keywords", "modseq"],
        [
            (c.email, *c.after.flags(), not c.after.keywords <= KEYWORD_COLUMNS.keys(), c.modseq)
            for c in changes
            if c.after
        ],
    )


def _write_keywords(writer: Writer, changes: Sequence[Change]) -> None:
    gained, lost = [], []
    for change in changes:
        before = change.before.keywords if change.before else frozenset()
        after = change.after.keywords if change.after else frozenset()
        gained += [(change.email, keyword) for keyword in sorted(after - before - KEYWORD_COLUMNS.keys())]
        lost += [(change.email, keyword) for keyword in sorted(before - after - KEYWORD_COLUMNS.keys())]
    generic.delete_pairs("jmap_mail_emailkeyword", ("email_id", "keyword"), lost)
    generic.insert_rows(
        "jmap_mail_emailkeyword",
        ["account_id", "email_id", "keyword"],
        [(writer.account_id, email, keyword) for email, keyword in gained],
    )
