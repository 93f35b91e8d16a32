"""Arguments taken from the answers of earlier calls."""

import json
import time
from typing import Any

import pytest

from tests.protocol.bakery import BAKERY, CORE, Bakery


def reference(result_of: str, name: str, path: str) -> dict[str, str]:
    """A ResultReference."""
    return {"resultOf": result_of, "name": name, "path": path}


def echoed(bakery: Bakery, value: Any, path: str) -> Any:
    """What a path finds in the arguments of an echo, or the error type."""
    responses = bakery.request(("Core/echo", {"v": value}), ("Core/echo", {"#r": reference("0", "Core/echo", path)}))
    return responses[1][1].get("r", responses[1][1].get("type"))


@pytest.mark.rfc(8620, "3.7")
@pytest.mark.parametrize("raw", [False, True])
def test_a_chain_of_references_walks_from_query_to_related_records(bakery: Bakery, raw: bool) -> None:
    base, other = bakery.bake("base", "other")
    bakery.bake("top", baseId=base, likes={base: True, other: True})
    bakery.cakes.raw = raw

    responses = bakery.request(
        ("Cake/query", {"accountId": "own", "filter": {"name": "top"}}),
        ("Cake/get", {"accountId": "own", "#ids": reference("0", "Cake/query", "/ids"), "properties": ["baseId"]}),
        (
            "Cake/get",
            {"accountId": "own", "#ids": reference("1", "Cake/get", "/list/*/baseId"), "properties": ["name"]},
        ),
        ("Core/echo", {"#names": reference("2", "Cake/get", "/list/*/name")}),
    )

    assert responses[3][1] == {"names": ["base"]}


@pytest.mark.rfc(8620, "3.7")
@pytest.mark.parametrize(
    ("value", "path", "found"),
    [
        ([{"a": [1, 2]}, {"a": [3]}, {"a": []}], "/v/*/a", [1, 2, 3]),
        ([{"a": [[1], [2]]}], "/v/*/a", [[1], [2]]),
        ([[1, 2], [3]], "/v/*", [1, 2, 3]),
        ([[[1]], [[2, 3]]], "/v/*/*", [1, 2, 3]),
        ([], "/v/*/a", []),
        ([{"a": None}], "/v/*/a", [None]),
        ([5, 6], "/v/1", 6),
        ({"*": 1}, "/v/*", 1),
        ({"a/b": {"~": 2}}, "/v/a~1b/~0", 2),
        ({"": {"": 3}}, "/v//", 3),
        ({"01": 4}, "/v/01", 4),
        ({"a": None}, "/v/a", None),
    ],
)
def test_a_path_is_a_json_pointer_with_a_star(bakery: Bakery, value: Any, path: str, found: Any) -> None:
    responses = bakery.request(("Core/echo", {"v": value}), ("Core/echo", {"#r": reference("0", "Core/echo", path)}))

    assert responses[1] == ["Core/echo", {"r": found}, "1"]


@pytest.mark.rfc(8620, "3.7")
def test_an_empty_path_is_the_whole_answer(bakery: Bakery) -> None:
    assert echoed(bakery, 7, "") == {"v": 7}


@pytest.mark.rfc(8620, "3.7")
@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": 1}, "/v/b"),
        ([1], "/v/1"),
        ([1], "/v/-"),
        ([1], "/v/-1"),
        ([1], "/v/00"),
        ([1], "/v/" + "9" * 5000),
        ([1], "/v/٠"),
        ([1], "/v/"),
        (1, "/v/a"),
        ("text", "/v/0"),
        ("text", "/v/*"),
        (None, "/v/*"),
        ([{"a": 1}, {}], "/v/*/a"),
        (1, "v"),
    ],
)
def test_a_path_that_leads_nowhere_fails_the_call(bakery: Bakery, value: Any, path: str) -> None:
    assert echoed(bakery, value, path) == "invalidResultReference"


@pytest.mark.rfc(8620, "3.7")
@pytest.mark.parametrize(
    "wrong",
    [
        reference("9", "Core/echo", "/v"),
        reference("0", "Cake/get", "/v"),
        reference("1", "Core/echo", "/r"),
        {"resultOf": "0", "name": "Core/echo"},
        {"resultOf": 0, "name": "Core/echo", "path": "/v"},
        "0",
        None,
        [],
    ],
)
def test_a_reference_that_names_no_earlier_answer_fails_the_call(bakery: Bakery, wrong: Any) -> None:
    responses = bakery.request(("Core/echo", {"v": 1}), ("Core/echo", {"#r": wrong}), ("Core/echo", {"w": 2}))

    assert responses[1][0] == "error"
    assert responses[1][1]["type"] == "invalidResultReference"
    assert responses[2][1] == {"w": 2}


@pytest.mark.rfc(8620, "3.7")
def test_an_answer_that_is_an_error_cannot_be_referred_to(bakery: Bakery) -> None:
    responses = bakery.request(
        ("Cake/get", {"accountId": "nobody"}), ("Core/echo", {"#r": reference("0", "Cake/get", "/list")})
    )

    assert responses[1][1]["type"] == "invalidResultReference"


@pytest.mark.rfc(8620, "3.7")
def test_the_first_answer_with_the_call_id_counts(bakery: Bakery) -> None:
    calls = [["Core/echo", {"v": 1}, "x"], ["Core/echo", {"v": 2}, "x"]]
    last = ["Core/echo", {"#r": reference("x", "Core/echo", "/v")}, "y"]
    body = {"using": [CORE], "methodCalls": [*calls, last]}

    assert bakery.post(json.dumps(body).encode())["methodResponses"][2][1] == {"r": 1}


@pytest.mark.rfc(8620, "3.7")
def test_an_argument_may_not_be_given_twice(bakery: Bakery) -> None:
    [_, [name, arguments, _id]] = bakery.request(
        ("Core/echo", {"v": []}),
        ("Cake/get", {"accountId": "own", "ids": [], "#ids": reference("0", "Core/echo", "/v")}),
    )

    assert name == "error"
    assert arguments["type"] == "invalidArguments"


@pytest.mark.rfc(8620, "3.7")
def test_a_null_that_is_referred_to_means_the_default(bakery: Bakery) -> None:
    bakery.bake("plain")

    responses = bakery.request(
        ("Core/echo", {"updatedProperties": None}),
        ("Cake/get", {"accountId": "own", "#properties": reference("0", "Core/echo", "/updatedProperties")}),
    )

    assert "layers" in responses[1][1]["list"][0]


@pytest.mark.rfc(8620, "3.7")
def test_a_value_of_the_wrong_type_is_judged_like_any_argument(bakery: Bakery) -> None:
    bakery.bake("plain")

    responses = bakery.request(
        ("Cake/get", {"accountId": "own"}),
        ("Cake/get", {"accountId": "own", "#ids": reference("0", "Cake/get", "/list/*/baseId")}),
    )

    assert responses[1][1] == {"type": "invalidArguments", "description": "ids/0: must not be null"}


@pytest.mark.rfc(8620, "3.7")
@pytest.mark.parametrize("path", ["", "/a"])
def test_echoes_that_double_at_every_step_are_stopped(path: str) -> None:
    bakery = Bakery(max_size_request=100_000)
    calls: list[tuple[str, dict[str, Any]]] = [("Core/echo", {"a": ["x" * 100], "b": 1})]
    for step in range(1, 40):
        link = reference(str(step - 1), "Core/echo", path)
        calls.append(("Core/echo", {"#a": link, "#b": link}))

    began = time.process_time()
    responses = bakery.request(*calls)

    assert len(json.dumps(responses)) < 1_000_000
    assert time.process_time() - began < 2
    if path == "":
        assert responses[-1][1]["type"] == "invalidResultReference"


@pytest.mark.rfc(8620, "3.7")
def test_many_references_to_one_large_answer_are_stopped() -> None:
    bakery = Bakery(max_size_request=1_000_000)
    link = reference("0", "Core/echo", "/v/*/a")
    calls = [("Core/echo", {"v": [{"a": []}] * 2000}), ("Core/echo", {f"#r{n}": link for n in range(5000)})]

    responses = bakery.request(*calls)

    assert responses[1][1]["type"] == "invalidResultReference"


@pytest.mark.rfc(8620, "3.7")
def test_an_account_id_may_be_a_reference_too(bakery: Bakery) -> None:
    responses = bakery.request(
        ("Core/echo", {"id": "own"}), ("Cake/get", {"#accountId": reference("0", "Core/echo", "/id")}), using=[BAKERY]
    )

    assert responses[1][1]["accountId"] == "own"
