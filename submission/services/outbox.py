"""The outbox: what goes into the queue, what holds it up, and what came of it.

Rules kept here:
- a message goes in with all that its delivery needs, in the transaction of whoever sends it, and pins its octets;
- claiming is the relay's; nothing here touches a recipient under a lease but ``record_outcomes``, given the token;
- cancelling locks all recipients of a message, then takes all or none, so it never races a claim half;
- an outcome, the submission's undoStatus and the state that clients compare change in one transaction.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from jmap import work
from jmap.blobs import service as blobs
from jmap.store import Writer, writing
from submission.conf import submission_options
from submission.models import EmailSubmission, Origin, QueuedMessage, QueuedRecipient, Status, UndoStatus
from submission.models.queue import OPEN
from submission.smtp.replies import Reply

__all__ = [
    "QUEUE", "NewMessage", "NewRecipient", "Outcome", "Recorded", "Reply", "Result", "cancel", "cancel_message",
    "enqueue", "hold", "record_outcomes", "release", "retry_now", "touch",
]  # fmt: skip

_CANCELABLE = (Status.WAITING, Status.HELD)

QUEUE = "outbox"
"""The queue's name for ``jmap.work``."""


@dataclass(frozen=True, slots=True)
class NewRecipient:
    """A recipient to be: the address as written, its domain in A-labels, and its DSN parameters (RFC 3461)."""

    address: str
    domain: str
    notify: str = ""
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be queued; the fields are those of QueuedMessage."""

    blob_id: int
    size: int
    origin: Origin
    mail_from: str
    sender_domain: str
    recipients: Sequence[NewRecipient]
    submission_key: int | None = None
    ret: str = ""
    envid: str = ""
    body: str = ""
    smtputf8: bool = False
    release_at: datetime | None = None


class Result(enum.Enum):
    """What an attempt came to, for one recipient."""

    RELAYED = Status.RELAYED
    """Another server took it; whether it arrived is not known."""
    DELIVERED = Status.DELIVERED
    """It is in the recipient's mail store."""
    FAILED = Status.FAILED
    """It will never be delivered."""
    DEFERRED = Status.WAITING
    """It is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one recipient; ``retry_at`` is needed for DEFERRED alone. ``in_doubt``: the server may have it."""

    recipient_id: int
    result: Result
    reply: Reply
    host: str = ""
    retry_at: datetime | None = None
    in_doubt: bool = False


@dataclass(slots=True)
class Recorded:
    """The recipients whose outcome was written (those not named had lost their lease), and the messages now done."""

    recipients: set[int] = field(default_factory=set)
    finished: set[int] = field(default_factory=set)


# ------------------------------------------------------------------------------------------------------------------ in


def enqueue(account_id: int, messages: Sequence[NewMessage], now: datetime | None = None) -> list[QueuedMessage]:
    """Queue messages, inside the caller's transaction; after its commit a worker is woken.

    A fixed number of statements whatever their number. Raises BlobGone where the collector took octets: store them
    again, outside of the transaction.
    """
    if not messages:
        return []
    moment = now or timezone.now()
    lifetime = timedelta(seconds=submission_options().queue_lifetime)
    blobs.pin(*(message.blob_id for message in messages))
    queued = QueuedMessage.objects.bulk_create(
        QueuedMessage(
            account_id=account_id,
            blob_id=one.blob_id,
            origin=one.origin,
            submission_key=one.submission_key,
            size=one.size,
            mail_from=one.mail_from,
            sender_domain=one.sender_domain,
            ret=one.ret,
            envid=one.envid,
            body=one.body,
            smtputf8=one.smtputf8,
            release_at=one.release_at,
            created_at=moment,
            expires_at=(one.release_at or moment) + lifetime,
        )
        for one in messages
    )
    QueuedRecipient.objects.bulk_create(
        [
            QueuedRecipient(
                account_id=account_id,
                message=row,
                address=recipient.address,
                domain=recipient.domain,
                notify=recipient.notify,
                orcpt=recipient.orcpt,
                next_attempt_at=one.release_at or moment,
            )
            for one, row in zip(messages, queued, strict=True)
            for recipient in one.recipients
        ],
        batch_size=1_000,
    )
    if any(one.release_at is None for one in messages):
        work.wake(QUEUE)
    return queued


# ------------------------------------------------------------------------------------------------- an operator's hand


def hold(recipient_keys: Iterable[int]) -> int:
    """Keep waiting recipients in the queue until they are released; returns how many. Those being sent are not held."""
    waiting = QueuedRecipient.objects.filter(pk__in=list(recipient_keys), status=Status.WAITING)
    return waiting.update(status=Status.HELD)


def release(recipient_keys: Iterable[int]) -> int:
    """Let held recipients go on, not before their time; returns how many."""
    with transaction.atomic():
        held = QueuedRecipient.objects.filter(pk__in=list(recipient_keys), status=Status.HELD)
        released = held.update(status=Status.WAITING)
        work.wake(QUEUE)
    return released


def retry_now(recipient_keys: Iterable[int], now: datetime | None = None) -> int:
    """Try waiting recipients at once, except those whose release is ahead; returns how many."""
    moment = now or timezone.now()
    with transaction.atomic():
        waiting = QueuedRecipient.objects.filter(
            pk__in=list(recipient_keys), status=Status.WAITING, next_attempt_at__gt=moment
        ).exclude(message__release_at__gt=moment)
        retried = waiting.update(next_attempt_at=moment)
        work.wake(QUEUE)
    return retried


def cancel_message(message_id: int, now: datetime | None = None) -> bool:
    """Take a whole message back, as an operator or its sender may; False where that is too late.

    A submission that it belongs to is then ``canceled``, and its client hears of it.
    """
    account_id = QueuedMessage.objects.filter(pk=message_id).values_list("account_id", flat=True).first()
    if account_id is None:
        return False
    with writing(account_id) as writer:
        return bool(cancel(writer, [message_id], now))


def cancel(writer: Writer, message_keys: Iterable[int], now: datetime | None = None) -> set[int]:
    """Take messages back under the account's lock; the keys of those that were.

    A message is taken back as a whole: no recipient was handed on, is being sent, or is in doubt. One that failed
    before stays failed.
    """
    moment = now or timezone.now()
    # All rows are locked before any is judged: a claim came before that and is seen, or comes after and finds nothing.
    rows = list(
        QueuedRecipient.objects.select_for_update()
        .filter(account_id=writer.account_id, message_id__in=list(message_keys))
        .order_by("pk")
        .values_list("message_id", "status", "in_doubt")
    )
    waiting = {key for key, status, _in_doubt in rows if status in _CANCELABLE}
    lost = {key for key, status, in_doubt in rows if in_doubt or status not in (*_CANCELABLE, Status.FAILED)}
    canceled = waiting - lost
    if canceled:
        open_rows = QueuedRecipient.objects.filter(message_id__in=canceled, status__in=_CANCELABLE)
        open_rows.update(status=Status.CANCELED, settled_at=moment)
        messages = QueuedMessage.objects.filter(pk__in=canceled)
        messages.update(finished_at=moment)
        keys = messages.values_list("submission_key", flat=True)
        touch(writer, {key: UndoStatus.CANCELED for key in keys if key is not None})
    return canceled


# ------------------------------------------------------------------------------------------------------ what came of it


def record_outcomes(
    account_id: int,
    lease: UUID,
    outcomes: Sequence[Outcome],
    now: datetime | None = None,
    then: Callable[[Recorded], None] | None = None,
) -> Recorded:
    """Write what came of recipients of one account that were claimed under ``lease``, and end the lease.

    Who lost the lease changes nothing. The submissions concerned get a new modseq each, ``undo_status`` becomes final
    with the first recipient that is handed on or when nothing is left to send, and clients hear of it. One transaction,
    in which ``then`` is called last: what goes with the outcomes happens with them, and what it raises undoes all.
    """
    moment = now or timezone.now()
    recorded = Recorded()
    with writing(account_id) as writer:
        given = {outcome.recipient_id: outcome for outcome in outcomes}
        rows = list(
            QueuedRecipient.objects.select_for_update()
            .filter(account_id=account_id, pk__in=given, lease=lease, status=Status.SENDING)
            .order_by("pk")
        )
        for row in rows:
            _apply(row, given[row.pk], moment)
        _save(QueuedRecipient, rows, _OUTCOME_FIELDS)
        recorded.recipients = {row.pk for row in rows}
        recorded.finished = _settle_messages(writer, {row.message_id for row in rows}, moment)
        if then is not None:
            then(recorded)
    return recorded


_OUTCOME_FIELDS = (
    "status", "attempts", "next_attempt_at", "last_attempt_at", "lease", "lease_until",
    "reply_code", "reply_enhanced", "reply_text", "relay_host", "settled_at", "in_doubt",
)  # fmt: skip


def _save(model: type[Any], rows: Sequence[Any], fields: Sequence[str]) -> None:
    """Write fields of rows; one row, which is the rule, by a plain UPDATE: bulk_update takes ten times as long."""
    if len(rows) == 1:
        model.objects.filter(pk=rows[0].pk).update(**{name: getattr(rows[0], name) for name in fields})
    else:
        model.objects.bulk_update(rows, fields, batch_size=500)


def _apply(row: QueuedRecipient, outcome: Outcome, moment: datetime) -> None:
    row.status = Status(outcome.result.value)
    row.attempts += 1
    row.last_attempt_at = moment
    row.lease = row.lease_until = None
    row.reply_code, row.reply_enhanced = outcome.reply.code, outcome.reply.enhanced[:11]
    row.reply_text = outcome.reply.text[:1_000]
    row.relay_host = outcome.host[:255]
    row.in_doubt = row.in_doubt or outcome.in_doubt
    if outcome.result is Result.DEFERRED:
        if outcome.retry_at is None:
            raise ValueError("a deferred recipient needs the time of its next attempt")
        row.next_attempt_at = outcome.retry_at
    else:
        row.settled_at = moment


def _settle_messages(writer: Writer, message_keys: set[int], moment: datetime) -> set[int]:
    """Finish the messages whose last recipient is settled, and tell their submissions; the keys of the finished."""
    if not message_keys:
        return set()
    messages = dict(QueuedMessage.objects.filter(pk__in=message_keys).values_list("pk", "submission_key"))
    states: dict[int, set[str]] = {key: set() for key in messages}
    rows = QueuedRecipient.objects.filter(account_id=writer.account_id, message_id__in=messages)
    for key, status in rows.values_list("message_id", "status").distinct():
        states[key].add(status)
    finished = {key for key, held in states.items() if held.isdisjoint(OPEN)}
    QueuedMessage.objects.filter(pk__in=finished, finished_at=None).update(finished_at=moment)
    handed_on = {Status.RELAYED, Status.DELIVERED}
    touched: dict[int, UndoStatus | None] = {}
    for key, submission in messages.items():
        if submission is not None:
            is_final = key in finished or not states[key].isdisjoint(handed_on)
            touched[submission] = UndoStatus.FINAL if is_final else None
    touch(writer, touched)
    return finished


def touch(writer: Writer, submissions: dict[int, UndoStatus | None]) -> None:
    """Tell clients that submissions, as far as they exist, are others than before; with a new undo status if given."""
    rows = list(EmailSubmission.objects.filter(account_id=writer.account_id, pk__in=submissions))
    for row in rows:
        row.modseq = writer.next("EmailSubmission")
        row.undo_status = submissions[row.pk] or row.undo_status
    _save(EmailSubmission, rows, ("modseq", "undo_status"))
