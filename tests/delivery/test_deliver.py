"""A message that arrives becomes an Email: what is written, what is answered, and what happens when something fails."""

from __future__ import annotations

import errno

import pytest
from django.db import OperationalError

from jmap.blobs.storage import default_store
from jmap.store import current_state
from mail.models import ReceivedMessage, Verdict
from mail.search import backend as search
from mail.services.delivery import service
from tests.delivery.post import PostOffice
from tests.store.mailroom import Mailroom, message


@pytest.mark.rfc(8621, "4.1.1")
def test_a_message_is_in_the_inbox_with_its_books_and_found_at_once(post: PostOffice) -> None:
    (outcome,) = post.send("one")

    (email,) = post.in_box()
    assert (outcome.recipient, outcome.reply) == (post.address, "250 2.1.5 delivered")
    assert outcome.emails == ((post.room.account.pk, email.pk),)
    assert search.matching_ids(post.room.account.pk, "text", "good") == [email.pk]
    post.check()


@pytest.mark.rfc(8621, "1.5")
def test_a_delivery_moves_the_state_of_email_and_of_email_delivery(post: PostOffice) -> None:
    account = post.room.account.pk
    before = [current_state(account, name) for name in ("Email", "EmailDelivery", "Mailbox", "Thread")]

    post.send("one")

    after = [current_state(account, name) for name in ("Email", "EmailDelivery", "Mailbox", "Thread")]
    assert all(old != new for old, new in zip(before, after))


@pytest.mark.rfc(5321, "4.4")
def test_return_path_and_received_are_written_and_the_octets_stay_as_they_came(post: PostOffice) -> None:
    data = message("one")

    post.hand_in(data, protocol="LMTP", helo="mx.test", client_address="192.0.2.1", queue_id="4F2A")

    stored = post.octets(post.in_box()[0])
    trace = stored.removesuffix(data).decode()
    assert trace.startswith(f"Return-Path: <grace@elsewhere.test>\r\nDelivered-To: {post.address}\r\nReceived: from mx")
    assert "([192.0.2.1])" in trace
    assert "with LMTP" in trace
    assert "id 4F2A" in trace
    assert f"for <{post.address}>" in trace


@pytest.mark.rfc(5321, "4.4")
def test_a_return_path_that_came_along_is_left_out(post: PostOffice) -> None:
    body = b"\r\nReturn-Path: <kept>\r\n"
    data = b"Return-Path: <liar@x.test>\r\nSubject: One\r\nReturn-Path: <folded\r\n @x.test>\r\n" + body

    post.hand_in(data, sender="")

    stored = post.octets(post.in_box()[0])
    assert stored.startswith(b"Return-Path: <>\r\n")
    assert stored.endswith(b"Subject: One\r\n\r\nReturn-Path: <kept>\r\n")
    assert stored.count(b"Return-Path:") == 2


@pytest.mark.own("octets are stored as they came")
def test_a_message_with_lf_line_ends_keeps_them(post: PostOffice) -> None:
    data = b"From someone@x.test Thu Jan  1 00:00:00 2026\nSubject: One\n\nBody\r\nwith\0NUL\n"

    post.hand_in(data)

    stored = post.octets(post.in_box()[0])
    assert stored.endswith(b"\nSubject: One\n\nBody\r\nwith\0NUL\n")
    assert b"\r\n" not in stored.partition(b"Subject")[0]
    assert b"From someone" not in stored


@pytest.mark.rfc(5321, "7.2")
def test_recipients_of_one_transaction_get_the_same_octets_and_do_not_learn_of_each_other(post: PostOffice) -> None:
    other = PostOffice(Mailroom.open())

    outcomes = post.send("one", post.address, other.address)

    assert [one.code for one in outcomes] == [250, 250]
    mine, theirs = post.octets(post.in_box()[0]), other.octets(other.in_box()[0])
    assert mine == theirs
    assert post.address.encode() not in mine


@pytest.mark.own("two RCPTs of one account give one Email")
def test_two_recipients_of_one_account_give_one_email(post: PostOffice) -> None:
    outcomes = post.send("one", post.address, post.address.upper())

    assert [one.code for one in outcomes] == [250, 250]
    assert len(post.in_box()) == 1


@pytest.mark.own("a message sent again is known for seven days")
def test_a_message_that_is_sent_again_is_acknowledged_and_not_doubled(post: PostOffice) -> None:
    post.send("one")

    (again,) = post.send("one")
    (other,) = post.send("one", sender="other@elsewhere.test")

    assert (again.code, again.verdict) == (250, Verdict.DUPLICATE)
    assert other.verdict == Verdict.DELIVERED
    assert len(post.in_box()) == 2


@pytest.mark.own("a message sent again is known for seven days")
def test_what_need_not_be_told_apart_comes_twice(post: PostOffice) -> None:
    for _ in range(2):
        post.send("one", once=False)

    assert len(post.in_box()) == 2
    assert not ReceivedMessage.objects.exists()


@pytest.mark.own("a failure of the store is temporary and leaves nothing half done")
def test_a_full_disk_is_temporary_and_the_message_can_come_again(post: PostOffice, monkeypatch) -> None:
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(default_store(), "put", full)
        (first,) = post.send("one")
    (second,) = post.send("one")

    assert first.reply == "452 4.3.1 the server has no space left, try again later"
    assert second.verdict == Verdict.DELIVERED
    assert len(post.in_box()) == 1
    post.check()


@pytest.mark.own("what goes wrong for one recipient changes nothing for the others")
def test_a_failure_for_one_account_leaves_the_others_their_mail(post: PostOffice, monkeypatch) -> None:
    other = PostOffice(Mailroom.open())
    real = service.deposit

    def fails_for_other(account_id: int, *args: object) -> object:
        if account_id == other.room.account.pk:
            raise OperationalError("the server closed the connection")
        return real(account_id, *args)

    with monkeypatch.context() as patch:
        patch.setattr(service, "deposit", fails_for_other)
        first = post.send("one", post.address, "nobody@mail.test", other.address)
    second = post.send("one", post.address, other.address)

    assert [one.code for one in first] == [250, 550, 451]
    assert [one.verdict for one in second] == [Verdict.DUPLICATE, Verdict.DELIVERED]
    assert (len(post.in_box()), len(other.in_box())) == (1, 1)


@pytest.mark.rfc(5321, "6.3")
def test_a_message_with_too_many_received_fields_goes_round_in_circles(post: PostOffice) -> None:
    (outcome,) = post.hand_in(b"Received: from a by b; today\r\n" * 51 + message("one"))

    assert outcome.reply.startswith("554 5.4.6")
    assert post.count() == 0


@pytest.mark.rfc(5321, "6.3")
def test_a_message_that_was_delivered_to_the_same_address_goes_round_in_circles(post: PostOffice) -> None:
    other = PostOffice(Mailroom.open())

    outcomes = post.hand_in(
        f"Delivered-To: {post.address.upper()}\r\n".encode() + message("one"), post.address, other.address
    )

    assert [one.code for one in outcomes] == [554, 250]


@pytest.mark.rfc(1870, "6")
def test_a_message_that_is_too_large_is_refused(post: PostOffice, settings) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"MAX_SIZE": 65_536}}

    (outcome,) = post.hand_in(message("one") + b"x" * 65_536)

    assert outcome.reply.startswith("552 5.3.4")


@pytest.mark.own("an account without an Inbox gets one")
def test_an_account_that_lost_its_inbox_gets_one(post: PostOffice) -> None:
    from jmap.store import writing
    from mail.services import mailboxes

    account = post.room.account
    with writing(account.pk) as writer:
        present = mailboxes.load(account.pk, account.user_id, owned=True)
        mailboxes.apply(writer, account.user_id, present, {}, {}, [post.room.boxes["inbox"]])

    (outcome,) = post.send("one")

    assert outcome.code == 250
    assert account.pk == outcome.emails[0][0]
    post.check()
