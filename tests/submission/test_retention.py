"""What the queue and the record of submissions keep, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jmap.models import Tombstone
from submission.models import EmailSubmission, QueuedMessage, QueuedRecipient, SubmissionReport
from submission.services import outbox, retention
from tests.submission.conftest import Sender, envelope, queued
from tests.submission.test_outbox import ACCEPTED, claim, keys


def finished(alice: Sender) -> QueuedMessage:
    """A message that was handed on."""
    message = queued(alice.sent()["id"])
    outbox.record_outcomes(
        alice.account.pk, claim(message), [outbox.Outcome(keys(message)[0], outbox.Result.RELAYED, ACCEPTED)]
    )
    return message


@pytest.mark.own("octets of what was sent are let go after a day, the record stays")
def test_octets_go_first(alice: Sender) -> None:
    message = finished(alice)

    retention.purge(timezone.now() + timedelta(days=2))

    message.refresh_from_db()
    assert message.blob is None
    assert EmailSubmission.objects.count() == 1


@pytest.mark.rfc(8621, "7")
def test_an_old_submission_is_destroyed_with_all_that_belongs_to_it(alice: Sender) -> None:
    finished(alice)
    state = alice.call("EmailSubmission/get", ids=[])["state"]

    assert retention.purge(timezone.now() + timedelta(days=91)) == 1

    assert not EmailSubmission.objects.exists()
    assert not QueuedRecipient.objects.exists()
    assert not SubmissionReport.objects.exists()
    assert Tombstone.objects.filter(type="EmailSubmission").count() == 1
    assert len(alice.call("EmailSubmission/changes", sinceState=state)["destroyed"]) == 1


@pytest.mark.own("what is not finished is never old")
def test_what_waits_stays_however_old_it_is(alice: Sender) -> None:
    message = queued(alice.sent(envelope=envelope("b@x.test", HOLDFOR="60"))["id"])

    assert retention.purge(timezone.now() + timedelta(days=1_000)) == 0

    message.refresh_from_db()
    assert message.blob is not None
