"""How the string of a text condition is read (RFC 8621 §4.4.1)."""

import pytest

from mail.search.query import MAX_TOKENS, Term, is_match, parse


def exact(*tokens: str) -> Term:
    return Term(tokens, is_prefix=False)


def beginning(*tokens: str) -> Term:
    return Term(tokens, is_prefix=True)


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("green hill", [beginning("green"), beginning("hill")]),
        ("of it", [exact("of"), exact("it")]),
        ("of*", [beginning("of")]),
        ('"green hill"', [exact("green", "hill")]),
        ("'green hill' far", [exact("green", "hill"), beginning("far")]),
        ('"green hill"*', [beginning("green", "hill")]),
        (r'"say \"cheese\" now"', [exact("say", "cheese", "now")]),
        (r"'don\'t panic'", [exact("don", "t", "panic")]),
        ("'don't panic'", [exact("don", "t", "panic")]),
        (r'"back\\slash"', [exact("back", "slash")]),
        ("don't", [beginning("don", "t")]),
        ('"never closed', [beginning("never"), beginning("closed")]),
        ("it's 5 o'clock", [beginning("it", "s"), exact("5"), beginning("o", "clock")]),
        ('one"two"three', [beginning("one"), exact("two"), beginning("three")]),
        ("jane.doe@example.org", [beginning("jane", "doe", "example", "org")]),
        ("東京都", [exact("東京", "京都")]),
        ("都", [beginning("都")]),
        ("東京tower", [beginning("東京", "京", "tower")]),
        ("same same", [beginning("same")]),
        ("a AND b", [exact("a"), beginning("and"), exact("b")]),
    ],
)
def test_terms_of_a_query(text: str, expected: list[Term]) -> None:
    assert list(parse(text).terms) == expected


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u3000"])
def test_blank_text_matches_all(text: str) -> None:
    assert parse(text).matches_all


@pytest.mark.parametrize("text", ["!", '""', "''", '"', "* & |", '" "'])
def test_text_without_words_matches_none(text: str) -> None:
    query = parse(text)

    assert query.is_hopeless
    assert not is_match(query, ["! * & |"])


def test_a_query_is_bounded() -> None:
    assert len(parse(" ".join(f"w{n}" for n in range(1_000))).terms) == MAX_TOKENS
    assert len(parse(f'"{"a " * 1_000}"').terms[0].tokens) == MAX_TOKENS


@pytest.mark.parametrize("text", ['"' + "\\" * 9_999, "'" * 9_999, "'a" * 5_000, '"\\"' * 3_000])
def test_reading_a_hostile_query_takes_no_time(text: str) -> None:
    import time

    start = time.process_time()
    parse(text)

    assert time.process_time() - start < 1
