"""Email/set update and destroy: filing, flagging, deleting (RFC 8621 §4.6, RFC 8620 §5.3)."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mail.models import RetainedEmail
from mail.services import emails
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

MESSAGE = "From: bob@example.org\nSubject: Hello\n\nx\n"


def state(person: Person) -> str:
    return person.call("Email/get", ids=[])["state"]


def update(person: Person, email_id: str, patch: dict[str, Any]) -> dict[str, Any]:
    return person.call("Email/set", update={email_id: patch})


@pytest.mark.rfc(8621, "4.6")
@pytest.mark.parametrize(
    ("patch", "keywords"),
    [
        ({"keywords/$seen": True}, {"$flagged", "work", "$seen"}),
        ({"keywords/$Seen": True, "keywords/work": None}, {"$flagged", "$seen"}),
        ({"keywords/$flagged": False}, {"work"}),
        ({"keywords/absent": None, "keywords/none": False}, {"$flagged", "work"}),
        ({"keywords": {"Rare": True, "$seen": True}}, {"rare", "$seen"}),
        ({"keywords": {}}, set()),
        ({"keywords": None}, set()),
        ({"keywords/a~1b~0c": True}, {"$flagged", "work", "a/b~c"}),
    ],
)
def test_keywords_change_as_a_whole_or_one_by_one(alice: Person, patch: dict, keywords: set[str]) -> None:
    email_id = alice.deliver(MESSAGE, "$flagged", "work")

    answer = update(alice, email_id, patch)

    assert answer["updated"] == {email_id: None}
    assert answer["notUpdated"] is None
    assert alice.get(email_id, "keywords")["keywords"] == dict.fromkeys(keywords, True)


@pytest.mark.rfc(8621, "4.6")
def test_mailboxes_change_as_a_whole_or_one_by_one(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE)
    inbox, archive, trash = (alice.mailbox(role) for role in ("inbox", "archive", "trash"))

    update(alice, email_id, {f"mailboxIds/{archive}": True, f"mailboxIds/{inbox}": None})
    moved = alice.get(email_id, "mailboxIds")["mailboxIds"]
    update(alice, email_id, {"mailboxIds": {inbox: True, trash: True}})

    assert moved == {archive: True}
    assert alice.get(email_id, "mailboxIds")["mailboxIds"] == {inbox: True, trash: True}


@pytest.mark.rfc(8621, "4.6")
@pytest.mark.parametrize(
    ("patch", "type", "properties"),
    [
        ({"mailboxIds": {}}, "invalidProperties", ["mailboxIds"]),
        ({"mailboxIds": None}, "invalidProperties", ["mailboxIds"]),
        ({"mailboxIds": {"m777777": True}}, "invalidProperties", ["mailboxIds"]),
        ({"mailboxIds/m777777": True}, "invalidProperties", ["mailboxIds"]),
        ({"mailboxIds/nonsense": True}, "invalidProperties", ["mailboxIds"]),
        ({"keywords/two words": True}, "invalidProperties", ["keywords"]),
        ({"keywords": {"%": True}}, "invalidProperties", ["keywords"]),
        ({"keywords/$seen": "yes"}, "invalidProperties", ["keywords"]),
        ({"keywords": {"$seen": False}}, "invalidProperties", ["keywords"]),
        ({"keywords/a/b": True}, "invalidPatch", None),
        ({"keywords": {}, "keywords/a": True}, "invalidPatch", None),
        ({"subject": "other"}, "invalidProperties", ["subject"]),
        ({"receivedAt": "2020-01-01T00:00:00Z"}, "invalidProperties", ["receivedAt"]),
        ({"size": 1, "threadId": "tb2"}, "invalidProperties", ["size", "threadId"]),
        ({"nonsense": 1}, "invalidProperties", ["nonsense"]),
    ],
)
def test_an_update_that_cannot_be_changes_nothing(
    alice: Person, patch: dict, type: str, properties: list[str] | None
) -> None:
    email_id = alice.deliver(MESSAGE, "work")
    before = state(alice)

    answer = update(alice, email_id, {**patch, "keywords/$answered": True} if "keywords" not in patch else patch)

    error = answer["notUpdated"][email_id]
    assert error["type"] == type, error
    assert properties is None or sorted(error["properties"]) == properties
    assert answer["updated"] is None
    assert answer["oldState"] == answer["newState"] == before
    assert alice.get(email_id, "keywords")["keywords"] == {"work": True}


@pytest.mark.rfc(8621, "4.6")
def test_an_email_stays_in_a_mailbox_at_all_times(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE)

    answer = update(alice, email_id, {f"mailboxIds/{alice.mailbox('inbox')}": False})

    assert answer["notUpdated"][email_id]["properties"] == ["mailboxIds"]


@pytest.mark.rfc(8620, "5.3")
def test_a_whole_object_is_a_patch(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE)
    whole = alice.get(email_id, fetchAllBodyValues=True)

    answer = update(alice, email_id, {**whole, "keywords": {"$seen": True}})

    assert answer["updated"] == {email_id: None}, answer
    assert alice.get(email_id, "keywords")["keywords"] == {"$seen": True}


@pytest.mark.rfc(8620, "5.3")
def test_what_changes_nothing_succeeds_and_moves_no_state(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE, "$seen")
    before = state(alice)
    inbox = alice.mailbox("inbox")

    answer = update(alice, email_id, {"keywords/$seen": True, f"mailboxIds/{inbox}": True, "keywords/x": None})

    assert answer["updated"] == {email_id: None}
    assert answer["newState"] == before == state(alice)


@pytest.mark.rfc(8620, "5.3")
def test_unknown_emails_are_not_found(alice: Person, people) -> None:
    foreign = people("bob").deliver(MESSAGE)

    updated = alice.call("Email/set", update={name: {"keywords/a": True} for name in (foreign, "nonsense", "#never")})
    destroyed = alice.call("Email/set", destroy=[foreign, "nonsense", "#never"])

    for refused in (updated["notUpdated"], destroyed["notDestroyed"]):
        assert {name: error["type"] for name, error in refused.items()} == dict.fromkeys(
            (foreign, "nonsense", "#never"), "notFound"
        )


@pytest.mark.rfc(8621, "4.6")
def test_too_many_keywords_or_mailboxes_are_told_apart(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    email_id = alice.deliver(MESSAGE)
    monkeypatch.setattr(emails, "MAX_KEYWORDS", 2)
    monkeypatch.setattr(emails, "MAX_MAILBOXES", 1)

    keywords = update(alice, email_id, {"keywords": {"a": True, "b": True, "c": True}})
    mailboxes = update(alice, email_id, {f"mailboxIds/{alice.mailbox('archive')}": True})
    refused = alice.refusal(keywords={"a": True, "b": True, "c": True})

    assert keywords["notUpdated"][email_id]["type"] == "tooManyKeywords"
    assert mailboxes["notUpdated"][email_id]["type"] == "tooManyMailboxes"
    assert refused["type"] == "tooManyKeywords"


@pytest.mark.rfc(8620, "5.3")
def test_the_state_asked_for_has_to_be_the_present_one(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE)
    before = state(alice)
    patch = {email_id: {"keywords/$seen": True}}

    first = alice.call("Email/set", ifInState=before, update=patch)
    error = alice.error("Email/set", ifInState=before, update={email_id: {"keywords/$seen": None}})

    assert first["oldState"] == before != first["newState"] == state(alice)
    assert error["type"] == "stateMismatch"


@pytest.mark.rfc(8621, "4.6")
def test_the_cost_of_updates_does_not_grow_with_their_number(alice: Person) -> None:
    ids = [alice.deliver(MESSAGE, day=1 + number % 28) for number in range(30)]

    def statements(some: list[str], keyword: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            answer = alice.call("Email/set", update={email_id: {f"keywords/{keyword}": True} for email_id in some})
        assert len(answer["updated"]) == len(some)
        return len(captured)

    assert statements(ids[:2], "$answered") == statements(ids, "$flagged")


@pytest.mark.rfc(8621, "4.6")
def test_a_destroyed_email_is_gone_and_retained(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE, "work")
    before = state(alice)

    answer = alice.call("Email/set", destroy=[email_id, email_id])

    assert answer["destroyed"] == [email_id]
    assert answer["notDestroyed"] is None
    assert alice.call("Email/get", ids=[email_id])["notFound"] == [email_id]
    assert alice.call("Email/changes", sinceState=before)["destroyed"] == [email_id]
    assert RetainedEmail.objects.get().keywords == ["work"]


@pytest.mark.rfc(8620, "5.3")
def test_an_update_of_what_is_destroyed_is_passed_over(alice: Person) -> None:
    email_id = alice.deliver(MESSAGE)

    answer = alice.call("Email/set", update={email_id: {"keywords/$seen": True}}, destroy=[email_id])

    assert answer["notUpdated"][email_id]["type"] == "willDestroy"
    assert answer["destroyed"] == [email_id]


@pytest.mark.rfc(8620, "5.3")
def test_an_account_that_is_read_only_refuses_every_write(alice: Person, people) -> None:
    bob = people("bob")
    email_id = bob.deliver(MESSAGE)
    alice.may_enter(bob, is_read_only=True)

    for method, arguments in (
        ("Email/set", {"update": {email_id: {"keywords/$seen": True}}}),
        ("Email/import", {"emails": {}}),
        ("Email/copy", {"fromAccountId": alice.account_id, "create": {}}),
    ):
        assert alice.error(method, accountId=bob.account_id, **arguments)["type"] == "accountReadOnly"
