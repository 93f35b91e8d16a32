"""What of a message a text condition finds (RFC 8621 §4.4.1)."""

import pytest

from tests.mail.email.conftest import Person

pytestmark = pytest.mark.django_db

FIELDS = (
    "From: jane@example.org\nTo: first@example.org\nTo: second@example.org\n"
    'Cc: "Gardeners": ann@example.org;\nSubject: elder\nSubject: younger\n\nbody\n'
)
PARTS = """From: jane@example.org
Content-Type: multipart/mixed; boundary=b

--b

shown
--b
Content-Type: text/html

<head><title>unseen</title></head><p class="markup">seen <img alt="a heron" src="src.png"><a title='at &quot;dawn&quot;'
href="http://link.example">x</a><!-- <img alt="comment"> --><script>"<img alt='script'>"</script></p>
--b
Content-Type: text/plain; charset=utf-8
Content-Disposition: attachment; filename=change.patch
Content-Transfer-Encoding: base64

cGF0Y2hlZCBsaW5lcw==
--b
Content-Type: text/calendar

SUMMARY:rehearsal
--b
Content-Type: message/rfc822

Subject: =?utf-8?q?forwarded_m=C3=A9moire?=
Content-Type: multipart/mixed; boundary=c

--c

inner words
--c
Content-Type: application/octet-stream

octets
--c--
--b--
"""


def finds(person: Person, email_id: str, **condition: object) -> bool:
    return email_id in person.call("Email/query", filter=condition)["ids"]


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("to", "first@example.org"),
        ("to", "second@example.org"),
        ("cc", "gardeners"),
        ("cc", "ann@example.org"),
        ("subject", "elder"),
        ("subject", "younger"),
    ],
)
def test_every_instance_and_every_group_of_a_header_field_is_searched(alice: Person, field: str, text: str) -> None:
    email_id = alice.deliver(FIELDS)

    assert finds(alice, email_id, **{field: text})
    assert finds(alice, email_id, text=text)
    assert finds(alice, email_id, header=[field, text])


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize(
    "text",
    ["shown", "seen", '"a heron"', '"at dawn"', '"patched lines"', "rehearsal", '"forwarded memoire"', '"inner words"'],
)
def test_texts_attached_texts_and_attached_messages_are_searched(alice: Person, text: str) -> None:
    email_id = alice.deliver(PARTS)

    assert finds(alice, email_id, body=text)
    assert finds(alice, email_id, text=text)


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize("text", ["unseen", "markup", "img", "src", "link", "comment", "script", "octets"])
def test_markup_and_octets_are_not_searched(alice: Person, text: str) -> None:
    email_id = alice.deliver(PARTS)

    assert not finds(alice, email_id, body=text)


@pytest.mark.rfc(8621, "5")
def test_a_snippet_shows_what_an_image_is_said_to_be(alice: Person) -> None:
    email_id = alice.deliver(PARTS)

    [snippet] = alice.call("SearchSnippet/get", filter={"body": "heron"}, emailIds=[email_id])["list"]

    assert "a <mark>heron</mark>" in snippet["preview"]
