"""PatchObject: every rule on pointers, values, defaults and what may not change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmap.protocol.errors import SetErrorException
from jmap.protocol.patch import parse_patch
from tests.protocol.bakery import Bakery

CAKE = Bakery().registry.types["Cake"]

CURRENT: dict[str, Any] = {
    "id": "c1",
    "name": "plain",
    "layers": 2,
    "toppings": {"nuts": True},
    "vegan": False,
    "note": "dry",
    "baseId": None,
    "likes": {},
    "prices": {"whole": {"amount": 20, "currency": "EUR"}},
    "recipe": {"steps": [{"minutes": 5}], "by": None},
    "tags": ["old"],
    "box": None,
    "kind": "cake",
    "bakedBy": "ada",
}


def patched(patch: dict[str, Any]) -> dict[str, Any]:
    """The touched properties of CURRENT after a patch."""
    return parse_patch(CAKE, patch).apply(CURRENT)


def refused(patch: dict[str, Any]) -> dict[str, Any]:
    """The SetError that a patch ends in."""
    with pytest.raises(SetErrorException) as caught:
        patched(patch)
    return caught.value.error.to_json()


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize(
    ("patch", "after"),
    [
        ({}, {}),
        ({"name": "new", "layers": 3}, {"name": "new", "layers": 3}),
        ({"toppings/cream": True}, {"toppings": {"nuts": True, "cream": True}}),
        ({"toppings/nuts": None}, {"toppings": {}}),
        ({"toppings/nuts": False}, {"toppings": {}}),
        ({"toppings/cream": None}, {"toppings": {"nuts": True}}),
        ({"toppings/a~1b~0": True}, {"toppings": {"nuts": True, "a/b~": True}}),
        ({"toppings/": True}, {"toppings": {"nuts": True, "": True}}),
        ({"toppings": {"cream": True}}, {"toppings": {"cream": True}}),
        ({"prices/whole/amount": 21}, {"prices": {"whole": {"amount": 21, "currency": "EUR"}}}),
        ({"prices/whole/currency": None}, {"prices": {"whole": {"amount": 20, "currency": "EUR"}}}),
        (
            {"prices/slice": {"amount": 2}, "prices/whole": None},
            {"prices": {"slice": {"amount": 2, "currency": "EUR"}}},
        ),
        ({"recipe/by": "ada"}, {"recipe": {"steps": [{"minutes": 5}], "by": "ada"}}),
        ({"recipe/steps": []}, {"recipe": {"steps": [], "by": None}}),
        ({"layers": None, "toppings": None, "note": None}, {"layers": 1, "toppings": {}, "note": None}),
        ({"recipe": None}, {"recipe": None}),
        ({"from": "ada"}, {"from": "ada"}),
        ({"aroma:mint": [1]}, {"aroma:mint": [1]}),
        ({"tags": ["new"]}, {"tags": ["new"]}),
    ],
)
def test_a_patch_sets_what_it_points_at(patch: dict[str, Any], after: dict[str, Any]) -> None:
    assert patched(patch) == after


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize(
    "patch",
    [
        {"toppings": {}, "toppings/nuts": True},
        {"prices/whole": {"amount": 1}, "prices/whole/amount": 2},
        {"toppings": {}, "toppings-x": 1, "toppings/nuts": None},
        {"tags/0": "x"},
        {"recipe/steps/0": {}},
        {"recipe/steps/0/minutes": 1},
        {"recipe/steps/-": {}},
        {"name/x": 1},
        {"name/x/y": 1},
        {"box/colour": "red"},
        {"recipe/by/x": 1},
        {"recipe/missing/x": 1},
        {"prices/slice/amount": 2},
        {"prices/slice/amount": None},
        {"flour/x": 1},
        {"toppings/~2": True},
        {"toppings/a~": True},
        {"/name": "x"},
    ],
)
def test_a_pointer_that_breaks_a_rule_is_an_invalid_patch(patch: dict[str, Any]) -> None:
    assert refused(patch)["type"] == "invalidPatch"


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize(
    ("patch", "properties"),
    [
        ({"name": None}, ["name"]),
        ({"name": 5, "flour": 1, "layers": -1, "vegan": True}, ["name", "flour", "layers"]),
        ({"": 1}, [""]),
        ({"toppings/nuts": 1}, ["toppings"]),
        ({"prices/whole/amount": None}, ["prices"]),
        ({"prices/whole/weight": 1}, ["prices"]),
        ({"likes/not an id": True}, ["likes"]),
        ({"name": "raisin bread"}, ["name"]),
        ({"baseId": "#new"}, ["baseId"]),
        ({"bakedBy": "grace", "kind": "tart"}, ["bakedBy", "kind"]),
        ({"bakedBy": None}, ["bakedBy"]),
        ({"id": "c2"}, ["id"]),
    ],
)
def test_every_invalid_property_is_listed(patch: dict[str, Any], properties: list[str]) -> None:
    error = refused(patch)

    assert error["type"] == "invalidProperties"
    assert error["properties"] == properties


@pytest.mark.rfc(8620, "5.3")
def test_a_whole_object_is_a_patch_that_changes_nothing() -> None:
    after = patched(CURRENT)

    assert after == {name: CURRENT[name] for name in CURRENT if name not in ("id", "kind", "bakedBy")}


@pytest.mark.rfc(8620, "5.3")
def test_true_is_not_one_when_a_server_set_value_is_compared() -> None:
    with pytest.raises(SetErrorException):
        parse_patch(CAKE, {"bakedBy": True}).apply({"bakedBy": 1})


@pytest.mark.rfc(8620, "5.3")
def test_the_current_record_is_never_changed_in_place() -> None:
    before = {**CURRENT, "prices": {"whole": {"amount": 20, "currency": "EUR"}}}

    parse_patch(CAKE, {"prices/whole/amount": 1, "toppings/x": True}).apply(CURRENT)

    assert before == CURRENT


@pytest.mark.rfc(8620, "5.3")
def test_a_store_sees_what_is_touched_and_what_is_taken_out() -> None:
    patch = parse_patch(CAKE, {"toppings/nuts": False, "layers": None, "vegan": True})

    assert patch.touched == {"toppings", "layers", "vegan"}
    assert patch.patch == [(("toppings", "nuts"), None), (("layers",), 1), (("vegan",), True)]


@pytest.mark.rfc(8620, "5.3")
def test_two_names_of_one_record_change_the_same_thing() -> None:
    with pytest.raises(SetErrorException) as caught:
        parse_patch(CAKE, {"likes/#new": True, "likes/c7": None}, lambda creation_id, refs: "c7")

    assert caught.value.error.type == "invalidPatch"


NAMES = st.sampled_from(["a", "b", "c/d", "~"])
TREES = st.recursive(st.integers(0, 3) | st.just([1]), lambda inner: st.dictionaries(NAMES, inner, max_size=3))
ROOTS = st.dictionaries(NAMES, TREES, max_size=3)


def by_the_book(tree: Any, patch: dict[str, Any]) -> Any:
    """The reference: RFC 8620 §5.3 word by word on a plain object, None where the patch is invalid."""
    paths = {pointer: pointer.split("/") for pointer in patch}
    for one in paths.values():
        if sum(other[: len(one)] == one for other in paths.values()) > 1:
            return None
    for pointer, value in patch.items():
        *parents, last = (part.replace("~1", "/").replace("~0", "~") for part in paths[pointer])
        target = tree
        for part in parents:
            if not isinstance(target, dict) or part not in target:
                return None
            target = target[part]
        if not isinstance(target, dict):
            return None
        if value is None:
            target.pop(last, None)
        else:
            target[last] = value
    return tree


@st.composite
def patches(draw: st.DrawFn) -> dict[str, Any]:
    """Pointers below ``recipe`` with values, right ones and wrong ones."""
    part = NAMES.map(lambda name: name.replace("~", "~0").replace("/", "~1"))
    pointers = draw(st.lists(st.lists(part, min_size=1, max_size=3), max_size=4))
    return {"/".join(pointer): draw(TREES | st.none()) for pointer in pointers}


@pytest.mark.rfc(8620, "5.3")
@given(ROOTS, patches())
def test_a_patch_does_what_the_rfc_says_word_by_word(tree: dict[str, Any], patch: dict[str, Any]) -> None:
    try:
        after = parse_patch(CAKE, {f"recipe/{pointer}": value for pointer, value in patch.items()}).apply(
            {"recipe": tree}
        )
    except SetErrorException as refusal:
        assert refusal.error.type == "invalidPatch"  # noqa: PT017
        assert by_the_book(tree, patch) is None
    else:
        assert after.get("recipe", tree) == by_the_book(tree, patch)
