"""The Range header of a download (RFC 9110 §14)."""

from __future__ import annotations

import pytest

from jmap.blobs import ranges

pytestmark = pytest.mark.rfc(8620, "6.2")


@pytest.mark.parametrize(
    ("header", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=10-", 10, 100),
        ("bytes=90-1000", 90, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-1000", 0, 100),
        ("BYTES=5-6", 5, 7),
        (" bytes= 5-6 ", 5, 7),
        ("bytes=0005-00000000000000000000000000006", 5, 7),
        ("bytes=5-" + "9" * 5_000, 5, 100),
        ("bytes=-" + "9" * 5_000, 0, 100),
    ],
)
def test_one_range_is_understood(header: str, start: int, stop: int) -> None:
    assert ranges.parse(header, 100) == (start, stop)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=5",
        "bytes=6-5",
        "bytes=" + "9" * 30 + "-5",
        "bytes=0-1,5-6",
        "items=0-1",
        "bytes=-5-6",
        "bytes=٣-٤",
    ],
)
def test_what_is_not_one_range_of_octets_is_ignored(header: str | None) -> None:
    try:
        assert ranges.parse(header, 100) is None
    except ranges.NotSatisfiable:
        # A first octet behind the end may be refused before the order of the two is looked at.
        assert header is not None
        assert header.startswith("bytes=999")


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=" + "9" * 5_000 + "-"])
def test_a_range_behind_the_end_is_refused(header: str) -> None:
    with pytest.raises(ranges.NotSatisfiable):
        ranges.parse(header, 100)


def test_nothing_has_no_first_octet_but_may_be_asked_for_its_last() -> None:
    with pytest.raises(ranges.NotSatisfiable):
        ranges.parse("bytes=0-", 0)
    assert ranges.parse("bytes=-5", 0) is None
