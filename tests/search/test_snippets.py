"""Search snippets show where a message matched, in valid HTML and within bounds (RFC 8621 §5)."""

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.search.query import is_match, parse
from mail.search.snippets import PREVIEW_OCTETS, marked_preview, marked_subject, snippet

CJK = "東京の気"
WORDS = st.sampled_from(
    ["a", "ab", "abc", "abcd", "é", "e\u0301bc", "ß", "<b>", "&amp;", "Ab", *CJK, "東京", "a東", "\u00ad"]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", ".", "@", "", "\n"])), max_size=12).map(
    lambda parts: "".join(word + divider for word, divider in parts)
)


def marked(shown: str) -> list[str]:
    return [html.unescape(part) for part in re.findall("<mark>(.*?)</mark>", shown)]


def plain(shown: str) -> str:
    return html.unescape(re.sub("</?mark>", "", shown))


@pytest.mark.rfc(8621, "5")
def test_subject_is_whole_escaped_and_marked() -> None:
    shown = marked_subject([parse("foo")], 'The Foosball & <b>food</b> "foo"')

    assert shown == 'The <mark>Foo</mark>sball &amp; &lt;b&gt;<mark>foo</mark>d&lt;/b&gt; "<mark>foo</mark>"'


@pytest.mark.rfc(8621, "5")
def test_what_does_not_match_is_null() -> None:
    assert snippet(parse("foo"), "nothing", "here") == (None, None)
    assert snippet(parse("foo"), "a foo", "here") == ("a <mark>foo</mark>", None)
    assert snippet(parse(""), "a foo", "here") == (None, None)
    assert snippet(parse("!"), "a foo!", "here!") == (None, None)


@pytest.mark.rfc(8621, "5")
@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("größe", "Die GROSSE Größe", ["GROSSE", "Größe"]),
        ("resume", "My re\u0301sume\u0301.", ["re\u0301sume\u0301"]),
        ('"green hill"', "green hills, a green,\n hill and hill", ["green, hill"]),
        ("天気", "東京の天気は", ["天気"]),
        ("都", "京都の", ["都"]),
        ("東京tower", "東京tower", ["東京tower"]),
        ('"東京 都"', "東京 都", ["東京 都"]),
        ("jane.doe@mail", "to Jane.Doe@mail.example.org", ["Jane.Doe@mail"]),
        ('"foo"', "food foo, barfoo", ["foo"]),
        ("ﬁn", "the ﬁnal of fins", ["ﬁn", "fin"]),
        ("s*", "ß", ["ß"]),
    ],
)
def test_marks_stand_where_the_original_matched(query: str, text: str, expected: list[str]) -> None:
    shown = marked_preview([parse(query)], text)

    assert shown is not None
    assert marked(shown) == expected


@pytest.mark.rfc(8621, "5")
def test_preview_of_a_long_body_shows_where_most_terms_stand_together() -> None:
    body = f"{'alpha words ' * 800} far away {'x ' * 3_000} here alpha beta together {'y ' * 3_000}"

    shown = marked_preview([parse("beta alpha")], body)

    assert shown is not None
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert "here <mark>alpha</mark> <mark>beta</mark> together" in shown
    assert len(shown.encode()) <= PREVIEW_OCTETS


@pytest.mark.rfc(8621, "5")
def test_preview_begins_and_ends_between_words() -> None:
    shown = marked_preview([parse("needle")], f"{'straw ' * 50}needle{' straw' * 50}")

    assert shown is not None
    assert set(plain(shown).strip("…").split()) == {"straw", "needle"}


@pytest.mark.rfc(8621, "5")
@pytest.mark.parametrize(
    "body",
    [
        "&" * 400 + " needle " + "<" * 400,
        "東" * 400 + " needle " + "京" * 400,
        "\U0001f389" * 300 + "needle" + "\U0001f389" * 300,
        "e\u0301" * 300 + " needle " + "e\u0301" * 300,
        "needle " * 300,
        "\ud800 needle \udfff",
    ],
)
def test_preview_is_never_bigger_than_255_octets(body: str) -> None:
    shown = marked_preview([parse("needle")], body)

    assert shown is not None
    assert len(shown.encode()) <= PREVIEW_OCTETS
    assert "needle" in marked(shown)


@pytest.mark.rfc(8621, "5")
def test_a_match_longer_than_the_preview_is_cut_inside_its_mark() -> None:
    phrase = " ".join(["word"] * 90)

    shown = marked_preview([parse(f'"{phrase}"')], phrase)

    assert shown is not None
    assert shown.startswith("<mark>word word")
    assert shown.endswith("</mark>…")
    assert len(shown.encode()) <= PREVIEW_OCTETS


@settings(max_examples=150, deadline=None)
@given(body=TEXTS | st.text(max_size=400), query=TEXTS | st.text(max_size=20), times=st.sampled_from([1, 1, 1, 40]))
def test_a_single_term_is_marked_where_it_matches_and_nowhere_else(body: str, query: str, times: int) -> None:
    terms = parse(query)
    body *= times

    shown = marked_preview([terms], body)

    assert (shown is not None) == any(is_match(type(terms)((term,)), [" ".join(body.split())]) for term in terms.terms)
    if shown is not None:
        assert len(shown.encode()) <= PREVIEW_OCTETS
        assert marked(shown)
        assert not re.search("[<>]|&(?!amp;|lt;|gt;)", re.sub("</?mark>", "", shown))


def test_a_megabyte_of_any_script_takes_little_time() -> None:
    for body in ("straw " * 200_000, "größe " * 150_000, "東京の" * 300_000):
        start = time.process_time()
        marked_preview([parse("straw größe の東")], body)
        assert time.process_time() - start < 1
