"""Collations as key functions."""

import pytest

from jmap.protocol.collation import COLLATIONS, collation_key


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("collation", "ordered"),
    [
        ("i;octet", ["A", "B", "a", "b", "Ä", "ä"]),
        ("i;ascii-casemap", ["a", "B", "_", "Ä", "ä", "ö"]),
        ("i;unicode-casemap", ["a", "Ä", "B", "ö", "z", "😀"]),
        (None, ["Apple", "äpple", "banana"]),
    ],
)
def test_strings_sort_by_their_keys(collation: str | None, ordered: list[str]) -> None:
    keys = [collation_key(collation)(text) for text in ordered]

    assert keys == sorted(set(keys))


@pytest.mark.rfc(5051, "2")
@pytest.mark.parametrize(
    ("one", "other"),
    [("ǆ", "Ǆ"), ("é", "e\u0301"), ("É", "é"), ("Σ", "ς"), ("straße", "STRAßE"), ("a", "A")],
)
def test_unicode_casemap_takes_case_and_composition_for_the_same(one: str, other: str) -> None:
    key = COLLATIONS["i;unicode-casemap"]

    assert key(one) == key(other)


@pytest.mark.rfc(5051, "2")
def test_unicode_casemap_converts_as_the_rfc_shows() -> None:
    assert COLLATIONS["i;unicode-casemap"]("\u01c4") == "D\u007a\u030c".encode()


@pytest.mark.rfc(5051, "2")
def test_unicode_casemap_gives_no_case_to_what_a_decomposition_brings() -> None:
    key = COLLATIONS["i;unicode-casemap"]

    assert key("\ufb01") == b"fi"
    assert key("fi") == b"FI"
