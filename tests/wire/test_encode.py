"""Answers as octets: I-JSON, whatever characters mail and names hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmap.edge.encode import dumps
from jmap.protocol import ijson
from jmap.protocol.ports import RawJson

NONCHARACTERS = [chr(p << 16 | low) for p in range(17) for low in (0xFFFE, 0xFFFF)] + [*map(chr, range(0xFDD0, 0xFDF0))]


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize("character", NONCHARACTERS, ids=ascii)
def test_a_noncharacter_becomes_the_replacement_character(character: str) -> None:
    answer = dumps({character: f"a{character}ü", "ready": RawJson(f'["{character}"]'.encode())})

    assert ijson.parse(answer) == {"\ufffd": "a\ufffdü", "ready": ["\ufffd"]}


@pytest.mark.rfc(8620, "1.5")
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(NONCHARACTERS)), min_size=1))
def test_every_answer_can_be_read_and_keeps_every_other_character(texts: list[str]) -> None:
    told = ijson.parse(dumps(texts))

    kept = ["".join("\ufffd" if character in NONCHARACTERS else character for character in text) for text in texts]
    assert told == kept
