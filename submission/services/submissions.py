"""Submissions: an email on its way out (RFC 8621 §7).

Rules kept here:
- header blocks are read before the account's lock is taken, since octets never change; who may send from where, and
  whether the email is there, is asked under the lock;
- a submission and what it puts into the queue are written in one transaction;
- one that is refused never hinders another, and leaves nothing behind;
- destroying a submission takes the record away, never the delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import BlobKey, default_store
from jmap.models import Tombstone
from jmap.store import Writer
from mail.models import Email
from submission.addresses import BadAddress, parse_mailbox
from submission.conf import SubmissionOptions, submission_options
from submission.envelope import Posting, infer, post
from submission.letters import MAX_HEAD, Head, header_of, read_head
from submission.models import EmailSubmission, Identity, Origin, QueuedMessage, SubmissionReport, UndoStatus
from submission.services import outbox
from submission.services.errors import (
    CannotUnsend,
    ForbiddenFrom,
    ForbiddenMailFrom,
    Invalid,
    InvalidEmail,
    NotFound,
    SubmissionError,
    TooLarge,
)
from submission.services.identities import Rights, rights
from submission.services.outbox import NewMessage
from submission.smtp.content import crlf

_FIRST_READ = 16_384
"""Octets within which most header blocks end."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks to be sent; a key that names nothing is 0. ``envelope`` None is made from the email."""

    identity_key: int
    email_key: int
    envelope: Mapping[str, Any] | None


Guard = Callable[[Writer, Sequence[int]], Sequence[SubmissionError | None]]
"""Given how many recipients each of some submissions has, in order, says why each may not go, or None."""

_guards: list[Guard] = []


def register_guard(guard: Guard) -> None:
    """Let limits and suspensions judge what is about to be queued, under the lock; call it from ``AppConfig.ready``."""
    if guard not in _guards:
        _guards.append(guard)


# ------------------------------------------------------------------------------------------------------------- creating


def read_heads(account_id: int, email_keys: Iterable[int]) -> dict[int, Head | SubmissionError]:
    """The header block of each email that is there, read outside of any transaction; an error where it cannot be."""
    rows = Email.objects.filter(account_id=account_id, pk__in=set(email_keys)).values_list("pk", "blob__digest")
    heads: dict[int, Head | SubmissionError] = {}
    for key, digest in rows:
        try:
            heads[key] = read_head(header_block(BlobKey(account_id, bytes(digest))))
        except InvalidEmail as refusal:
            heads[key] = refusal
    return heads


def header_block(key: BlobKey) -> bytes:
    """The header block of a message as it travels. Raises InvalidEmail where it is lost or too long."""
    wanted = _FIRST_READ
    while True:
        try:
            data = b"".join(default_store().open_range(key, 0, wanted))
        except ObjectMissing:
            raise InvalidEmail(_("the message is lost"), "blobId") from None
        block = header_of(data)
        if block is not None or len(data) < wanted:
            return b"".join(crlf([data])) if block is None else block
        if wanted >= MAX_HEAD:
            raise InvalidEmail(_("the header of the message is too long"), "headers")
        wanted = min(wanted * 4, MAX_HEAD)


@dataclass(slots=True)
class _Accepted:
    """A submission that may go."""

    order: Order
    thread_key: int
    blob_id: int
    size: int
    envelope: Mapping[str, Any]
    posting: Posting
    sender_domain: str


def create(
    writer: Writer,
    orders: Sequence[Order],
    heads: Mapping[int, Head | SubmissionError],
    now: datetime | None = None,
) -> list[EmailSubmission | SubmissionError]:
    """Submit emails under the account's lock; what is refused stands in the answer in its place.

    ``heads``: what ``read_heads`` found before. A fixed number of statements whatever their number.
    """
    if not orders:
        return []
    moment = (now or timezone.now()).replace(microsecond=0)
    judge = _Judge(writer.account_id, orders, heads, moment)
    judged = _guarded(writer, [judge.judge(order) for order in orders])
    accepted = [one for one in judged if isinstance(one, _Accepted)]
    made = [_row(writer, one, moment) for one in accepted]
    EmailSubmission.objects.bulk_create(made)
    outbox.enqueue(writer.account_id, [_message(one, row) for one, row in zip(accepted, made, strict=True)], moment)
    rows = iter(made)
    return [one if isinstance(one, SubmissionError) else next(rows) for one in judged]


class _Judge:
    """Who may send what, as it is under the lock: read once for all orders of a call."""

    def __init__(
        self, account_id: int, orders: Sequence[Order], heads: Mapping[int, Head | SubmissionError], now: datetime
    ) -> None:
        identities = {order.identity_key for order in orders}
        emails = {order.email_key for order in orders}
        self.identities: dict[int, str] = dict(
            Identity.objects.filter(account_id=account_id, pk__in=identities).values_list("pk", "email")
        )
        found = Email.objects.filter(account_id=account_id, pk__in=emails)
        self.emails = {row[0]: row[1:] for row in found.values_list("pk", "thread_id", "blob_id", "size")}
        self.rights: Rights = rights(account_id)
        self.options: SubmissionOptions = submission_options()
        self.heads = heads
        self.now = now

    def judge(self, order: Order) -> _Accepted | SubmissionError:
        """What an order comes to."""
        try:
            return self._judge(order)
        except SubmissionError as refusal:
            return refusal

    def _judge(self, order: Order) -> _Accepted:
        unknown = [
            name
            for name, is_known in (
                ("identity_key", order.identity_key in self.identities),
                ("email_key", order.email_key in self.emails and order.email_key in self.heads),
            )
            if not is_known
        ]
        if unknown:
            raise Invalid(_("there is no such object"), *unknown)
        head = self.heads[order.email_key]
        if isinstance(head, SubmissionError):
            raise head
        thread_key, blob_id, size = self.emails[order.email_key]
        author = self._author(head)
        envelope = order.envelope or infer(head, self.identities[order.identity_key])
        posting = post(envelope, self.now, self.options)
        if posting.mail_from and not self.rights.allow(posting.mail_from):
            raise ForbiddenMailFrom(_("you may not send as %s") % posting.mail_from[:80])
        if size > self.options.max_message_size:
            raise TooLarge(self.options.max_message_size)
        posting.smtputf8 |= not head.is_ascii
        return _Accepted(order, thread_key, blob_id, size, envelope, posting, parse_mailbox(author).domain)

    def _author(self, head: Head) -> str:
        """The first address of the author field, all of which the user may send from (RFC 6409 §6.1).

        Raises InvalidEmail, ForbiddenFrom.
        """
        if head.has_nul:
            raise InvalidEmail(_("the header of the message holds a NUL"), "headers")
        name = "from" if head.from_field == "from" else "header:Resent-From"
        authors = head.authors[head.from_field]
        if head.fields["from"] != 1 or not authors:
            raise InvalidEmail(_("the message has to have one From field with an address"), name)
        for author in authors:
            try:
                parse_mailbox(author)
            except BadAddress:
                raise InvalidEmail(_("%s is not an address") % author[:80], name) from None
        forbidden = [author for author in authors if not self.rights.allow(author)]
        if forbidden:
            raise ForbiddenFrom(*forbidden)
        return authors[0]


def _guarded(writer: Writer, judged: list[_Accepted | SubmissionError]) -> list[_Accepted | SubmissionError]:
    """What is left after every guard has spoken."""
    for guard in _guards:
        open_ = [(at, one) for at, one in enumerate(judged) if isinstance(one, _Accepted)]
        refusals = guard(writer, [len(one.posting.recipients) for _at, one in open_])
        for (at, _one), refusal in zip(open_, refusals, strict=True):
            if refusal is not None:
                judged[at] = refusal
    return judged


def _row(writer: Writer, one: _Accepted, moment: datetime) -> EmailSubmission:
    modseq = writer.next("EmailSubmission")
    return EmailSubmission(
        account_id=writer.account_id,
        created_modseq=modseq,
        modseq=modseq,
        identity_key=one.order.identity_key,
        email_key=one.order.email_key,
        thread_key=one.thread_key,
        envelope=one.envelope,
        send_at=one.posting.release_at or moment,
    )


def _message(one: _Accepted, row: EmailSubmission) -> NewMessage:
    posting = one.posting
    return NewMessage(
        blob_id=one.blob_id,
        size=one.size,
        origin=Origin.SUBMISSION,
        mail_from=posting.mail_from,
        sender_domain=one.sender_domain,
        recipients=posting.recipients,
        submission_key=row.pk,
        ret=posting.ret,
        envid=posting.envid,
        body=posting.body,
        smtputf8=posting.smtputf8,
        release_at=posting.release_at,
    )


# --------------------------------------------------------------------------------------- taking back, and the record


def unsend(writer: Writer, keys: Iterable[int]) -> dict[int, SubmissionError]:
    """Take submissions back before they leave; what was refused, by key (RFC 8621 §7.5, cannotUnsend).

    One that was taken back already is no error.
    """
    wanted = list(dict.fromkeys(keys))
    states = dict(
        EmailSubmission.objects.filter(account_id=writer.account_id, pk__in=wanted).values_list("pk", "undo_status")
    )
    pending = [key for key, status in states.items() if status == UndoStatus.PENDING]
    messages = dict(
        QueuedMessage.objects.filter(account_id=writer.account_id, submission_key__in=pending).values_list(
            "pk", "submission_key"
        )
    )
    canceled = {messages[key] for key in outbox.cancel(writer, messages)}
    refused: dict[int, SubmissionError] = {}
    for key in wanted:
        if key not in states:
            refused[key] = NotFound()
        elif states[key] != UndoStatus.CANCELED and key not in canceled:
            refused[key] = CannotUnsend(_("the message is on its way already"))
    return refused


def destroy(writer: Writer, keys: Iterable[int]) -> set[int]:
    """Destroy records of submissions with the reports that came back; the keys of those that were there.

    What they sent, or are to send, goes its way.
    """
    rows = list(
        EmailSubmission.objects.filter(account_id=writer.account_id, pk__in=set(keys)).values_list(
            "pk", "created_modseq"
        )
    )
    gone = {key for key, _created in rows}
    Tombstone.objects.bulk_create(
        Tombstone(
            account_id=writer.account_id,
            type="EmailSubmission",
            object_id=key,
            created_modseq=created,
            modseq=writer.next("EmailSubmission"),
        )
        for key, created in rows
    )
    SubmissionReport.objects.filter(account_id=writer.account_id, submission_key__in=gone).delete()
    EmailSubmission.objects.filter(pk__in=gone).delete()
    return gone
