"""What came of a message, written down: outcomes, what the sender is told, and what is counted, in one transaction.

Rules kept here:
- it is written at once; while the database is away it is tried again, as long as nobody else can have taken the message
  up: what was handed over and not written down is sent twice;
- who lost the lease writes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.models import Blob
from submission.models import Origin, QueuedMessage, QueuedRecipient, SubmissionReport
from submission.relay.lease import Lease, LeaseLost
from submission.relay.letter import Letter
from submission.relay.notices import Notice, notice
from submission.relay.transmit import Parcel
from submission.services import outbox
from submission.services.outbox import NewMessage, Outcome, Recorded

log = logging.getLogger("submission.relay")

_PAUSE = 0.5
"""Seconds between two attempts to reach a database that is away."""


def record(
    parcel: Parcel, letter: Letter | None, outcomes: Sequence[Outcome], lease: Lease, *, hop_sends_dsn: bool
) -> None:
    """Write what came of a message. Raises LeaseLost."""
    while True:
        try:
            _record(parcel, letter, outcomes, lease, hop_sends_dsn)
            return
        except (OperationalError, InterfaceError) as error:
            log.warning("what came of message %d is not written yet: %s", parcel.message.pk, type(error).__name__)
            connection.close()
            if not lease.is_alive:
                raise LeaseLost from None
            time.sleep(_PAUSE)


def _record(
    parcel: Parcel, letter: Letter | None, outcomes: Sequence[Outcome], lease: Lease, hop_sends_dsn: bool
) -> None:
    message = parcel.message
    told = notice(message, letter, parcel.rows, outcomes, hop_sends_dsn=hop_sends_dsn)
    blob = blobs.store_bytes(message.account_id, told.data) if told is not None else None

    def with_it(recorded: Recorded) -> None:
        if len(recorded.recipients) < len(outcomes):
            raise LeaseLost
        if letter is not None and letter.message_id != message.message_id:
            QueuedMessage.objects.filter(pk=message.pk).update(message_id=letter.message_id)
        if told is not None and blob is not None:
            _tell(message, told, blob)

    outbox.record_outcomes(message.account_id, lease.token, outcomes, then=with_it)


def _tell(message: QueuedMessage, told: Notice, blob: Blob) -> None:
    now = timezone.now()
    if message.submission_key is not None:
        SubmissionReport.objects.get_or_create(
            account_id=message.account_id,
            submission_key=message.submission_key,
            blob=blob,
            defaults={"kind": SubmissionReport.Kind.DSN, "received_at": now},
        )
    if told.delayed:
        QueuedRecipient.objects.filter(pk__in=told.delayed).update(delay_told=True)
    reply = NewMessage(
        blob_id=blob.pk,
        size=len(told.data),
        origin=Origin.DSN,
        mail_from="",
        sender_domain=message.sender_domain,
        recipients=[told.recipient],
        smtputf8=not told.data.isascii(),
    )
    outbox.enqueue(message.account_id, [reply], now)
