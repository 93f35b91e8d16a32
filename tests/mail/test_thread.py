"""Thread: which emails belong together (RFC 8621 §3)."""

from __future__ import annotations

import pytest

from tests.mail.email.conftest import Person, alice

__all__ = ["alice"]


def letter(message_id: str, subject: str, *references: str) -> str:
    """A message that points back to others."""
    links = "References: " + " ".join(f"<{one}@x>" for one in references) + "\n" if references else ""
    return f"From: a@x\nSubject: {subject}\nMessage-ID: <{message_id}@x>\n{links}\nhello\n"


@pytest.mark.rfc(8621, "3")
@pytest.mark.parametrize(
    "answer", ["Re: Tea for two", "RE: [list] tea  FOR two", "Fwd: Tea fortwo", "Re: Tea for\n two", "Teafortwo"]
)
def test_an_answer_joins_whatever_prefixes_case_and_white_space_its_subject_has(alice: Person, answer: str) -> None:
    first = alice.deliver(letter("a", "Tea for two"))
    second = alice.deliver(letter("b", answer, "a"))

    assert alice.get(first, "threadId")["threadId"] == alice.get(second, "threadId")["threadId"]


@pytest.mark.rfc(8621, "3")
def test_another_subject_begins_another_thread(alice: Person) -> None:
    first = alice.deliver(letter("a", "Tea for two"))
    second = alice.deliver(letter("b", "Tea for three", "a"))

    assert alice.get(first, "threadId")["threadId"] != alice.get(second, "threadId")["threadId"]
