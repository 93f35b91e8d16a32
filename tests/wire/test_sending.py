"""Sending over HTTP, as clients in use do it: what the session says, and in which order answers come."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.wire.conftest import CORE, Clerk, Edge, Person, call

MAIL = "urn:ietf:params:jmap:mail"
SUBMISSION = "urn:ietf:params:jmap:submission"
VACATION = "urn:ietf:params:jmap:vacationresponse"


@pytest.fixture
def sender(clerk: Clerk) -> Person:
    """Somebody with an address."""
    return clerk.correspondent()


@pytest.fixture
def desk(edge: Edge, sender: Person) -> Iterator[httpx.Client]:
    """Their client."""
    with edge.client(sender) as client:
        yield client


@pytest.mark.rfc(8621, "1.3.2")
def test_the_session_says_what_can_be_asked_of_a_submission(desk: httpx.Client, sender: Person) -> None:
    session = desk.get("/jmap/session").json()

    account = session["accounts"][sender.account]["accountCapabilities"]
    extensions = account[SUBMISSION]["submissionExtensions"]
    assert session["capabilities"][SUBMISSION] == session["capabilities"][VACATION] == account[VACATION] == {}
    assert session["primaryAccounts"][SUBMISSION] == session["primaryAccounts"][VACATION] == sender.account
    assert account[SUBMISSION]["maxDelayedSend"] == 31_536_000
    assert set(extensions) == {"8BITMIME", "DSN", "FUTURERELEASE", "SIZE", "SMTPUTF8"}
    assert all(isinstance(word, str) for words in extensions.values() for word in words)


@pytest.mark.rfc(8621, "1.3.2")
def test_who_may_only_read_an_account_does_not_send_from_it(
    clerk: Clerk, edge: Edge, sender: Person, person: Person
) -> None:
    clerk.share(owner=sender.name, guest=person.name, is_read_only=True)

    with edge.client(person) as client:
        shared = client.get("/jmap/session").json()["accounts"][sender.account]
        answer = call(client, ("Identity/get", {"accountId": sender.account, "ids": None}, "0")).json()

    assert MAIL in shared["accountCapabilities"]
    assert not {SUBMISSION, VACATION} & shared["accountCapabilities"].keys()
    assert answer["methodResponses"][0][1]["type"] == "accountNotSupportedByMethod"


@pytest.mark.rfc(8621, "7.5")
@pytest.mark.parametrize("using", [[CORE, MAIL, SUBMISSION], [CORE, MAIL]], ids=["named", "left out"])
def test_a_letter_is_written_sent_and_filed_in_one_request(
    desk: httpx.Client, sender: Person, using: list[str]
) -> None:
    account: dict[str, Any] = {"accountId": sender.account}
    address = f"{sender.name}@wire.test"
    looked = call(
        desk,
        ("Mailbox/get", {**account, "ids": None, "properties": ["role"]}, "0"),
        ("Identity/get", {**account, "ids": None}, "1"),
        using=using,
    ).json()["methodResponses"]
    boxes = {box["role"]: box["id"] for box in looked[0][1]["list"]}
    (identity,) = looked[1][1]["list"]
    letter = {
        "mailboxIds": {boxes["drafts"]: True},
        "keywords": {"$draft": True, "$seen": True},
        "from": [{"email": address}],
        "to": [{"email": "bob@example.net"}],
        "bcc": [],
        "subject": "hello",
        "textBody": [{"partId": "1"}],
        "bodyValues": {"1": {"value": "hello"}},
    }
    filed = {f"mailboxIds/{boxes['drafts']}": None, f"mailboxIds/{boxes['sent']}": True, "keywords/$draft": False}

    answers = call(
        desk,
        ("Email/set", {**account, "create": {"m": letter}}, "0"),
        (
            "EmailSubmission/set",
            {
                **account,
                "create": {"s": {"identityId": identity["id"], "emailId": "#m"}},
                "onSuccessUpdateEmail": {"#s": filed},
            },
            "1",
        ),
        using=using,
    ).json()["methodResponses"]

    sent = answers[1][1]["created"]["s"]
    assert identity["email"] == address
    assert [(name, call_id) for name, _, call_id in answers] == [
        ("Email/set", "0"),
        ("EmailSubmission/set", "1"),
        ("Email/set", "1"),
    ]
    assert answers[1][1]["notCreated"] is None
    assert answers[2][1]["updated"] == {answers[0][1]["created"]["m"]["id"]: None}
    assert set(sent["deliveryStatus"]) == {"bob@example.net"}
