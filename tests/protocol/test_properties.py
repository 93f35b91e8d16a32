"""Declared properties judge values, and say where in a value the fault lies."""

from typing import Any

import pytest

from jmap.protocol.creation import CreationReference
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import (
    AnyJson,
    Boolean,
    Date,
    Id,
    Int,
    ListOf,
    MapOf,
    Number,
    Object,
    Property,
    SetOf,
    String,
    UnsignedInt,
    UTCDate,
    check_arguments,
)

ADDRESS = Object({"name": String(nullable=True), "email": String()})


@pytest.mark.rfc(8620, "1.1")
@pytest.mark.parametrize(
    ("declaration", "good", "bad"),
    [
        (String(), "x", 1),
        (String(choices=("a", "b")), "a", "c"),
        (String(max_octets=4), "éé", "ééé"),
        (Boolean(), True, 1),
        (Number(), 1.5, True),
        (Int(minimum=-1, maximum=1), -1, 2),
        (Int(minimum=-1), 0, -2),
        (UnsignedInt(), 0, -1),
        (Date(), "2014-10-30T14:12:00+08:00", "2014-10-30"),
        (UTCDate(), "2014-10-30T06:12:00Z", "2014-10-30T14:12:00+08:00"),
        (Id(), "a", "#a"),
        (ListOf(Id), ["a", "b"], ["a", "b c"]),
        (ListOf(String, max_items=1), ["a"], ["a", "b"]),
        (ListOf(ListOf(Int)), [[1], []], [1]),
        (MapOf(Id, UnsignedInt), {"a": 1}, {"a b": 1}),
        (MapOf(String, UnsignedInt), {"a b": 1}, {"a b": -1}),
        (SetOf(String), {"a": True}, {"a": False}),
        (SetOf(Id), {}, []),
        (ADDRESS, {"email": "a@example", "name": None}, {"email": 1}),
        (Object({"a": String()}, open=True), {"a": "", "b": [1]}, {"b": 1}),
        (AnyJson(), {"anything": [1]}, None),
    ],
)
def test_a_property_takes_values_of_its_type_alone(declaration: Property, good: Any, bad: Any) -> None:
    assert declaration.check(good) == good
    with pytest.raises(Invalid):
        declaration.check(bad)


@pytest.mark.rfc(8620, "1.1")
def test_null_is_a_value_only_where_it_is_declared() -> None:
    assert String(nullable=True).check(None) is None
    with pytest.raises(Invalid, match="must not be null"):
        String().check(None)


@pytest.mark.rfc(8620, "5.3")
def test_members_that_are_left_out_get_their_defaults() -> None:
    assert ADDRESS.check({"email": "a@example"}) == {"email": "a@example", "name": None}


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"email": "a"}, {"email": 5}], "1/email: must be a String"),
        ([{"name": "x"}], "0/email: is required"),
        ([{"email": "a", "phone": "1"}], "0/phone: is not a known property"),
        ([None], "0: must not be null"),
        ({}, "must be an array"),
    ],
)
def test_an_error_says_where_the_fault_lies(value: Any, message: str) -> None:
    with pytest.raises(Invalid) as caught:
        ListOf(ADDRESS).check(value)

    assert str(caught.value) == message


@pytest.mark.rfc(8620, "5.3")
def test_objects_may_nest_in_themselves() -> None:
    members: dict[str, Property] = {"type": String()}
    members["parts"] = ListOf(Object(lambda: members), optional=True)
    part = Object(members)
    value = {"type": "a", "parts": [{"type": "b", "parts": [{"type": "c"}]}]}

    assert part.check(value) == value
    with pytest.raises(Invalid, match="parts/0/parts/0/type"):
        part.check({"type": "a", "parts": [{"type": "b", "parts": [{"type": 1}]}]})


@pytest.mark.rfc(8620, "5.3")
def test_a_default_is_never_shared() -> None:
    declaration = ListOf(String, default=[])

    declaration.fallback().append("x")

    assert declaration.fallback() == []


@pytest.mark.rfc(8620, "5.3")
def test_creation_ids_are_resolved_in_lists_maps_and_keys() -> None:
    known = {"new": "m1", "here": CreationReference("#here")}
    declaration = MapOf(Id(refs="Box"), ListOf(Id(refs="Box")))

    checked = declaration.check({"#new": ["#new", "b", "#here"]}, lambda cid, refs: known.get(cid))

    assert checked == {"m1": ["m1", "b", "#here"]}
    with pytest.raises(Invalid, match="#b/0: no record was created as #c"):
        declaration.check({"#b": ["#c"]}, lambda cid, refs: "b1" if cid == "b" else None)


@pytest.mark.rfc(8620, "3.5")
def test_arguments_that_are_omitted_get_their_defaults() -> None:
    declared = {"a": Int(), "b": Boolean(default=True), "c": String(nullable=True), "d": Int(optional=True)}

    assert check_arguments(declared, {"a": 1}) == {"a": 1, "b": True, "c": None}


@pytest.mark.rfc(8620, "3.9")
@pytest.mark.parametrize(
    ("given", "message"),
    [({}, "a: is required"), ({"a": 1, "x": 1}, "x: is not an argument"), ({"a": "1"}, "a: must be")],
)
def test_wrong_missing_and_unknown_arguments_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(Invalid, match=message):
        check_arguments({"a": Int()}, given)
