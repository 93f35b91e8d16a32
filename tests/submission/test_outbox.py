"""The outbox: what was queued stays, what came of it is told, and taking back never races a claim half."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from jmap import store, work
from jmap.blobs import service as blobs
from jmap.models import Account
from submission.models import EmailSubmission, Origin, QueuedMessage, QueuedRecipient, Status, UndoStatus
from submission.services import outbox
from submission.services.outbox import NewMessage, NewRecipient, Outcome, Reply, Result

ACCEPTED = Reply(250, "2.1.5", "Accepted")
REFUSED = Reply(550, "5.1.1", "No such user")
BUSY = Reply(451, "4.3.0", "Try later")


@pytest.fixture
def account(db: None) -> Account:
    """An account."""
    return Account.objects.create(name="alice")


def queued(account: Account, *addresses: str) -> tuple[EmailSubmission, QueuedMessage]:
    """A submission and its message in the queue."""
    blob = blobs.store_bytes(account.pk, b"Subject: hello\r\n\r\n")
    with store.writing(account.pk) as writer:
        modseq = writer.next("EmailSubmission")
        submission = EmailSubmission.objects.create(
            account=account,
            created_modseq=modseq,
            modseq=modseq,
            identity_key=1,
            email_key=1,
            thread_key=1,
            envelope={},
            send_at=timezone.now(),
        )
        recipients = [NewRecipient(address, address.rpartition("@")[2]) for address in addresses]
        message = NewMessage(
            blob.pk, blob.size, Origin.SUBMISSION, "a@here.test", "here.test", recipients, submission.pk
        )
        return submission, outbox.enqueue(account.pk, [message])[0]


def claim(message: QueuedMessage) -> UUID:
    """Lease every waiting recipient of a message, as a worker does."""
    lease = uuid4()
    message.recipients.filter(status=Status.WAITING).update(
        status=Status.SENDING, lease=lease, lease_until=timezone.now() + timedelta(minutes=5)
    )
    return lease


def keys(message: QueuedMessage) -> list[int]:
    """The keys of its recipients, by address."""
    return list(message.recipients.order_by("address").values_list("pk", flat=True))


@pytest.mark.own("a submission is final as soon as one recipient was handed on")
def test_an_outcome_makes_the_submission_final_and_moves_its_state(account: Account) -> None:
    submission, message = queued(account, "b@x.test", "c@x.test")
    before = store.current_state(account.pk, "EmailSubmission")
    first, second = keys(message)

    recorded = outbox.record_outcomes(
        account.pk,
        claim(message),
        [
            Outcome(first, Result.RELAYED, ACCEPTED, "mx.test"),
            Outcome(second, Result.DEFERRED, BUSY, "mx.test", timezone.now()),
        ],
    )

    submission.refresh_from_db()
    assert recorded.recipients == {first, second}
    assert recorded.finished == set()
    assert submission.undo_status == UndoStatus.FINAL
    assert store.current_state(account.pk, "EmailSubmission") != before


@pytest.mark.own("a submission is pending while nothing was handed on")
def test_a_deferral_leaves_the_submission_pending(account: Account) -> None:
    submission, message = queued(account, "b@x.test")

    outbox.record_outcomes(
        account.pk, claim(message), [Outcome(keys(message)[0], Result.DEFERRED, BUSY, "", timezone.now())]
    )

    submission.refresh_from_db()
    row = message.recipients.get()
    assert submission.undo_status == UndoStatus.PENDING
    assert (row.status, row.attempts, row.reply_code, row.lease) == (Status.WAITING, 1, 451, None)


@pytest.mark.own("who lost the lease writes no outcome")
def test_an_outcome_under_a_lost_lease_changes_nothing(account: Account) -> None:
    _, message = queued(account, "b@x.test")
    lost = claim(message)
    message.recipients.update(lease=uuid4())

    recorded = outbox.record_outcomes(account.pk, lost, [Outcome(keys(message)[0], Result.FAILED, REFUSED)])

    assert recorded.recipients == set()
    assert message.recipients.get().status == Status.SENDING


@pytest.mark.own("a message is done when its last recipient is settled")
def test_the_last_outcome_finishes_the_message(account: Account) -> None:
    submission, message = queued(account, "b@x.test")

    recorded = outbox.record_outcomes(account.pk, claim(message), [Outcome(keys(message)[0], Result.FAILED, REFUSED)])

    message.refresh_from_db()
    submission.refresh_from_db()
    assert recorded.finished == {message.pk}
    assert message.finished_at is not None
    assert submission.undo_status == UndoStatus.FINAL


@pytest.mark.rfc(8621, "7")
def test_a_message_is_taken_back_as_a_whole(account: Account) -> None:
    submission, message = queued(account, "b@x.test", "c@x.test")

    assert outbox.cancel_message(message.pk)

    submission.refresh_from_db()
    assert submission.undo_status == UndoStatus.CANCELED
    assert set(message.recipients.values_list("status", flat=True)) == {Status.CANCELED}


@pytest.mark.rfc(8621, "7")
@pytest.mark.parametrize(
    "change", [{"status": Status.SENDING}, {"status": Status.RELAYED}, {"in_doubt": True}], ids=str
)
def test_a_message_of_which_anything_may_have_left_is_not_taken_back(account: Account, change: dict[str, str]) -> None:
    submission, message = queued(account, "b@x.test", "c@x.test")
    QueuedRecipient.objects.filter(pk=keys(message)[0]).update(**change)

    assert not outbox.cancel_message(message.pk)

    submission.refresh_from_db()
    assert submission.undo_status == UndoStatus.PENDING
    assert message.recipients.filter(status=Status.CANCELED).count() == 0


@pytest.mark.own("held recipients are neither tried nor lost")
def test_a_held_recipient_goes_on_when_it_is_released(account: Account) -> None:
    _, message = queued(account, "b@x.test")

    assert outbox.hold(keys(message)) == 1
    assert message.recipients.get().status == Status.HELD
    assert outbox.release(keys(message)) == 1
    assert message.recipients.get().status == Status.WAITING


@pytest.mark.django_db(transaction=True)
@pytest.mark.own("a worker hears of rows after their commit")
def test_queueing_rings_for_the_workers_of_this_process() -> None:
    account = Account.objects.create(name="alice")
    work.wait(0)

    queued(account, "b@x.test")

    assert outbox.QUEUE in work.wait(5)
