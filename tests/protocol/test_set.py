"""/set: creating, updating and destroying in one call."""

from typing import Any

import pytest

from tests.protocol.bakery import BAKERY, CELLAR, CORE, Bakery

EMPTY = {"created", "updated", "destroyed", "notCreated", "notUpdated", "notDestroyed"}


@pytest.mark.rfc(8620, "5.3")
def test_what_is_empty_is_null(bakery: Bakery) -> None:
    answer = bakery.call("Cake/set")

    assert answer["accountId"] == "own"
    assert answer["oldState"] == answer["newState"] == "0"
    assert {name for name, value in answer.items() if value is None} == EMPTY


@pytest.mark.rfc(8620, "5.3")
def test_a_creation_answers_everything_that_the_client_did_not_send(bakery: Bakery) -> None:
    answer = bakery.call("Cake/set", create={"n": {"name": "a", "layers": 2, "from": "grace"}})

    assert answer["created"]["n"] == {
        "id": "c1",
        "toppings": {},
        "vegan": False,
        "note": None,
        "baseId": None,
        "likes": {},
        "prices": {},
        "tags": [],
        "box": None,
        "kind": "cake",
        "secret": None,
        "bakedBy": "ada",
    }
    assert answer["notCreated"] is None
    assert (answer["oldState"], answer["newState"]) == ("0", "1")


@pytest.mark.rfc(8620, "5.3")
def test_all_invalid_properties_of_a_creation_are_listed_and_the_others_go_on(bakery: Bakery) -> None:
    bad = {"layers": -1, "flour": 1, "bakedBy": "me", "id": "c7", "tags": [1], "note": None}

    answer = bakery.call("Cake/set", create={"bad": bad, "good": {"name": "a"}})

    assert set(answer["created"]) == {"good"}
    error = answer["notCreated"]["bad"]
    assert error["type"] == "invalidProperties"
    assert set(error["properties"]) == {"layers", "flour", "bakedBy", "id", "tags", "name"}


@pytest.mark.rfc(8620, "5.3")
def test_a_type_may_judge_a_creation_as_a_whole(bakery: Bakery) -> None:
    answer = bakery.call("Cake/set", create={"n": {"name": "a", "kind": "tart", "layers": 2}})

    assert answer["notCreated"]["n"]["properties"] == ["kind", "layers"]


@pytest.mark.rfc(8620, "5.3")
def test_the_store_may_refuse_what_the_engine_let_pass(bakery: Bakery) -> None:
    answer = bakery.call("Cake/set", create={"n": {"name": "burnt"}})

    assert answer["notCreated"] == {"n": {"type": "forbidden", "description": "burnt cakes are not sold"}}
    assert answer["created"] is None


@pytest.mark.rfc(8620, "5.3")
def test_an_update_that_changes_nothing_succeeds_and_keeps_the_state(bakery: Bakery) -> None:
    [cake] = bakery.bake("a")
    whole = bakery.properties_of(cake)

    answer = bakery.call("Cake/set", update={cake: whole})

    assert answer["updated"] == {cake: None}
    assert answer["oldState"] == answer["newState"]


@pytest.mark.rfc(8620, "5.3")
def test_one_refused_update_leaves_its_record_whole_and_the_others_go_on(bakery: Bakery) -> None:
    one, two = bakery.bake("one", "two")

    answer = bakery.call(
        "Cake/set", update={one: {"name": "new", "layers": "many"}, two: {"layers": 3}, "c99": {"layers": 1}}
    )

    assert answer["updated"] == {two: None}
    assert answer["notUpdated"][one]["properties"] == ["layers"]
    assert answer["notUpdated"]["c99"] == {"type": "notFound"}
    assert bakery.properties_of(one)["name"] == "one"


@pytest.mark.rfc(8620, "5.3")
def test_a_keyword_set_to_false_is_taken_out(bakery: Bakery) -> None:
    [cake] = bakery.bake("a", toppings={"nuts": True, "cream": True})

    answer = bakery.call("Cake/set", update={cake: {"toppings/nuts": False}})

    assert answer["updated"] == {cake: None}
    assert bakery.properties_of(cake)["toppings"] == {"cream": True}


@pytest.mark.rfc(8620, "5.3")
def test_what_is_destroyed_is_not_updated(bakery: Bakery) -> None:
    [cake] = bakery.bake("a")

    answer = bakery.call("Cake/set", update={cake: {"layers": 3}}, destroy=[cake, cake, "c99"])

    assert answer["notUpdated"] == {cake: {"type": "willDestroy"}}
    assert answer["destroyed"] == [cake]
    assert answer["notDestroyed"] == {"c99": {"type": "notFound"}}


@pytest.mark.rfc(8620, "5.3")
def test_a_state_that_does_not_match_stops_the_call(bakery: Bakery) -> None:
    bakery.bake("a")

    assert bakery.call("Cake/set", ifInState="0", create={"n": {"name": "b"}})["type"] == "stateMismatch"
    assert bakery.call("Cake/set", ifInState="1", create={"n": {"name": "b"}})["created"]


@pytest.mark.rfc(8620, "5.3")
def test_more_objects_than_the_limit_are_too_large_a_request() -> None:
    bakery = Bakery(max_objects_in_set=3)

    answer = bakery.call("Cake/set", create={"a": {}, "b": {}}, update={"c1": {}}, destroy=["c2"])

    assert answer["type"] == "requestTooLarge"


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize(
    "arguments",
    [
        {"create": []},
        {"create": {"n": None}},
        {"create": {"n": []}},
        {"create": {"": {}}},
        {"update": {"c1": []}},
        {"update": {"c1": None}},
        {"update": {"not an id": {}}},
        {"update": {"#": {}}},
        {"destroy": "c1"},
        {"destroy": [1]},
        {"destroy": [""]},
        {"ifInState": 1},
        {"unknown": None},
    ],
)
def test_arguments_of_the_wrong_type_stop_the_call(bakery: Bakery, arguments: dict[str, Any]) -> None:
    assert bakery.call("Cake/set", **arguments)["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "5.3")
def test_creations_may_refer_to_each_other_in_any_order(bakery: Bakery) -> None:
    create = {
        "top": {"name": "top", "baseId": "#middle", "likes": {"#bottom": True}},
        "middle": {"name": "middle", "baseId": "#bottom"},
        "bottom": {"name": "bottom"},
    }

    created = bakery.call("Cake/set", create=create)["created"]

    ids = {name: created[name]["id"] for name in create}
    assert bakery.properties_of(ids["top"])["baseId"] == ids["middle"]
    assert bakery.properties_of(ids["top"])["likes"] == {ids["bottom"]: True}
    assert bakery.properties_of(ids["middle"])["baseId"] == ids["bottom"]


@pytest.mark.rfc(8620, "5.3")
def test_creations_that_refer_to_each_other_in_a_circle_are_refused_by_the_store(bakery: Bakery) -> None:
    create = {
        "a": {"name": "a", "baseId": "#b"},
        "b": {"name": "b", "baseId": "#a"},
        "c": {"name": "c", "baseId": "#c"},
    }

    answer = bakery.call("Cake/set", create=create)

    assert answer["created"] is None
    assert {error["type"] for error in answer["notCreated"].values()} == {"invalidProperties"}


@pytest.mark.rfc(8620, "5.3")
@pytest.mark.parametrize("name", ["burnt", 5])
def test_what_refers_to_a_refused_creation_is_refused_too(bakery: Bakery, name: Any) -> None:
    create = {
        "top": {"name": "top", "baseId": "#middle"},
        "middle": {"name": "middle", "baseId": "#bottom"},
        "bottom": {"name": name},
        "alone": {"name": "alone"},
    }

    answer = bakery.call("Cake/set", create=create)

    assert set(answer["created"]) == {"alone"}
    assert answer["notCreated"]["top"]["properties"] == ["baseId"]
    assert answer["notCreated"]["middle"]["properties"] == ["baseId"]


@pytest.mark.rfc(8620, "5.3")
def test_an_update_may_refer_to_a_creation_of_the_same_call(bakery: Bakery) -> None:
    old, other = bakery.bake("old", "other")

    answer = bakery.call(
        "Cake/set",
        create={"new": {"name": "new"}, "bad": {}},
        update={old: {"baseId": "#new", "likes/#new": True}, other: {"baseId": "#bad"}},
    )

    new = answer["created"]["new"]["id"]
    assert bakery.properties_of(old)["baseId"] == new
    assert bakery.properties_of(old)["likes"] == {new: True}
    assert answer["notUpdated"][other]["properties"] == ["baseId"]


@pytest.mark.rfc(8620, "5.3")
def test_later_calls_may_refer_to_earlier_creations_of_any_type(bakery: Bakery) -> None:
    responses = bakery.request(
        ("Cake/set", {"accountId": "own", "create": {"new": {"name": "a"}}}),
        (
            "Order/set",
            {"accountId": "own", "create": {"o": {"cakeIds": {"#new": True}}, "p": {"cakeIds": {"#x": True}}}},
        ),
        ("Cake/set", {"accountId": "own", "update": {"#new": {"layers": 7}, "#x": {}}, "destroy": ["#y"]}),
        ("Cake/smell", {"accountId": "own", "cakeId": "#new"}),
        using=[CORE, BAKERY, CELLAR],
    )

    assert responses[1][1]["created"]["o"]["id"] == "o1"
    assert responses[1][1]["notCreated"]["p"]["properties"] == ["cakeIds"]
    assert bakery.orders.history[1][-1]["o1"]["cakeIds"] == {"c1": True}
    assert responses[2][1]["updated"] == {"c1": None}
    assert responses[2][1]["notUpdated"] == {"#x": {"type": "notFound"}}
    assert responses[2][1]["notDestroyed"] == {"#y": {"type": "notFound"}}
    assert responses[3][1]["cakeId"] == "c1"


@pytest.mark.rfc(8620, "5.3")
def test_a_record_may_be_created_updated_and_destroyed_in_one_call(bakery: Bakery) -> None:
    answer = bakery.call(
        "Cake/set",
        create={"a": {"name": "a"}, "b": {"name": "b"}, "c": {"name": "burnt"}, "d": {"name": "burnt"}},
        update={"#a": {"layers": 3, "baseId": "#b"}, "#c": {"layers": 1}, "#d": {}},
        destroy=["#b", "#d"],
    )

    assert answer["updated"] == {"c1": None}
    assert answer["destroyed"] == ["c2"]
    assert answer["notUpdated"] == {"#c": {"type": "notFound"}, "#d": {"type": "willDestroy"}}
    assert answer["notDestroyed"] == {"#d": {"type": "notFound"}}
    assert answer["newState"] == "4"
    assert bakery.properties_of("c1")["layers"] == 3


@pytest.mark.rfc(8620, "5.3")
def test_a_creation_id_used_again_names_the_most_recent_record(bakery: Bakery) -> None:
    create = ("Cake/set", {"accountId": "own", "create": {"n": {"name": "a"}}})

    responses = bakery.request(create, create, ("Cake/set", {"accountId": "own", "destroy": ["#n"]}))

    assert responses[2][1]["destroyed"] == ["c2"]


@pytest.mark.rfc(8620, "3.3")
def test_created_ids_of_an_earlier_request_resolve(bakery: Bakery) -> None:
    [cake] = bakery.bake("a")

    [[_, answer, _]] = bakery.request(
        ("Cake/set", {"accountId": "own", "update": {"#old": {"layers": 2}}}), createdIds={"old": cake}
    )

    assert answer["updated"] == {cake: None}


@pytest.mark.rfc(8620, "5.3")
def test_a_singleton_is_neither_created_nor_destroyed(bakery: Bakery) -> None:
    answer = bakery.call(
        "Oven/set", create={"n": {"degrees": 1}}, update={"singleton": {"degrees": 200}}, destroy=["singleton"]
    )

    assert answer["notCreated"]["n"]["type"] == "singleton"
    assert answer["notDestroyed"]["singleton"]["type"] == "singleton"
    assert bakery.call("Oven/get", ids=["singleton", "x"])["notFound"] == ["x"]


@pytest.mark.rfc(8620, "5.3")
def test_what_is_refused_of_a_creation_of_the_same_call_is_named_by_plain_text(bakery: Bakery) -> None:
    answer = bakery.call(
        "Cake/set",
        create={"n": {"name": "burnt"}, "m": {"name": "a"}, "o": {"name": "b"}},
        update={"#n": {"name": "b"}, "#m": {"layers": -1}, "#o": {"layers": 1}},
        destroy=["#o"],
    )

    assert set(answer["notUpdated"]) == {"#n", "#m", "#o"}
    # A creation reference is a kind of text that not every encoder of JSON takes as a key.
    assert {type(key) for refused in ("notCreated", "notUpdated") for key in answer[refused]} == {str}
