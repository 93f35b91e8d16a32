"""Mail that a provider posts: only the raw message, answered after the commit."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import BadRequest
from django.test import Client, override_settings
from django.urls import include, path

from mail import webhooks
from mail.services import quotas
from tests.delivery.post import SENDER, PostOffice
from tests.store.mailroom import message

urlpatterns = [path("anymail/", include("anymail.urls"))]

RAW = b"Subject: Caf\xe9 caf\xc3\xa9\r\n" + message("one")


@pytest.fixture
def hooks() -> Iterator[Client]:
    """A site that has installed django-anymail."""
    from anymail.signals import inbound

    webhooks.connect()
    with override_settings(ROOT_URLCONF=__name__, ANYMAIL={"WEBHOOK_SECRET": "name:secret"}):
        client = Client(raise_request_exception=False)
        client.defaults["HTTP_AUTHORIZATION"] = "Basic " + b64encode(b"name:secret").decode()
        yield client
    inbound.disconnect(dispatch_uid="jmap_mail_webhooks")


def _sendgrid(client: Client, data: bytes, *recipients: str) -> int:
    parts = {"envelope": json.dumps({"from": SENDER, "to": recipients}).encode(), "email": data}
    body = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"
        for name, value in parts.items()
    )
    answer = client.post(
        "/anymail/sendgrid/inbound/", body + b"--x--\r\n", content_type="multipart/form-data; boundary=x"
    )
    return answer.status_code


def _json(client: Client, provider: str, given: Any) -> int:
    return client.post(f"/anymail/{provider}/inbound/", json.dumps(given), content_type="application/json").status_code


def _sparkpost(post: PostOffice) -> list[dict[str, Any]]:
    raw = {"email_rfc822": b64encode(message("two")).decode(), "email_rfc822_is_base64": True}
    given = {"protocol": "smtp", "msg_from": SENDER, "rcpt_to": post.address, "content": raw}
    return [{"msys": {"relay_message": given}}]


@pytest.mark.own("a raw message that is posted is delivered octet by octet")
def test_a_posted_message_is_stored_octet_by_octet(post: PostOffice, hooks: Client) -> None:
    status = _sendgrid(hooks, RAW, post.address)

    assert status == 200
    assert post.octets(post.in_box()[0]).endswith(RAW)
    assert post.octets(post.in_box()[0]).startswith(f"Return-Path: <{SENDER}>".encode())


@pytest.mark.own("a raw message that is posted is delivered octet by octet")
def test_other_providers_post_the_raw_message_in_their_own_way(post: PostOffice, hooks: Client) -> None:
    postmark = {"RawEmail": message("three").decode(), "Headers": [{"Name": "Return-Path", "Value": f"<{SENDER}>"}]}

    statuses = [
        _json(hooks, "sparkpost", _sparkpost(post)),
        _json(hooks, "postmark", {**postmark, "OriginalRecipient": post.address, "MessageStream": "inbound"}),
    ]

    assert statuses == [200, 200]
    assert [post.octets(one)[-20:] for one in post.in_box()] == [message("two")[-20:], message("three")[-20:]]


@pytest.mark.own("a provider that takes messages apart is refused")
def test_a_message_that_was_taken_apart_is_refused(post: PostOffice, hooks: Client, caplog: Any) -> None:
    parsed = {"FromFull": {"Email": SENDER, "Name": ""}, "Subject": "One", "TextBody": "x", "MessageStream": "inbound"}

    status = _json(hooks, "postmark", {**parsed, "OriginalRecipient": post.address})

    assert status == 400
    assert post.in_box() == []
    assert "have it post the raw message" in caplog.text


@pytest.mark.own("a provider hears 2xx after the commit alone")
def test_what_may_succeed_later_is_asked_for_again(post: PostOffice, hooks: Client) -> None:
    quotas.limit_account(post.room.account, max_emails=0, max_octets=None)
    full = _sendgrid(hooks, RAW, post.address)
    quotas.limit_account(post.room.account, max_emails=None, max_octets=None)

    again = [_sendgrid(hooks, RAW, post.address) for _ in range(2)]

    assert [full, *again] == [500, 200, 200]
    assert len(post.in_box()) == 1


@pytest.mark.own("a provider hears 2xx after the commit alone")
def test_an_unknown_recipient_and_a_broken_post_are_bad_requests(post: PostOffice, hooks: Client) -> None:
    unknown = _sendgrid(hooks, RAW, "nobody@mail.test")

    with pytest.raises(BadRequest):
        webhooks.receive(None, event=type("Event", (), {"esp_event": {}}), esp_name="Mandrill")

    assert unknown == 400
