"""The form in which a message leaves: nobody learns of blind copies (RFC 8621 §7.5)."""

from __future__ import annotations

import pytest

from submission.letters import header_of, read_head
from submission.smtp import content


def sent(message: bytes) -> bytes:
    """A message as a transport sends it."""
    head, rest = content.split(content.crlf([message]))
    return content.without_unsent(head) + b"".join(rest)


@pytest.mark.rfc(8621, "7.5")
@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"A: 1\r\nBcc: x@y\r\nB: 2\r\n\r\nBcc: body\r\n", b"A: 1\r\nB: 2\r\n\r\nBcc: body\r\n"),
        (b"Bcc: x@y,\r\n z@y\r\nB: 2\r\n\r\n", b"B: 2\r\n\r\n"),
        (b"A: 1\nBCC : x@y\n\tz@y\n\nhello\n", b"A: 1\r\n\r\nhello\r\n"),
        (b"A: 1\rbcc: x@y\rB: 2\r\rhello", b"A: 1\r\nB: 2\r\n\r\nhello\r\n"),
        (b"A: 1\r\nResent-Bcc: x@y\r\nBcc:\r\nBcc: z@y\r\n\r\n", b"A: 1\r\n\r\n"),
        (b"A: 1\r\nno field\r\nBcc: x@y\r\n\r\nhello", b"A: 1\r\nno field\r\n\r\nhello\r\n"),
        (b"A: 1\r\nBcc: x@y", b"A: 1\r\n"),
        (b"\r\nBcc: body\r\n", b"\r\nBcc: body\r\n"),
        (b"A: see Bcc: x@y\r\n Bcc: z@y\r\n\r\n", b"A: see Bcc: x@y\r\n Bcc: z@y\r\n\r\n"),
        (b"Return-Path: <x@y>\r\nReceived: here\r\n\r\n", b"Received: here\r\n\r\n"),
        (b"X-Bcc: x@y\r\n\r\n", b"X-Bcc: x@y\r\n\r\n"),
    ],
)
def test_blind_copies_are_taken_out_of_the_header_and_nothing_else_is(message: bytes, expected: bytes) -> None:
    assert sent(message) == expected


@pytest.mark.rfc(5322, "2.1")
@pytest.mark.parametrize(
    ("message", "header"),
    [
        (b"A: 1\r\n\r\nb", b"A: 1\r\n"),
        (b"A: 1\n\nb", b"A: 1\r\n"),
        (b"A: 1\n\r\nb", b"A: 1\r\n"),
        (b"A: 1\r\r\nb", b"A: 1\r\n"),
        (b"A: 1\rB: 2\r\n\r\nb", b"A: 1\r\nB: 2\r\n"),
        (b"\r\nb", b""),
        (b"\nb", b""),
        (b"A: 1\r\n", None),
    ],
)
def test_the_header_is_looked_at_as_it_will_be_sent(message: bytes, header: bytes | None) -> None:
    assert header_of(message) == header


@pytest.mark.own("whatever some reader takes for an author is looked at")
def test_an_author_after_a_line_that_is_no_field_is_seen() -> None:
    head = read_head(b"From: a@x.test\r\nthis is no field\r\nFrom: b@x.test\r\n")

    assert head.fields["from"] == 2
    assert head.authors["from"] == ["a@x.test", "b@x.test"]
