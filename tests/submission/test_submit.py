"""EmailSubmission/set: what is sent, as whom, to whom, and why not (RFC 8621 §7.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.protocol.primitives import format_utc_date
from mail.models import Domain
from mail.services import accounts
from submission.models import QueuedRecipient
from submission.services import identities, submissions
from submission.services.errors import ForbiddenToSend, OverQuota, TooMuch
from tests.submission.conftest import Sender, envelope, queued

PROPERTIES = {
    "id",
    "identityId",
    "emailId",
    "threadId",
    "envelope",
    "sendAt",
    "undoStatus",
    "deliveryStatus",
    "dsnBlobIds",
    "mdnBlobIds",
}


def message(*fields: str) -> bytes:
    """A message as it could be imported."""
    return "\r\n".join((*fields, "", "hello", "")).encode()


def rcpts(sender: Sender, submission_id: str) -> list[str]:
    """The recipients of a submission, as the server made them out."""
    return [one["email"] for one in sender.submission(submission_id)["envelope"]["rcptTo"]]


@pytest.mark.rfc(8621, "7")
def test_a_submission_tells_all_of_itself(alice: Sender) -> None:
    email = alice.draft()

    created = alice.sent(email)
    shown = alice.submission(created["id"])

    assert set(shown) == PROPERTIES
    assert set(created) == PROPERTIES - {"identityId", "emailId"}
    assert shown["emailId"] == email
    assert shown["identityId"] == alice.identity
    assert shown["threadId"] == alice.get(email, "threadId")["threadId"]
    assert shown["undoStatus"] == "pending"
    assert shown["deliveryStatus"] == {
        "bob@example.net": {"smtpReply": "250 2.0.0 Queued", "delivered": "queued", "displayed": "unknown"}
    }
    assert shown["envelope"] == envelope("bob@example.net")


@pytest.mark.rfc(8621, "7.5")
def test_the_queue_holds_all_that_the_delivery_needs(alice: Sender) -> None:
    given = envelope("bob@example.net", "Carol@Bücher.example", RET="HDRS", ENVID="abc 1", BODY="8BITMIME")
    given["rcptTo"][0]["parameters"] = {"notify": "success,FAILURE", "ORCPT": "rfc822;bob+x@example.net"}

    row = queued(alice.sent(envelope=given)["id"])

    assert (row.mail_from, row.sender_domain, row.origin) == ("alice@example.org", "example.org", "submission")
    assert (row.ret, row.envid, row.body, row.smtputf8, row.release_at) == ("HDRS", "abc 1", "8BITMIME", False, None)
    assert list(row.recipients.order_by("pk").values_list("address", "domain", "notify", "orcpt")) == [
        ("bob@example.net", "example.net", "SUCCESS,FAILURE", "rfc822;bob+x@example.net"),
        ("Carol@Bücher.example", "xn--bcher-kva.example", "", ""),
    ]


@pytest.mark.rfc(8621, "7")
def test_recipients_are_those_of_to_cc_and_bcc_once_each(alice: Sender) -> None:
    email = alice.draft(
        to=[{"email": "bob@example.net"}, {"email": "carol@example.net"}],
        cc=[{"email": "BOB@EXAMPLE.NET"}],
        bcc=[{"email": "dave@example.net"}],
    )

    assert rcpts(alice, alice.sent(email)["id"]) == ["bob@example.net", "carol@example.net", "dave@example.net"]


@pytest.mark.rfc(8621, "7")
def test_groups_count_as_those_who_are_in_them(alice: Sender) -> None:
    email = alice.deliver(
        message("From: alice@example.org", "To: friends: bob@example.net, C <carol@example.net>;, dave@example.net")
    )

    assert rcpts(alice, alice.sent(email)["id"]) == ["bob@example.net", "carol@example.net", "dave@example.net"]


@pytest.mark.rfc(5322, "3.6.6")
def test_a_resent_message_goes_to_whom_it_is_resent(alice: Sender) -> None:
    email = alice.deliver(
        message(
            "Resent-From: alice@example.org",
            "Resent-To: bob@example.net",
            "Resent-Bcc: dave@example.net",
            "Received: from there",
            "Resent-From: older@example.com",
            "Resent-Cc: older@example.com",
            "From: stranger@example.com",
            "To: alice@example.org",
        )
    )

    sent = alice.sent(email)

    assert sent["envelope"]["mailFrom"]["email"] == "alice@example.org"
    assert rcpts(alice, sent["id"]) == ["bob@example.net", "dave@example.net"]


@pytest.mark.rfc(8621, "7")
def test_the_sender_field_is_the_envelope_sender_where_the_identity_allows_it(alice: Sender) -> None:
    identities.grant_domain(alice.account, Domain.objects.get())
    wildcard = next(one for one in alice.call("Identity/get", ids=None)["list"] if one["email"] == "*@example.org")
    email = alice.draft(sender=[{"email": "desk@example.org"}])

    own = alice.sent(email)
    anyone = alice.sent(email, identityId=wildcard["id"])

    assert own["envelope"]["mailFrom"]["email"] == "alice@example.org"
    assert anyone["envelope"]["mailFrom"]["email"] == "desk@example.org"


@pytest.mark.rfc(8621, "7")
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        (["To: bob@example.net"], "from"),
        (["From: alice@example.org", "From: alice@example.org", "To: bob@example.net"], "from"),
        (["From: alice@example.org, alice@example.org", "To: bob@example.net"], "from"),
        (["From: alice@example.org", "Sender: a@x.test", "Sender: b@x.test", "To: bob@example.net"], "sender"),
        (["From: alice@example.org", "Sender: a@x.test, b@x.test", "To: bob@example.net"], "sender"),
        (["From: alice@example.org", "X: y\rFrom: eve@example.com", "To: bob@example.net"], "from"),
        (["From: nobody", "To: bob@example.net"], "from"),
        (["From: alice@example.org", "X: a\0b", "To: bob@example.net"], "headers"),
        (["From: alice@example.org", *["X: " + "y" * 900] * 700], "headers"),
    ],
    ids=[
        "no from",
        "two from",
        "two authors",
        "two sender fields",
        "two senders",
        "from behind CR",
        "no address",
        "NUL",
        "endless",
    ],
)
def test_an_email_that_cannot_be_sent_is_invalid_and_says_where(alice: Sender, fields: list[str], named: str) -> None:
    error = alice.refused(alice.deliver(message(*fields)))

    assert (error["type"], error["properties"]) == ("invalidEmail", [named])


@pytest.mark.rfc(8621, "7.5")
def test_who_is_not_the_author_may_not_send(alice: Sender, senders: Any) -> None:
    senders("bob")
    by_bob = alice.draft(**{"from": [{"email": "bob@example.org"}]})
    hidden = alice.deliver(message("From: alice@example.org, bob@example.org", "To: x@example.net"))

    assert alice.refused(by_bob)["type"] == "forbiddenFrom"
    assert alice.refused(hidden, envelope=envelope("x@example.net"))["type"] == "forbiddenFrom"
    assert alice.refused(envelope=envelope("x@y.test", mail_from="bob@example.org"))["type"] == "forbiddenMailFrom"


@pytest.mark.rfc(8621, "7.5")
def test_an_address_that_was_taken_away_sends_no_more(alice: Sender) -> None:
    alias = accounts.add_address(alice.account, "al@example.org")
    email = alice.draft(**{"from": [{"email": "Al@Example.Org"}]})
    alice.sent(email)
    accounts.remove_address(alias)

    answer = alice.submit(email)

    assert answer["notCreated"]["s"]["type"] == "forbiddenFrom"


@pytest.mark.rfc(8621, "7")
def test_the_null_path_an_alias_and_a_tag_may_stand_in_the_envelope(alice: Sender) -> None:
    accounts.add_address(alice.account, "al@example.org")

    assert queued(alice.sent(envelope=envelope("x@y.test", mail_from="alice+bounces@example.org"))["id"]).mail_from
    assert queued(alice.sent(envelope=envelope("x@y.test", mail_from=""))["id"]).mail_from == ""
    assert queued(alice.sent(envelope=envelope("x@y.test", mail_from="al@EXAMPLE.org"))["id"]).sender_domain


@pytest.mark.rfc(8621, "7.5")
def test_without_recipients_nothing_is_sent(alice: Sender) -> None:
    assert alice.refused(alice.draft(to=[]))["type"] == "noRecipients"
    assert alice.refused(envelope=envelope())["type"] == "noRecipients"


@pytest.mark.rfc(8621, "7.5")
@pytest.mark.parametrize(
    "address",
    [
        "",
        "bob",
        "bob@",
        "@example.net",
        "a b@example.net",
        "bob@example.net\r\nRCPT TO:<eve@example.net>",
        "bob@example.net\n",
        "bob\0@example.net",
        "bob@exa\0mple.net",
        "<bob@example.net>",
        "bob@example.net> NOTIFY=NEVER",
        "a..b@example.net",
        "x" * 65 + "@example.net",
        "bob@-example.net",
        "bob@[300.1.1.1]",
        "bob@example.net\u2028",
        "b\x85@example.net",
    ],
)
def test_a_recipient_that_is_no_address_is_named(alice: Sender, address: str) -> None:
    error = alice.refused(envelope=envelope("carol@example.net", address))

    assert (error["type"], error["invalidRecipients"]) == ("invalidRecipients", [address])


@pytest.mark.rfc(5321, "4.1.2")
@pytest.mark.parametrize(
    "address", ['"a b"@example.net', "bob@[127.0.0.1]", "bob@[IPv6:::1]", "o'neil+x@example.net", "jörg@example.net"]
)
def test_every_address_that_smtp_knows_can_be_written_to(alice: Sender, address: str) -> None:
    row = queued(alice.sent(envelope=envelope(address))["id"])

    assert row.recipients.get().address == address
    assert row.smtputf8 == (not address.isascii())


@pytest.mark.rfc(8621, "7.5")
def test_ten_thousand_recipients_are_too_many(alice: Sender) -> None:
    error = alice.refused(envelope=envelope(*(f"x{number}@example.net" for number in range(10_000))))

    assert (error["type"], error["maxRecipients"]) == ("tooManyRecipients", 1_000)


@pytest.mark.rfc(8621, "7.5")
def test_a_message_too_large_to_send_says_what_would_do(alice: Sender, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"MAX_MESSAGE_SIZE": 64_000}}
    email = alice.deliver(message("From: alice@example.org", "To: bob@example.net", "", "x" * 70_000))

    error = alice.refused(email)

    assert (error["type"], error["maxSize"]) == ("tooLarge", 64_000)


@pytest.mark.rfc(8621, "7.5")
def test_an_email_or_identity_that_is_not_there_is_named(alice: Sender, senders: Any) -> None:
    bob = senders("bob")

    error = alice.refused(bob.draft(), identityId=bob.identity)

    assert (error["type"], error["properties"]) == ("invalidProperties", ["identityId", "emailId"])


@pytest.mark.rfc(8621, "7")
@pytest.mark.parametrize(
    "parameters",
    [
        {"ENVID": "a\r\nRCPT TO:<x@y.test>"},
        {"ENVID": "x" * 101},
        {"ENVID": None},
        {"RET": "SOME"},
        {"BODY": "BINARYMIME"},
        {"SMTPUTF8": "yes"},
        {"SIZE": "-1"},
        {"HOLDFOR": "soon"},
        {"HOLDFOR": "0"},
        {"HOLDFOR": "999999999"},
        {"HOLDFOR": "9" * 30},
        {"HOLDUNTIL": "tomorrow"},
        {"HOLDUNTIL": "2001-01-01T00:00:00Z"},
        {"HOLDUNTIL": "9999-01-01T00:00:00Z"},
        {"HOLDFOR": "60", "HOLDUNTIL": "2999-01-01T00:00:00Z"},
        {"HOLDFOR": "60", "holdfor": "60"},
        {"AUTH": "<>"},
        {"X\r\nY": "1"},
        {"RET": {"a": 1}},
    ],
    ids=str,
)
def test_a_parameter_that_cannot_be_honoured_is_refused(alice: Sender, parameters: dict[str, Any]) -> None:
    error = alice.refused(envelope=envelope("bob@example.net", **parameters))

    assert (error["type"], error["properties"]) == ("invalidProperties", ["envelope"])


@pytest.mark.rfc(3461, "4.1")
@pytest.mark.parametrize(
    "parameters",
    [
        {"NOTIFY": "NEVER,SUCCESS"},
        {"NOTIFY": ""},
        {"NOTIFY": "LOUD"},
        {"ORCPT": "bob"},
        {"ORCPT": "rfc822;a\nb"},
        {"X": ""},
    ],
    ids=str,
)
def test_a_parameter_of_a_recipient_that_cannot_be_honoured_is_refused(
    alice: Sender, parameters: dict[str, Any]
) -> None:
    given = envelope("bob@example.net")
    given["rcptTo"][0]["parameters"] = parameters

    error = alice.refused(envelope=given)

    assert (error["type"], error["properties"]) == ("invalidProperties", ["envelope"])


@pytest.mark.rfc(8621, "7")
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"mailFrom": None, "rcptTo": []},
        {"mailFrom": {"email": "alice@example.org"}, "rcptTo": "bob@example.net"},
        {"mailFrom": {"email": 5}, "rcptTo": []},
        {"mailFrom": {"email": "alice@example.org"}, "rcptTo": [{"address": "x@y.test"}]},
        "bob@example.net",
    ],
    ids=str,
)
def test_what_is_no_envelope_is_refused(alice: Sender, given: Any) -> None:
    error = alice.refused(envelope=given)

    assert (error["type"], error["properties"]) == ("invalidProperties", ["envelope"])


@pytest.mark.own("a client in use writes mailfrom")
def test_an_envelope_may_say_mailfrom(alice: Sender) -> None:
    given = {"mailfrom": {"email": "alice@example.org", "parameters": None}, "rcptTo": [{"email": "b@x.test"}]}

    shown = alice.submission(alice.sent(envelope=given)["id"])

    assert shown["envelope"]["mailFrom"]["email"] == "alice@example.org"


@pytest.mark.rfc(4865, "4")
def test_a_message_is_held_until_the_time_that_was_asked_for(alice: Sender) -> None:
    before = timezone.now().replace(microsecond=0)
    until = before + timedelta(days=2)

    by_interval = alice.sent(envelope=envelope("b@x.test", HOLDFOR="3600"))
    by_date = alice.sent(envelope=envelope("b@x.test", HOLDUNTIL=format_utc_date(until)))

    assert by_date["sendAt"] == format_utc_date(until)
    assert before + timedelta(hours=1) <= queued(by_interval["id"]).recipients.get().next_attempt_at
    assert queued(by_date["id"]).recipients.get().next_attempt_at == until
    assert by_date["undoStatus"] == "pending"


@pytest.mark.rfc(8621, "1.3.2")
def test_a_site_without_scheduling_offers_none(alice: Sender, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"MAX_DELAYED_SEND": 0}}

    error = alice.refused(envelope=envelope("b@x.test", HOLDFOR="60"))

    assert (error["type"], error["properties"]) == ("invalidProperties", ["envelope"])


@pytest.mark.rfc(8621, "7.5")
@pytest.mark.parametrize(
    ("refusal", "type"),
    [(ForbiddenToSend("no"), "forbiddenToSend"), (TooMuch("later"), "rateLimit"), (OverQuota("no"), "overQuota")],
)
def test_a_guard_refuses_one_and_lets_the_other_go(
    alice: Sender, monkeypatch: pytest.MonkeyPatch, refusal: Any, type: str
) -> None:
    monkeypatch.setattr(submissions, "_guards", [lambda writer, counts: [refusal if n > 1 else None for n in counts]])
    one = {"identityId": alice.identity, "emailId": alice.draft(), "envelope": envelope("a@x.test")}
    two = {**one, "envelope": envelope("a@x.test", "b@x.test")}

    answer = alice.call("EmailSubmission/set", create={"two": two, "one": one})

    assert answer["notCreated"]["two"] == {"type": type, "description": str(refusal)}
    assert set(answer["created"]) == {"one"}
    assert QueuedRecipient.objects.count() == 1


@pytest.mark.rfc(8621, "7")
def test_undo_status_is_the_servers_to_begin_with(alice: Sender) -> None:
    error = alice.refused(undoStatus="final")

    assert (error["type"], error["properties"]) == ("invalidProperties", ["undoStatus"])


@pytest.mark.rfc(8621, "7.5")
def test_a_message_whose_octets_are_lost_is_not_sent(alice: Sender) -> None:
    email = alice.draft()
    alice.lose_octets(alice.get(email, "blobId")["blobId"])

    assert alice.refused(email)["type"] == "invalidEmail"


@pytest.mark.own("octets of what is sent are pinned by the queue")
def test_the_queue_pins_the_octets(alice: Sender) -> None:
    row = queued(alice.sent()["id"])

    assert row.blob is not None
    assert b"Subject" not in blobs.read(row.blob)
    assert row.size == row.blob.size
