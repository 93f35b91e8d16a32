"""Email/set create: from properties to a message, and what is refused (RFC 8621 §4.6)."""

from typing import Any

import pytest

from mail.datatypes import email_create
from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

TEXT: dict[str, Any] = {"textBody": [{"partId": "t"}], "bodyValues": {"t": {"value": "Hello\nWorld"}}}


@pytest.mark.rfc(8621, "4.6")
def test_a_created_email_is_told_of_and_reads_as_it_was_given(alice: Person) -> None:
    given = {
        "keywords": {"$draft": True, "$Seen": True},
        "from": [{"name": "Alice Ä.", "email": "alice@example.org"}],
        "to": [{"name": None, "email": "bob@example.org"}, {"email": "carol@example.org"}],
        "cc": [],
        "bcc": [],
        "subject": "Grüße 你好",
        "inReplyTo": ["1@example.org"],
        "references": ["0@example.org", "1@example.org"],
        "sentAt": "2018-07-10T11:03:11+10:00",
        "receivedAt": "2018-07-10T01:03:11Z",
        **TEXT,
    }

    created = alice.create(**given)

    assert {"id", "blobId", "threadId", "size"} <= created.keys()
    email = alice.get(created["id"], fetchTextBodyValues=True)
    assert email["size"] == created["size"] == len(alice.octets(created["blobId"]))
    assert email["mailboxIds"] == {alice.mailbox("drafts"): True}
    assert email["keywords"] == {"$draft": True, "$seen": True}
    assert email["from"] == given["from"]
    assert [address["email"] for address in email["to"]] == ["bob@example.org", "carol@example.org"]
    assert email["cc"] is None
    assert email["subject"] == given["subject"]
    assert (email["inReplyTo"], email["references"]) == (given["inReplyTo"], given["references"])
    assert (email["sentAt"], email["receivedAt"]) == (given["sentAt"], given["receivedAt"])
    assert [value["value"] for value in email["bodyValues"].values()] == ["Hello\nWorld"]


@pytest.mark.rfc(8621, "4.6")
def test_message_id_and_date_are_made_up_where_missing_and_told(alice: Person) -> None:
    created = alice.create(subject="x")

    email = alice.get(created["id"], "messageId", "sentAt", "receivedAt", "header:MIME-Version:asText")
    assert email["messageId"] == created["messageId"]
    assert email["messageId"][0].endswith("@example.org")
    assert email["sentAt"] == created["sentAt"]
    assert email["receivedAt"] == created["receivedAt"]
    assert email["header:MIME-Version:asText"] == "1.0"


@pytest.mark.rfc(8621, "4.6")
def test_text_and_html_are_alternatives_with_what_is_embedded_and_attached(alice: Person) -> None:
    image, file = alice.upload(b"\x89PNG"), alice.upload(b"%PDF")

    created = alice.create(
        textBody=[{"partId": "t", "type": "text/plain"}],
        htmlBody=[{"partId": "h", "type": "text/html"}],
        attachments=[
            {"blobId": image, "type": "image/png", "cid": "pic", "disposition": "inline", "name": None},
            {"blobId": file, "type": "application/pdf", "name": "Übersicht.pdf", "size": 4},
        ],
        bodyValues={"t": {"value": "see"}, "h": {"value": '<img src="cid:pic">', "isTruncated": False}},
    )

    asked = ["type", "name", "cid", "disposition", "subParts", "blobId"]
    root = alice.get(created["id"], "bodyStructure", bodyProperties=asked)["bodyStructure"]
    body, attached = root["subParts"]
    assert root["type"] == "multipart/mixed"
    assert (body["type"], body["subParts"][1]["type"]) == ("multipart/alternative", "multipart/related")
    assert (attached["type"], attached["name"], attached["disposition"]) == (
        "application/pdf",
        "Übersicht.pdf",
        "attachment",
    )
    assert alice.octets(attached["blobId"]) == b"%PDF"
    assert body["subParts"][1]["subParts"][1]["cid"] == "pic"


@pytest.mark.rfc(8621, "4.6")
def test_a_body_structure_is_taken_as_it_is(alice: Person) -> None:
    created = alice.create(
        bodyStructure={
            "type": "multipart/alternative",
            "subParts": [
                {"partId": "a49d", "type": "text/html", "header:Content-Language": "en"},
                {"partId": "bd48", "type": "text/plain", "language": ["de"]},
            ],
        },
        bodyValues={"bd48": {"value": "plan"}, "a49d": {"value": "<b>plan</b>"}},
    )

    root = alice.get(created["id"], "bodyStructure", bodyProperties=["type", "language", "subParts"])["bodyStructure"]
    assert root["type"] == "multipart/alternative"
    assert [(part["type"], part["language"]) for part in root["subParts"]] == [
        ("text/html", ["en"]),
        ("text/plain", ["de"]),
    ]


@pytest.mark.rfc(8621, "4.1.3")
def test_header_properties_are_set_in_every_form(alice: Person) -> None:
    given = {
        "header:From:asAddresses": [{"name": "Ä", "email": "a@example.org"}],
        "header:To:asGroupedAddresses": [{"name": "Team", "addresses": [{"name": None, "email": "b@example.org"}]}],
        "header:X-Text:asText": "Grüße",
        "header:X-Raw": " as it is",
        "header:List-Post:asURLs": ["mailto:list@example.org"],
        "header:Resent-Date:asDate": "2018-07-10T11:03:11Z",
        "header:X-Many:asText:all": ["one", "two"],
        "header:X-None": None,
    }

    created = alice.create(**given)

    email = alice.get(created["id"], *given)
    assert {name: email[name] for name in given} == given


@pytest.mark.rfc(8621, "4.6")
def test_blobs_may_be_parts_of_other_emails(alice: Person) -> None:
    original = alice.deliver(b"Content-Type: application/x-thing\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n")
    email = alice.get(original, "blobId", "attachments")

    created = alice.create(
        attachments=[
            {"blobId": email["attachments"][0]["blobId"]},
            {"blobId": email["blobId"], "type": "message/rfc822"},
        ]
    )

    first, second = alice.get(created["id"], "attachments")["attachments"]
    assert alice.octets(first["blobId"]) == b"\0\1\2"
    assert (first["type"], second["type"]) == ("application/x-thing", "message/rfc822")


@pytest.mark.rfc(8621, "4.6")
def test_missing_blobs_are_all_named(alice: Person, people) -> None:
    foreign = people("bob").upload(b"not yours")
    mine = alice.upload(b"mine")

    error = alice.refusal(attachments=[{"blobId": name} for name in ("b777777", mine, foreign)])

    assert error["type"] == "blobNotFound"
    assert error["notFound"] == ["b777777", foreign]


PART = {"partId": "t", "type": "text/plain"}
VALUES = {"t": {"value": "x"}, "h": {"value": "<p>"}}


@pytest.mark.rfc(8621, "4.6")
@pytest.mark.parametrize(
    ("given", "properties"),
    [
        ({"headers": [{"name": "X", "value": "y"}]}, ["headers"]),
        ({"from": [], "header:From": " a@b"}, ["header:From", "from"]),
        ({"header:subject:asText": "a", "header:Subject": " b"}, ["header:Subject", "header:subject:asText"]),
        ({"header:Subject:asDate": "2018-07-10T11:03:11Z"}, ["header:Subject:asDate"]),
        ({"header:Content-Language": "en"}, ["header:Content-Language"]),
        ({"header:MIME-Version": " 1.0"}, ["header:MIME-Version"]),
        ({"bodyStructure": PART, "bodyValues": VALUES, "textBody": [PART]}, ["textBody"]),
        ({"bodyStructure": {**PART, "header:Subject": " a"}, "bodyValues": VALUES, "subject": "b"}, ["bodyStructure"]),
        ({"bodyStructure": {**PART, "headers": []}, "bodyValues": VALUES}, ["bodyStructure"]),
        ({"textBody": [PART, PART], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{"partId": "t", "type": "text/html"}], "bodyValues": VALUES}, ["textBody"]),
        ({"htmlBody": [{"partId": "h", "type": "text/plain"}], "bodyValues": VALUES}, ["htmlBody"]),
        ({"textBody": [{"partId": "t", "blobId": "b22"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{"type": "text/plain"}]}, ["textBody"]),
        ({"textBody": [PART]}, ["textBody"]),
        ({"textBody": [{**PART, "charset": "utf-8"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{**PART, "size": 1}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{**PART, "header:Content-Transfer-Encoding": " 8bit"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [{**PART, "header:Content-Type": " text/plain"}], "bodyValues": VALUES}, ["textBody"]),
        ({"textBody": [PART], "bodyValues": {"t": {"value": "x", "isTruncated": True}}}, ["bodyValues"]),
        ({"textBody": [PART], "bodyValues": {"t": {"value": "x", "isEncodingProblem": True}}}, ["bodyValues"]),
        ({"bodyStructure": {"type": "multipart/mixed", "subParts": []}}, ["bodyStructure"]),
        ({"bodyStructure": {**PART, "subParts": [PART]}, "bodyValues": VALUES}, ["bodyStructure"]),
        ({"attachments": [{"type": "multipart/mixed", "subParts": [PART]}], "bodyValues": VALUES}, ["attachments"]),
        ({"attachments": [{"partId": "t", "colour": "red"}], "bodyValues": VALUES}, ["attachments"]),
        ({"subject": "two\r\nlines: injected"}, ["subject"]),
        ({"header:X-Note": " a\r\nInjected: yes"}, ["header:X-Note"]),
        ({"to": [{"name": None, "email": "a@b\r\nInjected: yes"}]}, ["to"]),
        ({"id": "e7", "size": 7, "preview": "x"}, ["id", "preview", "size"]),
        ({"keywords": {"with space": True}}, ["keywords"]),
        ({"keywords": {"$seen": 1}}, ["keywords"]),
        ({"mailboxIds": {}}, ["mailboxIds"]),
        ({"mailboxIds": {"m777777": True}}, ["mailboxIds"]),
        ({"mailboxIds": {"nonsense": True}}, ["mailboxIds"]),
        ({"receivedAt": "yesterday"}, ["receivedAt"]),
        ({"nonsense": 1}, ["nonsense"]),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(alice: Person, given: dict, properties: list[str]) -> None:
    error = alice.refusal(**given)

    assert error["type"] == "invalidProperties", error
    assert sorted(error["properties"]) == sorted(properties), error


@pytest.mark.rfc(8621, "4.6")
def test_mailbox_ids_are_required(alice: Person) -> None:
    answer = alice.call("Email/set", create={"c": {"subject": "x"}})

    assert answer["notCreated"]["c"]["properties"] == ["mailboxIds"]


@pytest.mark.rfc(8620, "5.3")
def test_one_create_that_is_refused_does_not_hinder_another(alice: Person) -> None:
    drafts = {alice.mailbox("drafts"): True}

    answer = alice.call(
        "Email/set",
        create={
            "good": {"mailboxIds": drafts},
            "bad": {"mailboxIds": drafts, "headers": []},
            "lost": {"mailboxIds": {"m77": True}},
        },
    )

    assert list(answer["created"]) == ["good"]
    assert sorted(answer["notCreated"]) == ["bad", "lost"]


@pytest.mark.rfc(8621, "4.6")
def test_half_finished_drafts_are_kept(alice: Person) -> None:
    created = alice.create(
        to=[{"name": "", "email": ""}, {"email": "carol"}], subject="", cc=None, textBody=[], htmlBody=None
    )

    email = alice.get(created["id"], "to", "textBody", "bodyValues", fetchTextBodyValues=True)
    assert "carol" in [address["email"] for address in email["to"]]
    assert [value["value"] for value in email["bodyValues"].values()] == [""]


@pytest.mark.rfc(8621, "4.6")
def test_messages_and_attachments_have_a_greatest_size(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = alice.upload(bytes(600))
    monkeypatch.setattr(email_create, "MAX_ATTACHMENTS_OCTETS", 500)
    assert alice.refusal(attachments=[{"blobId": blob}])["type"] == "tooLarge"

    monkeypatch.setattr(email_create, "MAX_ATTACHMENTS_OCTETS", 5_000)
    monkeypatch.setattr(email_create, "MAX_MESSAGE_OCTETS", 500)
    assert alice.refusal(attachments=[{"blobId": blob}])["type"] == "tooLarge"


@pytest.mark.rfc(8621, "4.6")
def test_large_messages_are_kept_one_by_one(alice: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(email_create, "_LARGE", 100)

    created = alice.create(subject="large", **TEXT)

    assert alice.get(created["id"], "subject")["subject"] == "large"


@pytest.mark.rfc(8621, "4.6")
def test_uploaded_text_keeps_its_octets_and_its_charset(alice: Person) -> None:
    utf8, latin = alice.upload("für\n".encode()), alice.upload("für\n".encode("latin-1"))

    created = alice.create(
        textBody=[{"blobId": utf8, "type": "text/plain"}],
        attachments=[{"blobId": latin, "type": "text/plain", "charset": "iso-8859-1", "name": "l.txt"}],
    )

    email = alice.get(created["id"], "textBody", "attachments", "bodyValues", fetchAllBodyValues=True)
    assert email["textBody"][0]["charset"] == "utf-8"
    assert email["attachments"][0]["charset"] == "iso-8859-1"
    assert [value["value"] for value in email["bodyValues"].values()] == ["für\n", "für\n"]


@pytest.mark.rfc(8620, "5.3")
def test_a_wrong_state_refuses_before_anything_is_kept(alice: Person) -> None:
    error = alice.error(
        "Email/set", ifInState="elsewhere", create={"c": {"mailboxIds": {alice.mailbox("inbox"): True}}}
    )

    assert error["type"] == "stateMismatch"


@pytest.mark.rfc(8620, "5.3")
def test_a_draft_that_replaces_another_in_one_call(alice: Person) -> None:
    old = alice.create(subject="first")
    drafts = {alice.mailbox("drafts"): True}

    answer = alice.call("Email/set", create={"new": {"mailboxIds": drafts, "subject": "second"}}, destroy=[old["id"]])

    assert answer["destroyed"] == [old["id"]]
    assert alice.get(answer["created"]["new"]["id"], "subject")["subject"] == "second"
    assert alice.call("Email/get", ids=[old["id"]])["notFound"] == [old["id"]]


@pytest.mark.rfc(8620, "5.3")
def test_a_creation_id_names_the_email_later_in_the_call_and_the_request(alice: Person) -> None:
    account, drafts = {"accountId": alice.account_id}, {alice.mailbox("drafts"): True}

    response = alice.send(
        (
            "Email/set",
            {**account, "create": {"c": {"mailboxIds": drafts}}, "update": {"#c": {"keywords/a": True}}},
            "0",
        ),
        ("Email/set", {**account, "update": {"#c": {"keywords/b": True}}}, "1"),
        createdIds={},
    )

    email_id = response["createdIds"]["c"]
    assert alice.get(email_id, "keywords")["keywords"] == {"a": True, "b": True}


@pytest.mark.rfc(8621, "4.6")
def test_a_mailbox_made_in_the_same_request_takes_the_email(alice: Person) -> None:
    account = {"accountId": alice.account_id}

    response = alice.send(
        ("Mailbox/set", {**account, "create": {"box": {"name": "New"}}}, "0"),
        ("Email/set", {**account, "create": {"c": {"mailboxIds": {"#box": True}}}}, "1"),
    )

    box = response["methodResponses"][0][1]["created"]["box"]["id"]
    email_id = response["methodResponses"][1][1]["created"]["c"]["id"]
    assert alice.get(email_id, "mailboxIds")["mailboxIds"] == {box: True}
