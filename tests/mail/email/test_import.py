"""Email/import: uploaded messages become Emails (RFC 8621 §4.8)."""

import pytest

from jmap.blobs import service
from jmap.blobs.errors import BlobGone
from mail.services import emails
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

MESSAGE = (
    b"Received: from a by b; Mon, 1 Jan 2024 10:00:00 +0200\r\n"
    b"Received: from c by d; Mon, 1 Jan 2024 09:00:00 +0000\r\n"
    b"From: bob@example.org\r\nSubject: imported\r\nMessage-ID: <1@example.org>\r\n\r\nx\r\n"
)


def place(person: Person, role: str = "inbox") -> dict[str, bool]:
    return {person.mailbox(role): True}


@pytest.mark.rfc(8621, "4.8")
def test_an_uploaded_message_becomes_an_email(alice: Person) -> None:
    blob = alice.upload(MESSAGE)
    one = {
        "blobId": blob,
        "mailboxIds": place(alice),
        "keywords": {"$Seen": True},
        "receivedAt": "2020-02-02T02:02:02Z",
    }

    answer = alice.call("Email/import", emails={"i": one})

    created = answer["created"]["i"]
    assert answer["notCreated"] is None
    assert answer["oldState"] != answer["newState"] == alice.call("Email/get", ids=[])["state"]
    assert (created["blobId"], created["size"]) == (blob, len(MESSAGE))
    email = alice.get(created["id"])
    assert (email["subject"], email["threadId"]) == ("imported", created["threadId"])
    assert email["keywords"] == {"$seen": True}
    assert email["receivedAt"] == "2020-02-02T02:02:02Z"


@pytest.mark.rfc(8621, "4.8")
def test_without_a_date_the_last_received_counts(alice: Person) -> None:
    blob = alice.upload(MESSAGE)

    created = alice.call("Email/import", emails={"i": {"blobId": blob, "mailboxIds": place(alice)}})["created"]["i"]

    assert alice.get(created["id"], "receivedAt")["receivedAt"] == created["receivedAt"] == "2024-01-01T08:00:00Z"


@pytest.mark.rfc(8621, "4.8")
def test_the_same_message_may_be_imported_twice(alice: Person) -> None:
    one = {"blobId": alice.upload(MESSAGE), "mailboxIds": place(alice)}

    created = alice.call("Email/import", emails={"a": one, "b": one})["created"]

    assert created["a"]["id"] != created["b"]["id"]
    assert created["a"]["blobId"] == created["b"]["blobId"]


@pytest.mark.rfc(8621, "4.8")
@pytest.mark.parametrize(
    "message",
    [b"\0\0", b"no header\r\n", "Subject: Grüße\n\nüber\n".encode(), b"Subject: caf\xe9\r\n\r\n\xff", b"\r\n" * 3],
)
def test_malformed_messages_are_imported_as_they_are(alice: Person, message: bytes) -> None:
    blob = alice.upload(message)

    created = alice.call("Email/import", emails={"i": {"blobId": blob, "mailboxIds": place(alice)}})["created"]["i"]

    assert alice.octets(created["blobId"]) == message
    assert alice.get(created["id"])["id"] == created["id"]


@pytest.mark.rfc(8621, "4.8")
@pytest.mark.parametrize(
    ("changed", "properties"),
    [
        ({"blobId": "b777777"}, ["blobId"]),
        ({"blobId": 7}, ["blobId"]),
        ({"mailboxIds": {}}, ["mailboxIds"]),
        ({"mailboxIds": {"m777777": True}}, ["mailboxIds"]),
        ({"mailboxIds": None, "keywords": {"a b": True}}, ["keywords", "mailboxIds"]),
        ({"receivedAt": "2020"}, ["receivedAt"]),
        ({"subject": "x"}, ["subject"]),
    ],
)
def test_one_that_is_invalid_is_refused_by_itself(alice: Person, changed: dict, properties: list[str]) -> None:
    good = {"blobId": alice.upload(MESSAGE), "mailboxIds": place(alice)}

    answer = alice.call("Email/import", emails={"good": good, "bad": {**good, **changed}})

    assert list(answer["created"]) == ["good"]
    assert answer["notCreated"]["bad"]["type"] == "invalidProperties"
    assert sorted(answer["notCreated"]["bad"]["properties"]) == properties


@pytest.mark.rfc(8621, "4.8")
def test_nothing_at_all_is_no_message(alice: Person) -> None:
    answer = alice.call("Email/import", emails={"i": {"blobId": alice.upload(b""), "mailboxIds": place(alice)}})

    assert answer["notCreated"]["i"]["type"] == "invalidEmail"


@pytest.mark.rfc(8621, "4.8")
def test_an_attached_message_is_imported_by_its_part(alice: Person) -> None:
    email_id = alice.deliver(b"Content-Type: message/rfc822\r\n\r\n" + MESSAGE)
    [part] = alice.get(email_id, "attachments")["attachments"]

    answer = alice.call("Email/import", emails={"i": {"blobId": part["blobId"], "mailboxIds": place(alice)}})

    created = answer["created"]["i"]
    assert alice.octets(created["blobId"]) == MESSAGE
    assert "-" not in created["blobId"]


@pytest.mark.rfc(8620, "6")
def test_what_somebody_else_uploaded_is_not_found(alice: Person, people) -> None:
    foreign = people("bob").upload(MESSAGE)

    answer = alice.call("Email/import", emails={"i": {"blobId": foreign, "mailboxIds": place(alice)}})

    assert answer["notCreated"]["i"]["properties"] == ["blobId"]


@pytest.mark.rfc(8621, "4.8")
def test_the_state_has_to_be_the_one_asked_for(alice: Person) -> None:
    assert alice.error("Email/import", ifInState="elsewhere", emails={})["type"] == "stateMismatch"


@pytest.mark.rfc(8620, "5.3")
def test_more_than_the_limit_is_too_large(alice: Person) -> None:
    one = {"blobId": "b22", "mailboxIds": {}}

    assert alice.error("Email/import", emails={f"i{n}": one for n in range(61)})["type"] == "requestTooLarge"


@pytest.mark.rfc(8620, "3.3")
def test_creation_ids_name_imported_emails_later_in_the_request(alice: Person) -> None:
    account = {"accountId": alice.account_id}
    one = {"blobId": alice.upload(MESSAGE), "mailboxIds": place(alice)}

    response = alice.send(
        ("Email/import", {**account, "emails": {"i": one}}, "0"),
        ("Email/set", {**account, "update": {"#i": {"keywords/$flagged": True}}}, "1"),
        createdIds={},
    )

    assert alice.get(response["createdIds"]["i"], "keywords")["keywords"] == {"$flagged": True}


@pytest.mark.rfc(8621, "4.8")
def test_a_blob_that_is_collected_meanwhile_is_kept_again(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"blobId": alice.upload(MESSAGE), "mailboxIds": place(alice)}
    add = emails.add_judged
    tries = []

    def once_gone(*arguments):
        tries.append(None)
        if len(tries) == 1:
            raise BlobGone("collected")
        return add(*arguments)

    monkeypatch.setattr(emails, "add_judged", once_gone)
    kept = []
    put_many = service.put_many
    monkeypatch.setattr(service, "put_many", lambda *arguments: kept.append(1) or put_many(*arguments))

    answer = alice.call("Email/import", emails={"i": one})

    assert len(tries) == 2
    assert kept == [1]
    assert alice.octets(answer["created"]["i"]["blobId"]) == MESSAGE


@pytest.mark.rfc(8620, "5.3")
def test_a_mailbox_made_in_the_same_request_takes_the_import(alice: Person) -> None:
    account, blob = {"accountId": alice.account_id}, alice.upload(MESSAGE)

    response = alice.send(
        ("Mailbox/set", {**account, "create": {"box": {"name": "New"}}}, "0"),
        ("Email/import", {**account, "emails": {"i": {"blobId": blob, "mailboxIds": {"#box": True}}}}, "1"),
    )

    box = response["methodResponses"][0][1]["created"]["box"]["id"]
    email_id = response["methodResponses"][1][1]["created"]["i"]["id"]
    assert alice.get(email_id, "mailboxIds")["mailboxIds"] == {box: True}
