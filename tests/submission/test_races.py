"""A sender who takes back and a worker who sends: one of them wins, never both (RFC 8621 §7.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from jmap.store import writing
from submission.models import EmailSubmission, QueuedMessage, QueuedRecipient, Status, UndoStatus
from submission.services import outbox
from tests.submission.test_outbox import queued

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60


def _claim(message: QueuedMessage) -> int:
    """Lease what can be leased of a message, as a worker does; how many recipients."""
    with transaction.atomic():
        rows = message.recipients.filter(status=Status.WAITING)
        if connection.vendor == "postgresql":
            keys = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
            rows = QueuedRecipient.objects.filter(pk__in=keys)
        return rows.update(status=Status.SENDING, lease=uuid4(), lease_until=timezone.now() + timedelta(minutes=5))


def _apart(work: Callable[[], object]) -> Callable[[], object]:
    """The same work over a connection of its own."""

    def run() -> object:
        try:
            return work()
        finally:
            connections.close_all()

    return run


def _account() -> object:
    from jmap.models import Account

    return Account.objects.create(name="alice")


@pytest.mark.rfc(8621, "7.5")
def test_who_takes_back_while_a_worker_claims_one_recipient_waits_and_loses_as_a_whole() -> None:
    submission, message = queued(_account(), "b@x.test", "c@x.test")
    first = message.recipients.order_by("pk").first()
    claimed, cancels = threading.Event(), threading.Event()

    def claim() -> None:
        with transaction.atomic():
            QueuedRecipient.objects.filter(pk=first.pk).update(status=Status.SENDING, lease=uuid4())
            claimed.set()
            cancels.wait(PATIENCE)

    def cancel() -> bool:
        claimed.wait(PATIENCE)
        threading.Timer(0.2, cancels.set).start()
        return outbox.cancel_message(message.pk)

    with ThreadPoolExecutor(2) as pool:
        worker, sender = pool.submit(_apart(claim)), pool.submit(_apart(cancel))
        worker.result(PATIENCE)
        assert sender.result(PATIENCE) is False

    submission.refresh_from_db()
    assert submission.undo_status == UndoStatus.PENDING
    assert set(message.recipients.values_list("status", flat=True)) == {Status.SENDING, Status.WAITING}


@pytest.mark.rfc(8621, "7.5")
def test_a_worker_that_claims_while_somebody_takes_back_finds_nothing() -> None:
    _, message = queued(_account(), "b@x.test", "c@x.test")
    locked, claims = threading.Event(), threading.Event()

    def cancel() -> None:
        with writing(message.account_id) as writer:
            assert outbox.cancel(writer, [message.pk]) == {message.pk}
            locked.set()
            claims.wait(PATIENCE)

    def claim() -> int:
        locked.wait(PATIENCE)
        threading.Timer(0.2, claims.set).start()
        return _claim(message)

    with ThreadPoolExecutor(2) as pool:
        sender, worker = pool.submit(_apart(cancel)), pool.submit(_apart(claim))
        sender.result(PATIENCE)
        assert worker.result(PATIENCE) == 0

    assert set(message.recipients.values_list("status", flat=True)) == {Status.CANCELED}


@pytest.mark.rfc(8621, "7.5")
def test_of_many_races_each_has_one_winner() -> None:
    account = _account()
    messages = [queued(account, "b@x.test", "c@x.test", "d@x.test")[1] for _ in range(15)]
    start = threading.Barrier(2)

    def cancel() -> list[bool]:
        start.wait(PATIENCE)
        return [outbox.cancel_message(message.pk) for message in messages]

    def claim() -> list[int]:
        start.wait(PATIENCE)
        return [_claim(message) for message in reversed(messages)]

    with ThreadPoolExecutor(2) as pool:
        sender, worker = pool.submit(_apart(cancel)), pool.submit(_apart(claim))
        canceled = sender.result(PATIENCE)
        claimed = worker.result(PATIENCE)[::-1]

    for message, was_canceled, sent in zip(messages, canceled, claimed, strict=True):
        statuses = set(message.recipients.values_list("status", flat=True))
        assert not (was_canceled and sent)
        assert (Status.CANCELED in statuses) == was_canceled
        assert not was_canceled or statuses == {Status.CANCELED}
        undo = EmailSubmission.objects.get(pk=message.submission_key).undo_status
        assert (undo == UndoStatus.CANCELED) == was_canceled
