"""The Python call that delivers to a user."""

from __future__ import annotations

import email.message

import pytest
from django.core.mail import EmailMessage
from django.db import transaction

from jmap.ids import decode
from mail.api import NotDelivered, deliver_to
from mail.services import quotas
from mail.services.delivery.service import NotDurable
from mail.services.errors import MailError
from tests.delivery.post import PostOffice
from tests.store.mailroom import message


@pytest.mark.own("a Python call delivers to a user")
def test_a_message_of_any_kind_reaches_the_user(post: PostOffice) -> None:
    python = email.message.EmailMessage()
    python["Subject"] = "Grüße"
    python.set_content("Hello")
    account = post.room.account

    ids = [
        deliver_to(account, message("one")),
        deliver_to(account.user, python),
        deliver_to(account.user, EmailMessage("Hello", "Good day", "team@mail.test", ["ada@mail.test"])),
    ]

    arrived = post.in_box()
    assert [decode("e", one) for one in ids] == [row.pk for row in arrived]
    assert b"Message-ID: <" in post.octets(arrived[1])
    assert b"\r\nDate: " in post.octets(arrived[2])
    post.check()


@pytest.mark.own("a Python call delivers to a user")
def test_the_same_octets_come_twice_unless_they_are_told_to_come_once(post: PostOffice) -> None:
    user = post.room.account.user

    twice = [deliver_to(user, message("one")) for _ in range(2)]
    once = [deliver_to(user, message("two"), once=True) for _ in range(2)]

    assert len(set(twice)) == 2
    assert once[1] == ""
    assert len(post.in_box()) == 3


@pytest.mark.own("a Python call delivers to a user")
def test_what_cannot_be_delivered_is_raised(post: PostOffice, django_user_model: type) -> None:
    quotas.limit_account(post.room.account, max_emails=0, max_octets=None)

    with pytest.raises(NotDelivered) as refusal:
        deliver_to(post.room.account, message("one"))
    with pytest.raises(MailError):
        deliver_to(django_user_model.objects.create_user("stranger"), message("one"))  # type: ignore[attr-defined]

    assert refusal.value.outcome.is_temporary


@pytest.mark.django_db(transaction=True)
@pytest.mark.own("what is acknowledged is durable")
def test_a_delivery_inside_a_transaction_is_refused() -> None:
    post = PostOffice.open()

    with transaction.atomic(), pytest.raises(NotDurable):
        deliver_to(post.room.account, message("one"))

    assert post.in_box() == []
