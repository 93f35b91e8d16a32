"""Header fields as properties, in every form, on an Email and on its parts (RFC 8621 §4.1.2, §4.1.3)."""

import pytest

from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

MESSAGE = (
    b"Received: from a by b; Mon, 1 Jan 2024 10:00:00 +0000\r\n"
    b"Received: from c by d;\r\n\tMon, 1 Jan 2024 09:00:00 +0000\r\n"
    b'From: "  James Smythe" <james@example.com>\r\n'
    b"To: jane@example.com, Friends:\r\n =?UTF-8?Q?John_Sm=C3=AEth?= <john@example.com>;\r\n"
    b"Subject: =?utf-8?q?Caf=C3=A9?= and\r\n more\r\n"
    b"X-Text: a =?utf-8?q?b?= c\r\n"
    b"X-Latin: caf\xe9\r\n"
    b"List-Post: <mailto:list@example.org> (write here)\r\n"
    b"Resent-To: one@example.org\r\n"
    b"Resent-To: two@example.org\r\n"
    b"Resent-Date: Tue, 2 Jan 2024 10:00:00 +0100\r\n"
    b"X-Date: not a date\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n"
    b"\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Language: en, de\r\nX-Note: =?utf-8?q?=C3=BC?=\r\n"
    b"\r\nx\r\n--b--\r\n"
)


@pytest.fixture
def email_id(alice: Person) -> str:
    return alice.deliver(MESSAGE)


@pytest.mark.rfc(8621, "4.1.2.1")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("header:subject", " =?utf-8?q?Caf=C3=A9?= and\r\n more"),
        ("header:X-LATIN", " caf\ufffd"),
        ("header:Nowhere", None),
    ],
)
def test_raw_is_the_value_as_it_stands(alice: Person, email_id: str, name: str, value: str | None) -> None:
    assert alice.get(email_id, name)[name] == value


@pytest.mark.rfc(8621, "4.1.2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("header:Subject:asText", "Café and more"),
        ("header:X-Text:asText", "a b c"),
        ("header:From:asAddresses", [{"name": "James Smythe", "email": "james@example.com"}]),
        (
            "header:To:asGroupedAddresses",
            [
                {"name": None, "addresses": [{"name": None, "email": "jane@example.com"}]},
                {"name": "Friends", "addresses": [{"name": "John Smîth", "email": "john@example.com"}]},
            ],
        ),
        ("header:List-Post:asURLs", ["mailto:list@example.org"]),
        ("header:Resent-Date:asDate", "2024-01-02T10:00:00+01:00"),
        ("header:X-Date:asDate", None),
        ("header:X-Text:asMessageIds", None),
    ],
)
def test_a_form_parses_the_field(alice: Person, email_id: str, name: str, value: object) -> None:
    assert alice.get(email_id, name)[name] == value


@pytest.mark.rfc(8621, "4.1.3")
def test_the_last_field_counts_unless_all_are_asked_for(alice: Person, email_id: str) -> None:
    names = ["header:Resent-To:asAddresses", "header:Resent-To:asAddresses:all", "header:received:all"]

    email = alice.get(email_id, *names, "header:x-none:all")

    assert email[names[0]] == [{"name": None, "email": "two@example.org"}]
    assert [value[0]["email"] for value in email[names[1]]] == ["one@example.org", "two@example.org"]
    assert len(email[names[2]]) == 2
    assert email["header:x-none:all"] == []


@pytest.mark.rfc(8621, "4.2")
def test_the_name_comes_back_with_the_capitals_of_the_request(alice: Person, email_id: str) -> None:
    email = alice.get(email_id, "header:sUbJeCt:asText", "header:100%-odd")

    assert email == {"id": email_id, "header:sUbJeCt:asText": "Café and more", "header:100%-odd": None}


@pytest.mark.rfc(8621, "4.1.3")
def test_headers_are_all_fields_in_order(alice: Person, email_id: str) -> None:
    headers = alice.get(email_id, "headers")["headers"]

    assert [field["name"] for field in headers][:4] == ["Received", "Received", "From", "To"]
    assert headers[1]["value"] == " from c by d;\r\n\tMon, 1 Jan 2024 09:00:00 +0000"
    assert len(headers) == 13


@pytest.mark.rfc(8621, "4.1.4")
def test_parts_have_their_own_header_properties(alice: Person, email_id: str) -> None:
    asked = ["partId", "headers", "header:Content-Language", "header:x-note:asText", "language"]

    [part] = alice.get(email_id, "textBody", bodyProperties=asked)["textBody"]

    assert part == {
        "partId": "1",
        "headers": [
            {"name": "Content-Type", "value": " text/plain; charset=utf-8"},
            {"name": "Content-Language", "value": " en, de"},
            {"name": "X-Note", "value": " =?utf-8?q?=C3=BC?="},
        ],
        "header:Content-Language": " en, de",
        "header:x-note:asText": "ü",
        "language": ["en", "de"],
    }


@pytest.mark.rfc(8621, "4.1.2")
def test_utf8_header_fields_are_read_as_they_are(alice: Person) -> None:
    email_id = alice.deliver("From: Jürgen <jürgen@exämple.org>\nSubject: Grüße 你好\n\nx\n".encode())

    email = alice.get(email_id, "from", "subject")

    assert email["from"] == [{"name": "Jürgen", "email": "jürgen@exämple.org"}]
    assert email["subject"] == "Grüße 你好"
