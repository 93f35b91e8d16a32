"""What a submission does to its email, and what outlives what (RFC 8621 §7, §7.5)."""

from __future__ import annotations

from typing import Any

import pytest

from jmap.ids import decode
from submission.models import EmailSubmission, QueuedMessage, QueuedRecipient, Status
from submission.services import outbox
from tests.submission.conftest import Sender, envelope, queued


def filed(sender: Sender) -> dict[str, Any]:
    """The patch that files a draft as sent."""
    return {
        f"mailboxIds/{sender.mailbox('drafts')}": None,
        f"mailboxIds/{sender.mailbox('sent')}": True,
        "keywords/$draft": None,
    }


def answers(sender: Sender, **arguments: Any) -> list[tuple[str, dict[str, Any], str]]:
    """All responses to one EmailSubmission/set."""
    call = ("EmailSubmission/set", {"accountId": sender.account_id, **arguments}, "c")
    return [tuple(one) for one in sender.send(call)["methodResponses"]]


@pytest.mark.rfc(8621, "7.5")
def test_the_email_is_filed_by_one_implicit_call_right_after(alice: Sender) -> None:
    email = alice.draft(keywords={"$draft": True})
    create = {"s": {"identityId": alice.identity, "emailId": email}}

    first, second = answers(alice, create=create, onSuccessUpdateEmail={"#s": filed(alice)})

    assert (first[0], second[0], second[2]) == ("EmailSubmission/set", "Email/set", "c")
    assert second[1]["updated"] == {email: None}
    assert alice.get(email, "mailboxIds", "keywords") == {
        "id": email,
        "mailboxIds": {alice.mailbox("sent"): True},
        "keywords": {},
    }


@pytest.mark.rfc(8621, "7.5")
def test_the_email_is_destroyed_if_that_was_asked_and_the_delivery_goes_on(alice: Sender) -> None:
    email = alice.draft()
    create = {"s": {"identityId": alice.identity, "emailId": email}}

    first, second = answers(alice, create=create, onSuccessDestroyEmail=["#s"])

    sent = first[1]["created"]["s"]["id"]
    assert second[1]["destroyed"] == [email]
    assert alice.submission(sent)["emailId"] == email
    assert queued(sent).blob is not None


@pytest.mark.rfc(8621, "7.5")
def test_nothing_is_done_to_the_email_of_a_submission_that_failed(alice: Sender) -> None:
    create = {"s": {"identityId": alice.identity, "emailId": alice.draft(to=[])}}

    found = answers(alice, create=create, onSuccessUpdateEmail={"#s": filed(alice)}, onSuccessDestroyEmail=["#s"])

    assert [one[0] for one in found] == ["EmailSubmission/set"]


@pytest.mark.rfc(8621, "7.5")
def test_one_implicit_call_does_what_creating_updating_and_destroying_ask_for(alice: Sender) -> None:
    emails = [alice.draft(subject=str(number)) for number in range(3)]
    old, gone = (alice.sent(email, envelope=envelope("x@y.test", HOLDFOR="60"))["id"] for email in emails[:2])

    found = answers(
        alice,
        create={"s": {"identityId": alice.identity, "emailId": emails[2]}},
        update={old: {"undoStatus": "canceled"}},
        destroy=[gone],
        onSuccessUpdateEmail={
            old: {"keywords/$draft": True},
            gone: {"keywords/old": True},
            "sxyz": {"keywords/a": True},
        },
        onSuccessDestroyEmail=["#s"],
    )

    assert [one[0] for one in found] == ["EmailSubmission/set", "Email/set"]
    assert found[1][1]["updated"] == {emails[0]: None, emails[1]: None}
    assert found[1][1]["destroyed"] == [emails[2]]


@pytest.mark.rfc(8621, "7.5")
def test_canceling_what_the_same_call_creates_still_makes_one_implicit_call(alice: Sender) -> None:
    email = alice.draft()
    create = {"s": {"identityId": alice.identity, "emailId": email, "envelope": envelope("x@y.test", HOLDFOR="60")}}

    found = answers(
        alice,
        create=create,
        update={"#s": {"undoStatus": "canceled"}},
        onSuccessUpdateEmail={"#s": {"keywords/later": True}},
    )

    assert [one[0] for one in found] == ["EmailSubmission/set", "Email/set"]
    assert QueuedRecipient.objects.get().status == Status.CANCELED


@pytest.mark.rfc(8621, "7.5")
def test_an_email_made_in_the_same_request_is_sent_by_its_creation_id(alice: Sender) -> None:
    account = {"accountId": alice.account_id}
    blob = alice.upload(b"From: alice@example.org\r\nTo: bob@example.net\r\n\r\nhello\r\n", "message/rfc822")
    drafts = {alice.mailbox("drafts"): True}

    found = alice.send(
        (
            "Email/set",
            {**account, "create": {"m": {"mailboxIds": drafts, "from": [{"email": "alice@example.org"}]}}},
            "0",
        ),
        ("Email/import", {**account, "emails": {"i": {"blobId": blob, "mailboxIds": drafts}}}, "1"),
        ("Identity/set", {**account, "create": {"d": {"email": "alice@example.org"}}}, "2"),
        (
            "EmailSubmission/set",
            {
                **account,
                "create": {
                    "a": {"identityId": "#d", "emailId": "#m", "envelope": envelope("x@y.test")},
                    "b": {"identityId": "#d", "emailId": "#i"},
                    "c": {"identityId": "#d", "emailId": "#nothing"},
                },
                "onSuccessDestroyEmail": ["#a"],
            },
            "3",
        ),
    )["methodResponses"]

    assert set(found[3][1]["created"]) == {"a", "b"}
    assert found[3][1]["notCreated"]["c"]["properties"] == ["emailId"]
    assert found[4][1]["destroyed"] == [found[0][1]["created"]["m"]["id"]]


# ------------------------------------------------------------------------------------------------ what outlives what


def held(sender: Sender) -> tuple[str, str]:
    """An email that waits for its time, and its submission."""
    email = sender.draft()
    return email, sender.sent(email, envelope=envelope("bob@example.net", HOLDFOR="3600"))["id"]


def is_on_its_way(submission_id: str) -> bool:
    """Whether the queue holds all that it needs."""
    row = queued(submission_id)
    return bool(row.blob and row.mail_from and row.recipients.get().status == Status.WAITING)


@pytest.mark.rfc(8621, "7.5")
def test_destroying_the_email_changes_no_delivery(alice: Sender) -> None:
    email, sent = held(alice)

    alice.call("Email/set", destroy=[email])

    assert is_on_its_way(sent)
    assert alice.submission(sent)["emailId"] == email
    assert alice.submission(sent)["undoStatus"] == "pending"


@pytest.mark.rfc(8621, "7.5")
def test_destroying_the_submission_changes_no_delivery(alice: Sender) -> None:
    _, sent = held(alice)
    state = alice.call("EmailSubmission/get", ids=[])["state"]

    answer = alice.call("EmailSubmission/set", destroy=[sent, "snope"])

    assert (answer["destroyed"], answer["notDestroyed"]["snope"]["type"]) == ([sent], "notFound")
    assert alice.call("EmailSubmission/changes", sinceState=state)["destroyed"] == [sent]
    assert is_on_its_way(sent)


@pytest.mark.own("an outcome of a destroyed submission is recorded in the queue alone")
def test_the_outcome_of_a_destroyed_submission_is_no_error(alice: Sender) -> None:
    from tests.submission.test_outbox import ACCEPTED, claim, keys

    _, sent = held(alice)
    alice.call("EmailSubmission/set", destroy=[sent])
    message = queued(sent)
    before = alice.call("EmailSubmission/get", ids=[])["state"]

    recorded = outbox.record_outcomes(
        alice.account.pk,
        claim(message),
        [outbox.Outcome(keys(message)[0], outbox.Result.RELAYED, ACCEPTED)],
    )

    assert recorded.finished == {message.pk}
    assert alice.call("EmailSubmission/get", ids=[])["state"] == before


@pytest.mark.rfc(8621, "7")
def test_destroying_the_identity_changes_no_delivery(alice: Sender) -> None:
    email = alice.draft()
    made = alice.call("Identity/set", create={"i": {"email": "alice@example.org"}})["created"]["i"]["id"]
    sent = alice.sent(email, identityId=made, envelope=envelope("bob@example.net", HOLDFOR="3600"))["id"]

    alice.call("Identity/set", destroy=[made])

    assert is_on_its_way(sent)
    assert alice.submission(sent)["identityId"] == made


# --------------------------------------------------------------------------------------------------------- taking back


@pytest.mark.rfc(8621, "7.5")
def test_what_waits_can_be_taken_back_and_only_once_changes(alice: Sender) -> None:
    _, sent = held(alice)

    first = alice.call("EmailSubmission/set", update={sent: {"undoStatus": "canceled"}})
    again = alice.call("EmailSubmission/set", update={sent: {"undoStatus": "canceled"}})

    shown = alice.submission(sent)
    assert first["updated"] == again["updated"] == {sent: None}
    assert again["oldState"] == again["newState"]
    assert shown["undoStatus"] == "canceled"
    assert shown["deliveryStatus"]["bob@example.net"]["delivered"] == "no"
    assert queued(sent).finished_at is not None


@pytest.mark.rfc(8621, "7.5")
def test_what_is_being_sent_cannot_be_taken_back(alice: Sender) -> None:
    sent = alice.sent()["id"]
    queued(sent).recipients.update(status=Status.SENDING)

    answer = alice.call("EmailSubmission/set", update={sent: {"undoStatus": "canceled"}})

    assert answer["notUpdated"][sent]["type"] == "cannotUnsend"
    assert alice.submission(sent)["undoStatus"] == "pending"


@pytest.mark.rfc(8621, "7.5")
def test_what_was_handed_on_cannot_be_taken_back(alice: Sender) -> None:
    from tests.submission.test_outbox import ACCEPTED, claim, keys

    sent = alice.sent()["id"]
    message = queued(sent)
    outbox.record_outcomes(
        alice.account.pk, claim(message), [outbox.Outcome(keys(message)[0], outbox.Result.RELAYED, ACCEPTED)]
    )

    answer = alice.call("EmailSubmission/set", update={sent: {"undoStatus": "canceled"}})

    assert answer["notUpdated"][sent]["type"] == "cannotUnsend"
    assert alice.submission(sent)["deliveryStatus"]["bob@example.net"] == {
        "smtpReply": "250 2.1.5 Accepted",
        "delivered": "unknown",
        "displayed": "unknown",
    }


@pytest.mark.rfc(8621, "7")
@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ({"undoStatus": "final"}, "undoStatus"),
        ({"undoStatus": "never"}, "undoStatus"),
        ({"sendAt": "2030-01-01T00:00:00Z"}, "sendAt"),
        ({"emailId": "eaaaa"}, "emailId"),
        ({"envelope/rcptTo": []}, "envelope"),
    ],
)
def test_nothing_else_about_a_submission_changes(alice: Sender, patch: dict[str, Any], named: str) -> None:
    _, sent = held(alice)

    answer = alice.call("EmailSubmission/set", update={sent: patch, "snope": patch})

    assert answer["notUpdated"][sent]["type"] == "invalidProperties"
    assert answer["notUpdated"][sent]["properties"] == [named]


@pytest.mark.own("statements do not grow with submissions")
def test_many_submissions_cost_the_statements_of_one(alice: Sender, django_assert_max_num_queries: Any) -> None:
    emails = [alice.draft(subject=str(number)) for number in range(30)]
    create = {email: {"identityId": alice.identity, "emailId": email} for email in emails}

    with django_assert_max_num_queries(30):
        alice.call("EmailSubmission/set", create=create)
    keys = [row.wire_id for row in EmailSubmission.objects.all()]
    with django_assert_max_num_queries(30):
        alice.call("EmailSubmission/set", update={key: {"undoStatus": "canceled"} for key in keys})
    with django_assert_max_num_queries(12):
        alice.call("EmailSubmission/get", ids=keys)

    assert QueuedMessage.objects.count() == 30
    assert decode("s", keys[0])
    assert set(EmailSubmission.objects.values_list("undo_status", flat=True)) == {"canceled"}
