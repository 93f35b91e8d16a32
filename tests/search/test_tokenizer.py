"""What a word is, and what one message may add to an index."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.search.tokenizer import (
    MAX_LEXEME_OCTETS,
    MAX_LEXEMES,
    MAX_POSITIONS,
    SearchFields,
    fold,
    fold_with_offsets,
    message_tokens,
    read_tokens,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The quick-brown_fox", ["the", "quick", "brown", "fox"]),
        ("Jane.Doe@mail.example.org", ["jane", "doe", "mail", "example", "org"]),
        ("https://example.org/a?b=c%20d", ["https", "example", "org", "a", "b", "c", "20d"]),
        ("don't 1,234.56 2024-01-31", ["don", "t", "1", "234", "56", "2024", "01", "31"]),
        ("Größe ŁÓDŹ Ærø İstanbul ﬁn", ["grosse", "lodz", "aero", "istanbul", "fin"]),
        ("Ёлка μαΐου שָׁלוֹם", ["елка", "μαιου", "שלום"]),
        ("٣٤ ２３ ①", ["34", "23", "1"]),
        ("हिन्दी தமிழ்", ["हिन्दी", "தமிழ்"]),
        ("東京都A", ["東京", "京都", "都", "a"]),
        ("ｶﾞ 한국", ["ガ", "한국", "국"]),
        ("\u1112\u1161\u11ab\u1100\u116e\u11a8", ["한국", "국"]),
        ("soft\u00adhyphen zero\u200bwidth", ["softhyphen", "zerowidth"]),
        ("\U0001f389\U0001f389 ok \u2014 \u2500\u2500", ["\U0001f389\U0001f389", "\U0001f389", "ok"]),
        ("1\ufe0f\u20e3 محـــمد", ["1", "محمد"]),
        ("\x00a\ud800b", ["a", "b"]),
        ("", []),
    ],
)
def test_words_of_a_text(text: str, expected: list[str]) -> None:
    assert list(tokens(text)) == expected


def test_tokens_tell_fields_apart_and_addresses_from_each_other() -> None:
    fields = SearchFields(subject="Hello", from_=("Jane <jane@x.org>",), to=("a@b", "c@d"), body=("Text",))

    assert message_tokens(fields) == "s hello\nf jane jane x org\nt a b _ c d\nb text"


def test_a_body_said_twice_is_indexed_once() -> None:
    fields = SearchFields(body=("Hello there", "hello, THERE!", "hello you"))

    assert message_tokens(fields) == "b hello there _ hello you"


def test_a_long_list_of_recipients_leaves_places_to_the_body() -> None:
    fields = SearchFields(to=tuple(f"user{n}@example.org" for n in range(9_000)), body=("a b",))

    stored = {(tag, has_places): words for tag, has_places, words in read_tokens(message_tokens(fields))}

    assert stored["b", True] == ["a", "b"]
    assert "user8999" in stored["t", False]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_folding_is_settled_after_once_and_knows_where_it_came_from(text: str) -> None:
    folded, offsets = fold_with_offsets(text)

    assert list(tokens(fold(text))) == list(tokens(text))
    assert len(offsets) == len(folded) + 1
    assert list(offsets) == sorted(offsets)
    assert offsets[-1] == len(text)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=50), st.integers(1, 3_000), st.sampled_from("x東é"))
def test_no_message_exceeds_the_bounds(numbers: list[int], times: int, letter: str) -> None:
    body = " ".join(f"{letter * (n % 90)}{n}" for n in numbers) + " "

    stored = list(read_tokens(message_tokens(SearchFields(subject=body * 3, body=(body * times, body)))))

    lexemes = {tag + word for tag, _placed, words in stored for word in words if word != "_"}
    assert sum(len(words) for _tag, placed, words in stored if placed) <= MAX_POSITIONS
    assert len(lexemes) <= MAX_LEXEMES
    assert sum(len(lexeme.encode()) for lexeme in lexemes) <= MAX_LEXEME_OCTETS


def test_a_megabyte_of_different_words_takes_linear_time() -> None:
    text = " ".join(f"{n:x}" for n in range(200_000))

    start = time.process_time()
    message_tokens(SearchFields(body=(text,)))

    assert time.process_time() - start < 3


@pytest.mark.own("no message keeps a processor busy")
def test_accents_without_end_are_folded_in_linear_time():
    text = "e" + "\u0301\u0323" * 100_000

    begun = time.process_time()
    folded, offsets = fold(text), fold_with_offsets(text)

    assert time.process_time() - begun < 2
    assert folded == offsets[0] == "e"
