"""Id, Int, UnsignedInt, Date and UTCDate: what is one, and what is not."""

from datetime import UTC, datetime
from typing import Any

import pytest

from jmap.protocol.primitives import (
    Invalid,
    are_ids,
    check_date,
    check_id,
    check_int,
    check_unsigned_int,
    check_utc_date,
    format_utc_date,
    parse_date,
)


@pytest.mark.rfc(8620, "1.2")
@pytest.mark.parametrize("value", ["a", "A-Z_09", "x" * 255, "-", "NIL"])
def test_an_id_is_made_of_url_safe_base64_characters(value: str) -> None:
    assert check_id(value) == value
    assert are_ids([value, value])


@pytest.mark.rfc(8620, "1.2")
@pytest.mark.parametrize("value", ["", "x" * 256, "a b", "a=", "é", "a\n", "٣", 7, None, ["a"], True])
def test_what_is_no_id_is_refused(value: Any) -> None:
    assert not are_ids(["ok", value])
    with pytest.raises(Invalid, match="must be an Id"):
        check_id(value)


@pytest.mark.rfc(8620, "1.3")
@pytest.mark.parametrize("value", [0, -1, 2**53 - 1, -(2**53) + 1])
def test_an_int_lies_in_the_safe_range(value: int) -> None:
    assert check_int(value) == value


@pytest.mark.rfc(8620, "1.3")
@pytest.mark.parametrize("value", [2**53, -(2**53), 1.5, "1", True, None, float(2**53)])
def test_what_is_no_int_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="integer"):
        check_int(value)


@pytest.mark.rfc(8620, "1.3")
def test_a_number_has_no_type_beyond_its_value() -> None:
    number = check_int(5.0)

    assert number == 5
    assert type(number) is int


@pytest.mark.rfc(8620, "1.3")
def test_an_unsigned_int_is_not_negative() -> None:
    with pytest.raises(Invalid, match="negative"):
        check_unsigned_int(-1)


@pytest.mark.rfc(8620, "1.4")
@pytest.mark.parametrize(
    "value",
    ["2014-10-30T14:12:00+08:00", "2014-10-30T06:12:00Z", "2014-10-30T06:12:00.5Z", "2024-02-29T23:59:59-23:59"],
)
def test_a_date_is_an_rfc_3339_date_time(value: str) -> None:
    assert check_date(value) == value


@pytest.mark.rfc(8620, "1.4")
@pytest.mark.parametrize(
    "value",
    [
        "2014-10-30t06:12:00Z",
        "2014-10-30T06:12:00z",
        "2014-10-30 06:12:00Z",
        "2014-10-30T06:12Z",
        "2014-10-30T06:12:00",
        "2014-10-30T06:12:00.Z",
        "2014-10-30T06:12:00+0800",
        "2014-10-30T06:12:00+24:00",
        "2014-02-30T06:12:00Z",
        "2014-13-01T06:12:00Z",
        "2014-10-30T24:00:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "2014-10-30T06:12:00Z\n",
        "٢٠١٤-10-30T06:12:00Z",
        "",
        None,
        20141030,
    ],
)
def test_what_is_no_date_is_refused(value: Any) -> None:
    with pytest.raises(Invalid, match="must be a Date"):
        check_date(value)


@pytest.mark.rfc(8620, "1.4")
def test_a_fraction_of_zero_is_cut_off() -> None:
    assert check_utc_date("2014-10-30T06:12:00.000Z") == "2014-10-30T06:12:00Z"


@pytest.mark.rfc(8620, "1.4")
def test_a_utc_date_ends_in_z() -> None:
    with pytest.raises(Invalid, match="UTCDate"):
        check_utc_date("2014-10-30T14:12:00+00:00")


@pytest.mark.rfc(8620, "1.4")
def test_a_moment_is_written_in_utc_with_a_fraction_only_where_there_is_one() -> None:
    moment = parse_date("2014-10-30T14:12:00+08:00")

    assert format_utc_date(moment) == "2014-10-30T06:12:00Z"
    assert format_utc_date(datetime(2014, 10, 30, 6, 12, 0, 250000, UTC)) == "2014-10-30T06:12:00.25Z"
