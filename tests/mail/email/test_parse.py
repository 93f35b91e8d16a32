"""Email/parse: blobs shown as Emails without being stored (RFC 8621 §4.9)."""

import pytest

from mail.datatypes import email_parse
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

INNER = (
    b"From: bob@example.org\r\nSubject: =?utf-8?q?=C3=BC?= inside\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nbody\r\n"
    b"--i\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--i--\r\n"
)
OUTER = (
    b"Subject: outside\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\n\r\nsee\r\n"
    b"--o\r\nContent-Type: message/rfc822\r\n\r\n" + INNER + b"\r\n--o--\r\n"
)


@pytest.mark.rfc(8621, "4.9")
def test_an_uploaded_message_is_shown(alice: Person) -> None:
    blob = alice.upload(INNER)

    answer = alice.call("Email/parse", blobIds=[blob, blob], fetchTextBodyValues=True)

    email = answer["parsed"][blob]
    assert (answer["notParsable"], answer["notFound"]) == (None, None)
    assert tuple(email) == email_parse.DEFAULT_PROPERTIES
    assert (email["subject"], email["preview"], email["hasAttachment"]) == ("ü inside", "body", True)
    assert [value["value"] for value in email["bodyValues"].values()] == ["body"]
    assert alice.octets(email["attachments"][0]["blobId"]) == b"\0\1\2"


@pytest.mark.rfc(8621, "4.9")
def test_what_belongs_to_the_store_is_null(alice: Person) -> None:
    blob = alice.upload(INNER)
    asked = ["id", "mailboxIds", "keywords", "receivedAt", "threadId", "blobId", "size", "header:subject"]

    email = alice.call("Email/parse", blobIds=[blob], properties=asked)["parsed"][blob]

    assert [email[name] for name in asked[:5]] == [None] * 5
    assert (email["blobId"], email["size"]) == (blob, len(INNER))
    assert email["header:subject"] == " =?utf-8?q?=C3=BC?= inside"


@pytest.mark.rfc(8621, "4.9")
def test_an_attached_message_and_the_files_in_it_can_be_reached(alice: Person) -> None:
    email_id = alice.deliver(OUTER)
    [attached] = alice.get(email_id, "attachments")["attachments"]

    inner = alice.call("Email/parse", blobIds=[attached["blobId"]])["parsed"][attached["blobId"]]

    assert inner["subject"] == "ü inside"
    assert alice.octets(inner["attachments"][0]["blobId"]) == b"\0\1\2"


@pytest.mark.rfc(8621, "4.9")
def test_what_is_no_message_is_told_apart_from_what_is_not_there(alice: Person, people) -> None:
    picture, foreign = alice.upload(b"\x89PNG\r\n\x1a\n"), people("bob").upload(INNER)

    answer = alice.call("Email/parse", blobIds=[picture, foreign, "b777777"])

    assert answer["parsed"] is None
    assert answer["notParsable"] == [picture]
    assert answer["notFound"] == [foreign, "b777777"]


@pytest.mark.rfc(8621, "4.9")
@pytest.mark.parametrize("argument", [{"properties": ["header:From:asDate"]}, {"bodyProperties": ["nonsense"]}])
def test_unknown_properties_are_refused(alice: Person, argument: dict) -> None:
    assert alice.error("Email/parse", blobIds=[], **argument)["type"] == "invalidArguments"


@pytest.mark.rfc(8621, "4.9")
def test_too_many_blobs_are_refused(alice: Person) -> None:
    assert alice.error("Email/parse", blobIds=[f"b{n}" for n in range(61)])["type"] == "requestTooLarge"
