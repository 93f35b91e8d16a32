"""/get and /changes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.bakery import Bakery


@pytest.mark.rfc(8620, "5.1")
@pytest.mark.parametrize("arguments", [{}, {"ids": None}])
def test_without_ids_every_record_comes_back(bakery: Bakery, arguments: dict[str, Any]) -> None:
    ids = bakery.bake("a", "b")

    answer = bakery.call("Cake/get", **arguments)

    assert [cake["id"] for cake in answer["list"]] == ids
    assert answer["notFound"] == []
    assert answer["accountId"] == "own"
    assert answer["state"] == "2"


@pytest.mark.rfc(8620, "5.1")
def test_an_empty_list_of_ids_gets_an_empty_list(bakery: Bakery) -> None:
    bakery.bake("a")

    answer = bakery.call("Cake/get", ids=[])

    assert answer["list"] == []
    assert answer["notFound"] == []


@pytest.mark.rfc(8620, "5.1")
def test_an_id_asked_for_twice_is_answered_once(bakery: Bakery) -> None:
    [cake] = bakery.bake("a")

    answer = bakery.call("Cake/get", ids=[cake, "c99", cake, "c99"], properties=["name"])

    assert answer["list"] == [{"id": cake, "name": "a"}]
    assert answer["notFound"] == ["c99"]


@pytest.mark.rfc(8620, "5.1")
@pytest.mark.parametrize(
    ("properties", "keys"),
    [
        (["name"], ["id", "name"]),
        ([], ["id"]),
        (["layers", "id", "layers"], ["id", "layers"]),
        (["from", "aroma:mint"], ["id", "from", "aroma:mint"]),
        (["secret"], ["id", "secret"]),
    ],
)
def test_the_properties_asked_for_come_back_and_the_id(bakery: Bakery, properties: list[str], keys: list[str]) -> None:
    bakery.bake("a")

    [cake] = bakery.call("Cake/get", properties=properties)["list"]

    assert list(cake) == keys


@pytest.mark.rfc(8620, "5.1")
def test_a_hidden_property_comes_back_only_when_asked_for(bakery: Bakery) -> None:
    bakery.bake("a")

    [cake] = bakery.call("Cake/get", properties=None)["list"]

    assert "secret" not in cake
    assert "layers" in cake


@pytest.mark.rfc(8620, "5.1")
@pytest.mark.parametrize(
    "arguments",
    [
        {"properties": ["flour"]},
        {"properties": "name"},
        {"properties": [1]},
        {"ids": "c1"},
        {"ids": [1]},
        {"ids": [None]},
        {"ids": ["not an id"]},
        {"ids": {}},
        {"sliced": "yes"},
        {"unknown": 1},
    ],
)
def test_wrong_arguments_are_invalid(bakery: Bakery, arguments: dict[str, Any]) -> None:
    answer = bakery.call("Cake/get", **arguments)

    assert answer["type"] == "invalidArguments"
    assert answer["description"]


@pytest.mark.rfc(8620, "5.1")
def test_more_ids_than_the_limit_are_too_large_a_request() -> None:
    bakery = Bakery(max_objects_in_get=2)
    bakery.bake("a", "b", "c")

    assert bakery.call("Cake/get", ids=["c1", "c2", "c3"])["type"] == "requestTooLarge"
    assert bakery.call("Cake/get")["type"] == "requestTooLarge"
    assert len(bakery.call("Cake/get", ids=["c1", "c2", "c1"])["list"]) == 2


@pytest.mark.rfc(8620, "5.2")
def test_changes_tell_what_was_created_updated_and_destroyed(bakery: Bakery) -> None:
    kept, lost = bakery.bake("kept", "lost")
    since = bakery.call("Cake/get", ids=[])["state"]
    bakery.call("Cake/set", update={kept: {"layers": 5}}, destroy=[lost])
    [new] = bakery.bake("new")

    answer = bakery.call("Cake/changes", sinceState=since)

    assert answer == {
        "accountId": "own",
        "oldState": "2",
        "newState": "5",
        "hasMoreChanges": False,
        "created": [new],
        "updated": [kept],
        "destroyed": [lost],
    }


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.parametrize(
    "arguments",
    [{}, {"sinceState": None}, {"sinceState": 1}, {"maxChanges": 0}, {"maxChanges": -1}, {"maxChanges": "1"}],
)
def test_changes_need_a_state_and_a_positive_maximum(bakery: Bakery, arguments: dict[str, Any]) -> None:
    given = arguments if "sinceState" in arguments or not arguments else {"sinceState": "0", **arguments}

    assert bakery.call("Cake/changes", **given)["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "5.2")
def test_a_state_that_was_never_given_out_cannot_be_continued(bakery: Bakery) -> None:
    assert bakery.call("Cake/changes", sinceState="never")["type"] == "cannotCalculateChanges"


@pytest.mark.rfc(8620, "5.2")
@given(st.lists(st.tuples(st.sampled_from("cud"), st.integers(0, 5)), max_size=12), st.integers(1, 4))
def test_a_client_that_follows_changes_ends_where_a_fresh_one_does(steps: list[tuple[str, int]], most: int) -> None:
    bakery = Bakery()
    cache: set[str] = set()
    state = "0"
    for kind, which in steps:
        cakes = [cake["id"] for cake in bakery.call("Cake/get")["list"]]
        if kind == "c" or not cakes:
            bakery.bake("new")
        elif kind == "u":
            bakery.call("Cake/set", update={cakes[which % len(cakes)]: {"layers": which}})
        else:
            bakery.call("Cake/set", destroy=[cakes[which % len(cakes)]])

    more = True
    while more:
        answer = bakery.call("Cake/changes", sinceState=state, maxChanges=most)
        assert len(answer["created"]) + len(answer["updated"]) + len(answer["destroyed"]) <= most
        cache = (cache | set(answer["created"])) - set(answer["destroyed"])
        state, more = answer["newState"], answer["hasMoreChanges"]

    fresh = bakery.call("Cake/get")
    assert cache == {cake["id"] for cake in fresh["list"]}
    assert state == fresh["state"]
