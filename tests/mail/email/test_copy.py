"""Email/copy: from one account to another (RFC 8621 §4.7, RFC 8620 §5.4)."""

import pytest

from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

MESSAGE = "From: carol@example.org\nSubject: for both\nMessage-ID: <1@example.org>\n\nx\n"


@pytest.fixture
def bob(alice: Person, people) -> Person:
    """Somebody whose account alice may enter."""
    person = people("bob")
    alice.may_enter(person)
    return person


def copy(alice: Person, bob: Person, create: dict, **arguments) -> list:
    """All responses to a copy from alice's account to bob's."""
    call = {"fromAccountId": alice.account_id, "accountId": bob.account_id, "create": create, **arguments}
    return alice.send(("Email/copy", call, "0"))["methodResponses"]


@pytest.mark.rfc(8621, "4.7")
def test_a_copy_has_the_message_the_keywords_and_the_date(alice: Person, bob: Person) -> None:
    email_id = alice.deliver(MESSAGE, "$seen", "work", day=5)

    [[_, answer, _]] = copy(alice, bob, {"c": {"id": email_id, "mailboxIds": {bob.mailbox("archive"): True}}})

    created = answer["created"]["c"]
    assert created.keys() == {"id", "blobId", "threadId", "size"}
    assert answer["notCreated"] is None
    assert answer["oldState"] != answer["newState"]
    email = bob.get(created["id"])
    assert (email["subject"], email["receivedAt"]) == ("for both", "2024-01-05T12:00:00Z")
    assert email["keywords"] == {"$seen": True, "work": True}
    assert email["mailboxIds"] == {bob.mailbox("archive"): True}
    assert bob.octets(created["blobId"]) == alice.octets(alice.get(email_id, "blobId")["blobId"])


@pytest.mark.rfc(8621, "4.7")
def test_keywords_and_date_may_be_given(alice: Person, bob: Person) -> None:
    email_id = alice.deliver(MESSAGE, "work")
    given = {"mailboxIds": {bob.mailbox("inbox"): True}, "keywords": {}, "receivedAt": "2019-09-09T09:09:09Z"}

    [[_, answer, _]] = copy(alice, bob, {"c": {"id": email_id, **given}})

    email = bob.get(answer["created"]["c"]["id"], *given)
    assert {name: email[name] for name in given} == given


@pytest.mark.rfc(8620, "5.4")
def test_the_original_is_destroyed_by_an_implicit_set(alice: Person, bob: Person) -> None:
    email_id = alice.deliver(MESSAGE)
    create = {
        "c": {"id": email_id, "mailboxIds": {bob.mailbox("inbox"): True}},
        "lost": {"id": "e777777", "mailboxIds": {bob.mailbox("inbox"): True}},
    }

    first, second = copy(alice, bob, create, onSuccessDestroyOriginal=True)

    assert first[1]["notCreated"]["lost"]["type"] == "notFound"
    assert (second[0], second[2]) == ("Email/set", first[2])
    assert second[1]["accountId"] == alice.account_id
    assert second[1]["destroyed"] == [email_id]


@pytest.mark.rfc(8621, "4.7")
@pytest.mark.parametrize(
    ("given", "properties"),
    [
        ({}, ["mailboxIds"]),
        ({"mailboxIds": {}}, ["mailboxIds"]),
        ({"mailboxIds": {"m777777": True}}, ["mailboxIds"]),
        ({"mailboxIds": {"m22": True}, "subject": "other"}, ["subject"]),
        ({"mailboxIds": {"m22": True}, "keywords": {"a b": True}}, ["keywords"]),
    ],
)
def test_what_cannot_be_copied_is_refused(alice: Person, bob: Person, given: dict, properties: list[str]) -> None:
    email_id = alice.deliver(MESSAGE)

    [[_, answer, _]] = copy(alice, bob, {"c": {"id": email_id, **given}})

    assert answer["created"] is None
    assert answer["notCreated"]["c"]["type"] == "invalidProperties"
    assert answer["notCreated"]["c"]["properties"] == properties


@pytest.mark.rfc(8620, "5.4")
@pytest.mark.parametrize("argument", ["ifFromInState", "ifInState"])
def test_both_states_may_be_asked_for(alice: Person, bob: Person, argument: str) -> None:
    email_id = alice.deliver(MESSAGE)

    [[name, answer, _]] = copy(
        alice, bob, {"c": {"id": email_id, "mailboxIds": {bob.mailbox("inbox"): True}}}, **{argument: "elsewhere"}
    )

    assert (name, answer["type"]) == ("error", "stateMismatch")


@pytest.mark.rfc(8620, "5.4")
def test_within_one_account_nothing_is_copied(alice: Person) -> None:
    error = alice.error("Email/copy", fromAccountId=alice.account_id, create={})

    assert error["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "5.4")
def test_an_account_that_is_not_open_cannot_be_copied_from(alice: Person, people) -> None:
    stranger = people("stranger")

    assert alice.error("Email/copy", fromAccountId=stranger.account_id, create={})["type"] == "fromAccountNotFound"
