"""/copy: records made anew in another account."""

from typing import Any

import pytest

from tests.protocol.bakery import Bakery


def copy(bakery: Bakery, **arguments: Any) -> dict[str, Any]:
    """A Cake/copy from the own account into the shared one."""
    return bakery.call("Cake/copy", **{"accountId": "shared", "fromAccountId": "own", **arguments})


@pytest.mark.rfc(8620, "5.4")
def test_a_copy_keeps_what_is_not_overridden(bakery: Bakery) -> None:
    [cake] = bakery.bake("a", layers=4)

    answer = copy(bakery, create={"k": {"id": cake, "name": "b"}})

    assert answer["fromAccountId"] == "own"
    assert answer["accountId"] == "shared"
    assert answer["created"] == {"k": {"id": "c2"}}
    assert answer["notCreated"] is None
    [copied] = bakery.call("Cake/get", accountId="shared", properties=["name", "layers"])["list"]
    assert copied == {"id": "c2", "name": "b", "layers": 4}
    assert bakery.properties_of(cake)["name"] == "a"


@pytest.mark.rfc(8620, "5.4")
def test_originals_are_destroyed_by_an_implicit_set_right_after_the_answer(bakery: Bakery) -> None:
    one, two = bakery.bake("one", "two")
    create = {"k": {"id": one}, "l": {"id": "c99"}}

    responses = bakery.request(
        (
            "Cake/copy",
            {"accountId": "shared", "fromAccountId": "own", "create": create, "onSuccessDestroyOriginal": True},
        ),
        ("Core/echo", {}),
    )

    assert [(name, call_id) for name, _, call_id in responses] == [
        ("Cake/copy", "0"),
        ("Cake/set", "0"),
        ("Core/echo", "1"),
    ]
    assert responses[0][1]["notCreated"] == {"l": {"type": "notFound"}}
    assert responses[1][1]["accountId"] == "own"
    assert responses[1][1]["destroyed"] == [one]
    assert bakery.call("Cake/get", ids=[two])["list"]


@pytest.mark.rfc(8620, "5.4")
def test_destroy_from_if_in_state_guards_the_implicit_set(bakery: Bakery) -> None:
    [cake] = bakery.bake("one")

    responses = bakery.request(
        (
            "Cake/copy",
            {
                "accountId": "shared",
                "fromAccountId": "own",
                "create": {"k": {"id": cake}},
                "onSuccessDestroyOriginal": True,
                "destroyFromIfInState": "0",
            },
        )
    )

    assert responses[1][1]["type"] == "stateMismatch"


@pytest.mark.rfc(8620, "5.4")
def test_nothing_copied_means_no_implicit_set(bakery: Bakery) -> None:
    create = {"k": {"id": "c99"}}

    responses = bakery.request(
        (
            "Cake/copy",
            {"accountId": "shared", "fromAccountId": "own", "create": create, "onSuccessDestroyOriginal": True},
        )
    )

    assert len(responses) == 1


@pytest.mark.rfc(8620, "5.4")
@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"fromAccountId": "shared"}, "invalidArguments"),
        ({"fromAccountId": "nobody"}, "fromAccountNotFound"),
        ({"fromAccountId": "cellar"}, "fromAccountNotSupportedByMethod"),
        ({"accountId": "nobody"}, "accountNotFound"),
        ({"accountId": "cellar"}, "accountNotSupportedByMethod"),
        ({"accountId": "museum"}, "accountReadOnly"),
        ({"fromAccountId": None}, "invalidArguments"),
        ({"create": None}, "invalidArguments"),
        ({"create": {"k": "c1"}}, "invalidArguments"),
    ],
)
def test_both_accounts_must_be_right(bakery: Bakery, arguments: dict[str, Any], error: str) -> None:
    assert copy(bakery, **{"create": {}, **arguments})["type"] == error


@pytest.mark.rfc(8620, "5.4")
def test_what_is_only_read_may_be_copied_from(bakery: Bakery) -> None:
    assert copy(bakery, fromAccountId="museum", create={})["created"] is None


@pytest.mark.rfc(8620, "5.4")
@pytest.mark.parametrize(
    ("wanted", "properties"),
    [
        ({}, ["id"]),
        ({"id": "c1", "layers": 2, "bakedBy": "x", "flour": 1}, ["layers", "bakedBy", "flour"]),
        ({"id": "not an id"}, ["id"]),
        ({"id": "#nothing"}, ["id"]),
        ({"id": "c1", "name": 5}, ["name"]),
    ],
)
def test_what_may_not_be_overridden_is_listed(bakery: Bakery, wanted: dict[str, Any], properties: list[str]) -> None:
    bakery.bake("a")

    answer = copy(bakery, create={"k": wanted})

    assert answer["notCreated"]["k"]["type"] == "invalidProperties"
    assert answer["notCreated"]["k"]["properties"] == properties


@pytest.mark.rfc(8620, "5.4")
def test_a_copy_may_name_its_original_by_creation_id_and_be_named_by_its_own(bakery: Bakery) -> None:
    responses = bakery.request(
        ("Cake/set", {"accountId": "own", "create": {"n": {"name": "a"}}}),
        ("Cake/copy", {"accountId": "shared", "fromAccountId": "own", "create": {"k": {"id": "#n"}}}),
        ("Cake/set", {"accountId": "shared", "destroy": ["#k"]}),
    )

    assert responses[2][1]["destroyed"] == ["c2"]


@pytest.mark.rfc(8620, "5.4")
def test_more_copies_than_the_limit_are_too_large_a_request() -> None:
    bakery = Bakery(max_objects_in_set=1)

    assert copy(bakery, create={"k": {"id": "c1"}, "l": {"id": "c1"}})["type"] == "requestTooLarge"
