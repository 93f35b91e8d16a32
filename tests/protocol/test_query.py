"""/query and /queryChanges: filters, sorts, windows, and exact deltas."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jmap.protocol.errors import MethodError
from jmap.protocol.filters import MAX_CONDITIONS, conditions, parse_filter
from jmap.protocol.ports import Condition, Operator, Query
from jmap.protocol.properties import String
from jmap.protocol.window import splice, window
from tests.protocol.bakery import Bakery


@pytest.fixture
def full(bakery: Bakery) -> Bakery:
    """A bakery with five cakes, c1 to c5."""
    bakery.bake("Apple", toppings={"nuts": True}, layers=3)
    bakery.bake("banana", vegan=True, layers=2)
    bakery.bake("Éclair", vegan=True, layers=2)
    bakery.bake("eccles", toppings={"nuts": True, "cream": True})
    bakery.bake("Zebra", layers=9)
    return bakery


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize("arguments", [{}, {"filter": None, "sort": None}, {"filter": {}, "sort": []}])
def test_without_filter_everything_is_found(full: Bakery, arguments: dict[str, Any]) -> None:
    answer = full.call("Cake/query", **arguments)

    assert answer["ids"] == ["c1", "c2", "c3", "c4", "c5"]
    assert answer["position"] == 0
    assert "total" not in answer


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("filter", "found"),
    [
        ({"vegan": True}, ["c2", "c3"]),
        ({"vegan": True, "name": "banana"}, ["c2"]),
        ({"topping": "cream"}, ["c4"]),
        ({"operator": "AND", "conditions": [{"vegan": True}, {"layers": 2}]}, ["c2", "c3"]),
        ({"operator": "OR", "conditions": [{"layers": 9}, {"topping": "nuts"}]}, ["c1", "c4", "c5"]),
        ({"operator": "NOT", "conditions": [{"layers": 9}, {"topping": "nuts"}]}, ["c2", "c3"]),
        ({"operator": "AND", "conditions": []}, ["c1", "c2", "c3", "c4", "c5"]),
        ({"operator": "OR", "conditions": []}, []),
        ({"operator": "NOT", "conditions": []}, ["c1", "c2", "c3", "c4", "c5"]),
        ({"operator": "NOT", "conditions": [{}]}, []),
        (
            {"operator": "NOT", "conditions": [{"operator": "NOT", "conditions": [{"vegan": True}]}]},
            ["c2", "c3"],
        ),
    ],
)
def test_a_filter_is_a_tree_of_conditions(full: Bakery, filter: dict[str, Any], found: list[str]) -> None:
    assert full.call("Cake/query", filter=filter)["ids"] == found


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("filter", "error"),
    [
        ([], "invalidArguments"),
        ("x", "invalidArguments"),
        ({"operator": "XOR", "conditions": []}, "invalidArguments"),
        ({"operator": "and", "conditions": []}, "invalidArguments"),
        ({"operator": ["AND"], "conditions": []}, "invalidArguments"),
        ({"operator": "AND"}, "invalidArguments"),
        ({"operator": "AND", "conditions": {}}, "invalidArguments"),
        ({"operator": "AND", "conditions": [None]}, "invalidArguments"),
        ({"operator": "AND", "conditions": [], "vegan": True}, "invalidArguments"),
        ({"vegan": "yes"}, "invalidArguments"),
        ({"vegan": None}, "invalidArguments"),
        ({"flour": 1}, "unsupportedFilter"),
        ({"operator": "OR", "conditions": [{"vegan": True}, {"kind": "tart"}]}, "unsupportedFilter"),
        ({"operator": "OR", "conditions": [{}] * MAX_CONDITIONS}, "unsupportedFilter"),
    ],
)
def test_a_filter_that_is_wrong_is_told_from_one_that_is_not_offered(full: Bakery, filter: Any, error: str) -> None:
    assert full.call("Cake/query", filter=filter)["type"] == error


@pytest.mark.rfc(8620, "5.5")
def test_operators_nest_only_so_deep(full: Bakery) -> None:
    filter: dict[str, Any] = {"vegan": True}
    for _ in range(40):
        filter = {"operator": "AND", "conditions": [filter]}

    assert full.call("Cake/query", filter=filter)["type"] == "unsupportedFilter"


@pytest.mark.rfc(8620, "5.5")
def test_the_leaves_of_a_filter_can_be_walked() -> None:
    text = {"operator": "OR", "conditions": [{"a": "1"}, {"operator": "NOT", "conditions": [{"a": "2"}]}]}

    parsed = parse_filter(text, {"a": String()})

    assert parsed == Operator("OR", (Condition({"a": "1"}), Operator("NOT", (Condition({"a": "2"}),))))
    assert [leaf.values["a"] for leaf in conditions(parsed)] == ["1", "2"]
    assert list(conditions(None)) == []


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("sort", "found"),
    [
        ([{"property": "name"}], ["c1", "c2", "c4", "c3", "c5"]),
        ([{"property": "name", "collation": None}], ["c1", "c2", "c4", "c3", "c5"]),
        ([{"property": "name", "isAscending": False}], ["c5", "c3", "c4", "c2", "c1"]),
        ([{"property": "name", "collation": "i;octet"}], ["c1", "c5", "c2", "c4", "c3"]),
        ([{"property": "name", "collation": "i;ascii-casemap"}], ["c1", "c2", "c4", "c5", "c3"]),
        ([{"property": "layers"}, {"property": "name", "isAscending": False}], ["c4", "c3", "c2", "c1", "c5"]),
        ([{"property": "vegan"}, {"property": "layers"}], ["c4", "c1", "c5", "c2", "c3"]),
        ([{"property": "hasTopping", "topping": "cream", "isAscending": False}], ["c4", "c1", "c2", "c3", "c5"]),
    ],
)
def test_comparators_are_considered_in_turn(full: Bakery, sort: list[Any], found: list[str]) -> None:
    assert full.call("Cake/query", sort=sort)["ids"] == found


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("sort", "error"),
    [
        ({}, "invalidArguments"),
        (["name"], "invalidArguments"),
        ([{}], "invalidArguments"),
        ([{"property": 1}], "invalidArguments"),
        ([{"property": "name", "isAscending": 1}], "invalidArguments"),
        ([{"property": "name", "isAscending": None}], "invalidArguments"),
        ([{"property": "name", "collation": 1}], "invalidArguments"),
        ([{"property": "name", "topping": "x"}], "invalidArguments"),
        ([{"property": "hasTopping"}], "invalidArguments"),
        ([{"property": "kind"}], "unsupportedSort"),
        ([{"property": "name", "collation": "i;swedish"}], "unsupportedSort"),
        ([{"property": "name"}] * 50, "unsupportedSort"),
    ],
)
def test_a_sort_that_is_wrong_is_told_from_one_that_is_not_offered(full: Bakery, sort: Any, error: str) -> None:
    assert full.call("Cake/query", sort=sort)["type"] == error


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("arguments", "position", "found"),
    [
        ({"position": 1, "limit": 2}, 1, ["c2", "c3"]),
        ({"position": 9}, 9, []),
        ({"position": -2}, 3, ["c4", "c5"]),
        ({"position": -9, "limit": 1}, 0, ["c1"]),
        ({"limit": 0}, 0, []),
        ({"anchor": "c3"}, 2, ["c3", "c4", "c5"]),
        ({"anchor": "c3", "anchorOffset": -1, "limit": 1}, 1, ["c2"]),
        ({"anchor": "c3", "anchorOffset": -9, "limit": 1}, 0, ["c1"]),
        ({"anchor": "c3", "anchorOffset": 9}, 11, []),
        ({"anchor": "c3", "position": 1}, 2, ["c3", "c4", "c5"]),
        ({"anchor": None, "anchorOffset": 3}, 0, ["c1", "c2", "c3", "c4", "c5"]),
    ],
)
def test_a_window_is_given_by_position_or_anchor(
    full: Bakery, arguments: dict[str, Any], position: int, found: list[str]
) -> None:
    answer = full.call("Cake/query", **arguments)

    assert answer["position"] == position
    assert answer["ids"] == found


@pytest.mark.rfc(8620, "5.5")
def test_an_anchor_outside_the_results_is_not_found(full: Bakery) -> None:
    assert full.call("Cake/query", anchor="c1", filter={"vegan": True})["type"] == "anchorNotFound"


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    "arguments",
    [
        {"limit": -1},
        {"limit": "1"},
        {"position": 1.5},
        {"position": None},
        {"anchor": 1},
        {"anchorOffset": "1"},
        {"calculateTotal": 1},
        {"onlyFresh": 1},
        {"collapse": True},
    ],
)
def test_wrong_arguments_are_invalid(full: Bakery, arguments: dict[str, Any]) -> None:
    assert full.call("Cake/query", **arguments)["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(("limit", "announced"), [(None, 50), (51, 50), (2**53 - 1, 50), (50, None), (1, None)])
def test_a_limit_that_the_server_set_is_announced(full: Bakery, limit: int | None, announced: int | None) -> None:
    assert full.call("Cake/query", limit=limit).get("limit") == announced


@pytest.mark.rfc(8620, "5.5")
def test_the_total_is_counted_when_asked_for(full: Bakery) -> None:
    answer = full.call("Cake/query", filter={"vegan": True}, limit=1, calculateTotal=True)

    assert answer["total"] == 2


IDS = [f"c{n}" for n in range(8)]


@pytest.mark.rfc(8620, "5.5")
@given(
    st.lists(st.sampled_from(IDS), unique=True),
    st.integers(-12, 12),
    st.none() | st.sampled_from(IDS),
    st.integers(-12, 12),
    st.none() | st.integers(0, 12),
)
def test_a_window_holds_what_a_walk_from_its_first_id_would(
    ids: list[str], position: int, anchor: str | None, offset: int, limit: int | None
) -> None:
    query = Query(None, (), position=position, anchor=anchor, anchor_offset=offset, limit=limit)

    if anchor is not None and anchor not in ids:
        with pytest.raises(MethodError, match="anchorNotFound"):
            window(ids, query)
        return
    first, found = window(ids, query)

    wanted = position if position >= 0 else position + len(ids)
    if anchor is not None:
        wanted = ids.index(anchor) + offset
    wanted = max(wanted, 0)
    walked: list[str] = []
    while wanted + len(walked) < len(ids) and len(walked) != limit:
        walked.append(ids[wanted + len(walked)])
    assert (first, found) == (wanted, walked)


@pytest.mark.rfc(8620, "5.6")
def test_query_changes_name_what_to_splice(full: Bakery) -> None:
    arguments = {"filter": {"vegan": True}, "sort": [{"property": "name"}]}
    since = full.call("Cake/query", **arguments)
    full.call("Cake/set", update={"c1": {"vegan": True}, "c2": {"vegan": False}})

    answer = full.call("Cake/queryChanges", sinceQueryState=since["queryState"], calculateTotal=True, **arguments)

    assert answer == {
        "accountId": "own",
        "oldQueryState": since["queryState"],
        "newQueryState": "7",
        "removed": ["c2"],
        "added": [{"id": "c1", "index": 0}],
        "total": 2,
    }


@pytest.mark.rfc(8620, "5.6")
def test_more_changes_than_the_client_takes_are_too_many(full: Bakery) -> None:
    full.call("Cake/set", update={"c1": {"vegan": True}, "c2": {"vegan": False}})
    arguments = {"filter": {"vegan": True}, "sinceQueryState": "5", "upToId": None}

    assert full.call("Cake/queryChanges", maxChanges=1, **arguments)["type"] == "tooManyChanges"
    assert len(full.call("Cake/queryChanges", maxChanges=2, **arguments)["removed"]) == 1


@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "invalidArguments"),
        ({"sinceQueryState": "x"}, "cannotCalculateChanges"),
        ({"sinceQueryState": "0", "filter": {"flour": 1}}, "unsupportedFilter"),
        ({"sinceQueryState": "0", "sort": [{"property": "x"}]}, "unsupportedSort"),
        ({"sinceQueryState": "0", "maxChanges": -1}, "invalidArguments"),
        ({"sinceQueryState": "0", "upToId": ""}, "invalidArguments"),
        ({"sinceQueryState": "0", "position": 0}, "invalidArguments"),
    ],
)
def test_query_changes_take_the_same_question_as_the_query(full: Bakery, arguments: dict[str, Any], error: str) -> None:
    assert full.call("Cake/queryChanges", **arguments)["type"] == error


@pytest.mark.rfc(8620, "5.6")
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9), st.booleans()), max_size=8))
def test_splicing_the_changes_gives_a_fresh_query(steps: list[tuple[int, int, bool]]) -> None:
    bakery = Bakery()
    ids = bakery.bake("a", "b", "c", "d", "e")
    question = {"filter": {"vegan": False}, "sort": [{"property": "layers"}, {"property": "name"}]}
    before = bakery.call("Cake/query", **question)
    for which, layers, vegan in steps:
        bakery.call("Cake/set", update={ids[which]: {"layers": layers, "vegan": vegan}})

    changes = bakery.call("Cake/queryChanges", sinceQueryState=before["queryState"], **question)

    added = [(item["index"], item["id"]) for item in changes["added"]]
    assert splice(before["ids"], changes["removed"], added) == bakery.call("Cake/query", **question)["ids"]
