"""The delivery log: a row for each recipient and attempt, without content, kept for some days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError
from django.utils import timezone

from mail.models import DeliveryRecord, ReceivedMessage
from mail.services import aliases
from mail.services.delivery import Envelope, check_recipient, record_refusals, sql
from mail.services.delivery.purging import purge
from tests.delivery.post import SENDER, PostOffice


@pytest.mark.own("a row for each recipient and attempt")
def test_every_recipient_of_every_attempt_has_a_row(post: PostOffice) -> None:
    for _ in range(2):
        post.send("one", post.address, "nobody@mail.test", queue_id="4F2A", helo="mx", client_address="192.0.2.1")

    rows = DeliveryRecord.objects.order_by("pk").values_list("recipient", "verdict", "code", "enhanced", "is_failed")
    assert sorted(rows) == sorted(
        [
            (post.address, "delivered", 250, "2.1.5", False),
            (post.address, "duplicate", 250, "2.1.5", False),
            ("nobody@mail.test", "refused", 550, "5.1.1", True),
            ("nobody@mail.test", "refused", 550, "5.1.1", True),
        ]
    )
    first = DeliveryRecord.objects.get(verdict="delivered")
    assert (first.sender, first.message_id, first.queue_id) == (SENDER, "one@mail.test", "4F2A")
    assert (first.account_id, first.mailbox, first.email) == (post.room.account.pk, "Inbox", post.in_box()[0].pk)
    assert first.client == "mx [192.0.2.1]"
    assert abs((timezone.now() - first.at).total_seconds()) < 60


@pytest.mark.own("a row for each recipient and attempt")
def test_what_became_of_each_member_of_a_group_is_told(post: PostOffice, forward_by: Any) -> None:
    forward_by(None)
    aliases.create("team@mail.test", [post.address, "gone@mail.test", "ada@elsewhere.test"])

    (outcome,) = post.send("one", "team@mail.test")

    rows = DeliveryRecord.objects.values_list("recipient", "account", "target", "code")
    assert outcome.code == 451
    assert set(rows) == {
        ("team@mail.test", post.room.account.pk, "", 250),
        ("team@mail.test", None, "gone@mail.test", 550),
        ("team@mail.test", None, "ada@elsewhere.test", 451),
    }


@pytest.mark.own("a row for each recipient and attempt")
def test_refusals_at_rcpt_are_logged_by_the_edge(post: PostOffice) -> None:
    refusal = check_recipient("nobody@mail.test")
    assert refusal is not None

    record_refusals(Envelope(SENDER, [], size=5), [refusal])

    assert DeliveryRecord.objects.values_list("recipient", "code", "size").get() == ("nobody@mail.test", 550, 5)


@pytest.mark.own("a log that cannot be written hinders no answer")
def test_hostile_names_fit_the_log(post: PostOffice) -> None:
    (outcome,) = post.hand_in(
        b"Message-ID: <" + b"x" * 400 + b"\0\xff>\r\n\r\n",
        sender="\udcff\0" + "s" * 400,
        helo="h\0" * 400,
        queue_id="q" * 200,
        protocol="p" * 50,
    )

    row = DeliveryRecord.objects.get()
    assert outcome.code == 250
    assert (len(row.message_id), len(row.sender), len(row.client), len(row.queue_id)) == (255, 320, 255, 64)


@pytest.mark.own("a log that cannot be written hinders no answer")
def test_a_log_that_cannot_be_written_hinders_no_refusal(post: PostOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise DatabaseError("no")

    monkeypatch.setattr(sql, "log", broken)

    assert post.send("one", "nobody@mail.test")[0].code == 550


@pytest.mark.own("the log is kept for some days, and so is what came in")
def test_what_is_old_is_purged_and_the_rest_stays(post: PostOffice) -> None:
    post.send("one")
    old = timezone.now() - timedelta(days=15)
    DeliveryRecord.objects.update(at=old)
    ReceivedMessage.objects.update(received_at=old)
    post.send("two")

    purged = purge()

    assert purged == 2
    assert DeliveryRecord.objects.get().message_id == "two@mail.test"
    assert ReceivedMessage.objects.count() == 1
    assert post.send("one")[0].verdict == "delivered"
