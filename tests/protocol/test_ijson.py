"""Strict I-JSON: everything that RFC 7493 forbids is refused, everything else comes through unharmed."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmap.protocol.ijson import MAX_CONTAINERS, MAX_DEPTH, MAX_VALUES, NotIJson, parse

VALID_CHARACTERS = st.characters(
    exclude_categories=["Cs"],
    exclude_characters=[chr(p << 16 | low) for p in range(17) for low in (0xFFFE, 0xFFFF)]
    + [chr(c) for c in range(0xFDD0, 0xFDF0)],
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(VALID_CHARACTERS),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(VALID_CHARACTERS), inner),
)


@pytest.mark.rfc(7493, "2")
@given(VALUES, st.booleans())
def test_every_value_survives(value: Any, ascii_only: bool) -> None:
    data = json.dumps(value, ensure_ascii=ascii_only).encode()

    assert parse(data) == value


@pytest.mark.rfc(7493, "2.3")
@pytest.mark.parametrize("data", [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"x":{"b":1,"b":null}}]'])
def test_a_name_may_stand_only_once_in_an_object(data: bytes) -> None:
    with pytest.raises(NotIJson, match="twice"):
        parse(data)


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize(
    "data", [b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', '"é"'.encode("latin-1"), b'"\xf4\x90\x80\x80"']
)
def test_only_utf8_is_read(data: bytes) -> None:
    with pytest.raises(NotIJson, match="UTF-8"):
        parse(data)


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le"])
def test_other_encodings_of_unicode_are_refused(encoding: str) -> None:
    with pytest.raises(NotIJson):
        parse('{"a": 1}'.encode(encoding))


@pytest.mark.rfc(8259, "8.1")
def test_a_byte_order_mark_is_refused() -> None:
    with pytest.raises(NotIJson, match="byte order mark"):
        parse(b"\xef\xbb\xbf{}")


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize(
    "data",
    [
        b'"\\udead"',
        b'"\\uD800"',
        b'"\\udc00\\ud800"',
        b'{"\\ud800": 1}',
        b'"\\\\\\ud800"',
        b'"\\uffff"',
        b'"\\uFDD0"',
        '"\ufffe"'.encode(),
        '"\U0001ffff"'.encode(),
        b'"\\ud83f\\udfff"',
    ],
)
def test_surrogates_and_noncharacters_are_refused(data: bytes) -> None:
    with pytest.raises(NotIJson, match=r"surrogate|noncharacter"):
        parse(data)


@pytest.mark.rfc(7493, "2.1")
@pytest.mark.parametrize(
    ("data", "value"),
    [(b'"\\uD83D\\uDE00"', "😀"), (b'"\\\\ud800"', "\\ud800"), (b'"\\u0000"', "\0"), ('"\ufffd"'.encode(), "\ufffd")],
)
def test_what_only_looks_like_a_surrogate_is_kept(data: bytes, value: str) -> None:
    assert parse(data) == value


@pytest.mark.rfc(7493, "2.2")
@pytest.mark.parametrize(
    "data",
    [b"NaN", b"[Infinity]", b"-Infinity", b"1e400", b"-1E999", b"9007199254740993", b"1" + b"0" * 400, b"9" * 100_000],
)
def test_numbers_that_no_double_holds_are_refused(data: bytes) -> None:
    with pytest.raises(NotIJson):
        parse(data)


@pytest.mark.rfc(7493, "2.2")
def test_integers_stay_exact() -> None:
    assert parse(b"[9007199254740991, -9007199254740991, 9007199254740992]") == [2**53 - 1, 1 - 2**53, 2.0**53]


@pytest.mark.rfc(7493, "2")
@pytest.mark.parametrize(
    "data",
    [b"", b" ", b"{", b"[1,]", b"{'a':1}", b"01", b"+1", b".5", b'"\n"', b"[1] x", b"tru", b"\0", b'"\\x"', b'"'],
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(NotIJson):
        parse(data)


@pytest.mark.rfc(7493, "2")
@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"":', b"[[],"])
@pytest.mark.parametrize("closed", [True, False])
def test_a_depth_bomb_is_refused(opening: bytes, closed: bool) -> None:
    closing = opening.replace(b"{", b"}").replace(b"[]", b"").replace(b"[", b"]").translate(None, b'a":,')[::-1]
    data = opening * 100_000 + b"1" + (closing * 100_000 if closed else b"")

    with pytest.raises(NotIJson, match="nested"):
        parse(data)


@pytest.mark.rfc(7493, "2")
def test_nesting_is_read_as_far_as_the_bound() -> None:
    parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(NotIJson, match="nested"):
        parse(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


@pytest.mark.rfc(7493, "2")
def test_brackets_inside_strings_do_not_count_as_nesting() -> None:
    value = ["[" * 300 + '\\"[{' * 300, '"', "\\"]

    assert parse(json.dumps(value).encode()) == value


@pytest.mark.rfc(7493, "2")
def test_a_crowd_of_containers_is_refused() -> None:
    with pytest.raises(NotIJson, match="arrays and objects"):
        parse(b"[" + b"[]," * MAX_CONTAINERS + b"[]]")


@pytest.mark.rfc(7493, "2")
def test_a_crowd_of_values_is_refused_and_commas_of_a_text_are_none() -> None:
    text = "," * (MAX_VALUES + 1)

    assert parse(json.dumps([text]).encode()) == [text]
    with pytest.raises(NotIJson, match="values"):
        parse(b"[" + b"1," * MAX_VALUES + b"1]")


@pytest.mark.rfc(7493, "2")
@pytest.mark.parametrize("unit", [b'"\\"', b'"\\\\', b"[\\", b'{"', b"\\u"])
def test_broken_input_is_judged_in_linear_time(unit: bytes) -> None:
    data = b"[" * (MAX_DEPTH + 1) + unit * 300_000

    began = time.process_time()
    with pytest.raises(NotIJson):
        parse(data)

    assert time.process_time() - began < 2


@pytest.mark.rfc(7493, "2")
@settings(max_examples=300)
@given(st.binary() | st.text('[]{}":,\\u0dDfF19eE.-+ntrue ').map(str.encode))
def test_no_octets_lead_to_anything_but_a_value_or_a_refusal(data: bytes) -> None:
    try:
        value = parse(data)
    except NotIJson:
        return
    assert json.loads(json.dumps(value)) == value
