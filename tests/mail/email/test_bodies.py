"""The inside of a message: part lists, body values, blobs of parts, broken mail (RFC 8621 §4.1.4, §4.2)."""

import pytest

from mail.datatypes import email_body
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

MIXED = """From: a@example.org
Subject: two ways to say it
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe
--inner
Content-Type: text/html; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

<p>Gr=FC=DFe <a href="https://example.org/long">here</a></p>
--inner--
--outer
Content-Type: application/octet-stream; name="data.bin"
Content-Disposition: attachment; filename="data.bin"
Content-Transfer-Encoding: base64

AAECAwQF
--outer--
"""


@pytest.mark.rfc(8621, "4.1.4")
def test_part_lists_show_what_to_read_and_what_to_download(alice: Person) -> None:
    email = alice.get(alice.deliver(MIXED), "textBody", "htmlBody", "attachments", "hasAttachment", "preview")

    assert [part["type"] for part in email["textBody"]] == ["text/plain"]
    assert [part["type"] for part in email["htmlBody"]] == ["text/html"]
    assert [(part["name"], part["size"]) for part in email["attachments"]] == [("data.bin", 6)]
    assert email["hasAttachment"] is True
    assert email["preview"] == "Grüße"


@pytest.mark.rfc(8621, "4.1.4")
def test_a_part_s_blob_is_its_decoded_octets(alice: Person) -> None:
    email = alice.get(alice.deliver(MIXED), "attachments", "textBody")

    assert alice.octets(email["attachments"][0]["blobId"]) == bytes(range(6))
    assert alice.octets(email["textBody"][0]["blobId"]).decode() == "Grüße"


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ({}, []),
        ({"fetchTextBodyValues": True}, ["text/plain"]),
        ({"fetchHTMLBodyValues": True}, ["text/html"]),
        ({"fetchAllBodyValues": True}, ["text/plain", "text/html"]),
    ],
)
def test_body_values_are_of_the_parts_asked_for(alice: Person, arguments: dict, parts: list[str]) -> None:
    email = alice.get(alice.deliver(MIXED), "bodyValues", "textBody", "htmlBody", **arguments)

    types = {part["partId"]: part["type"] for part in (*email["textBody"], *email["htmlBody"])}
    assert [types[part_id] for part_id in email["bodyValues"]] == parts


@pytest.mark.rfc(8621, "4.1.4")
def test_body_values_are_decoded_text(alice: Person) -> None:
    email = alice.get(alice.deliver(MIXED), "bodyValues", fetchAllBodyValues=True)

    text, html = email["bodyValues"].values()
    assert text == {"value": "Grüße", "isEncodingProblem": False, "isTruncated": False}
    assert html["value"].startswith("<p>Grüße <a")


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize("limit", range(1, 60, 7))
def test_truncation_cuts_neither_a_character_nor_a_tag(alice: Person, limit: int) -> None:
    email = alice.get(alice.deliver(MIXED), "bodyValues", fetchAllBodyValues=True, maxBodyValueBytes=limit)

    for value in email["bodyValues"].values():
        assert len(value["value"].encode()) <= limit
        assert value["value"].count("<") == value["value"].count(">")


@pytest.mark.rfc(8621, "4.1.4")
def test_the_structure_is_the_tree_of_parts(alice: Person) -> None:
    asked = ["partId", "blobId", "type", "subParts"]

    root = alice.get(alice.deliver(MIXED), "bodyStructure", bodyProperties=asked)["bodyStructure"]

    assert (root["type"], root["partId"], root["blobId"]) == ("multipart/mixed", None, None)
    assert [part["type"] for part in root["subParts"]] == ["multipart/alternative", "application/octet-stream"]
    assert [part["type"] for part in root["subParts"][0]["subParts"]] == ["text/plain", "text/html"]
    assert root["subParts"][1]["subParts"] is None


@pytest.mark.rfc(8621, "4.2")
def test_a_structure_has_its_parts_unless_other_properties_are_named(alice: Person) -> None:
    email_id = alice.deliver(MIXED)

    assert "subParts" in alice.get(email_id, "bodyStructure")["bodyStructure"]
    assert alice.get(email_id, "bodyStructure", bodyProperties=["type"])["bodyStructure"] == {"type": "multipart/mixed"}


@pytest.mark.rfc(8621, "4.2")
def test_an_unknown_body_property_is_refused(alice: Person) -> None:
    for name in ("content", "header:From:asDate"):
        assert alice.error("Email/get", ids=[], bodyProperties=[name])["type"] == "invalidArguments"


@pytest.mark.rfc(8621, "4.1.4")
def test_an_unknown_charset_or_encoding_is_told(alice: Person) -> None:
    email_id = alice.deliver(
        "Content-Type: text/plain; charset=x-klingon\nContent-Transfer-Encoding: x-nope\n\nhello\n"
    )

    email = alice.get(email_id, "bodyValues", fetchAllBodyValues=True)

    assert email["bodyValues"]["1"] == {"value": "hello\n", "isEncodingProblem": True, "isTruncated": False}


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    "message",
    [
        b"\0",
        b"no header at all",
        b"\r\n\r\nonly a body",
        b"Subject: =?utf-8?b?////?=\r\nFrom: <<<>>>,,;:\r\nDate: tomorrow\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=\r\n\r\n--\r\n",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n--x",
        b"Content-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
    ],
)
def test_malformed_mail_is_always_shown(alice: Person, message: bytes) -> None:
    email_id = alice.deliver(message)

    email = alice.get(
        email_id,
        *("subject", "from", "sentAt", "headers", "bodyStructure", "textBody", "bodyValues", "preview", "attachments"),
        fetchAllBodyValues=True,
        maxBodyValueBytes=10,
    )

    assert email["id"] == email_id


@pytest.mark.rfc(8621, "4.1.4")
def test_a_message_whose_octets_are_lost_is_still_shown(alice: Person) -> None:
    email_id = alice.deliver(MIXED)
    alice.lose_octets(alice.get(email_id, "blobId")["blobId"])

    email = alice.get(email_id, "subject", "headers", "bodyValues", fetchTextBodyValues=True)

    assert email["subject"] == "two ways to say it"
    assert email["headers"] == []
    assert list(email["bodyValues"].values()) == [{"value": "", "isEncodingProblem": True, "isTruncated": False}]


@pytest.mark.rfc(8621, "4.2")
def test_bodies_that_are_too_large_together_are_refused(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_body, "MAX_BODY_OCTETS", 5)
    ids = [alice.deliver(MIXED), alice.deliver(MIXED)]

    assert alice.get(ids[0], "bodyValues", fetchTextBodyValues=True)["bodyValues"]
    error = alice.error("Email/get", ids=ids, properties=["bodyValues"], fetchTextBodyValues=True)
    assert error["type"] == "requestTooLarge"
