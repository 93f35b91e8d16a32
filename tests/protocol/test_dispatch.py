"""Carrying out a request: which calls may run, in what order, and what becomes of those that fail."""

import json
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Context, GetRequest, GetResult, SetPlan, SetResult
from tests.protocol.bakery import BAKERY, CELLAR, CORE, Bakery


@pytest.mark.rfc(8620, "4")
def test_an_echo_comes_back_as_it_was_sent(bakery: Bakery) -> None:
    arguments = {"hello": True, "high": 5, "deep": {"a": [1.5, None, "é"]}}

    assert bakery.request(("Core/echo", arguments)) == [["Core/echo", arguments, "0"]]
    assert bakery.backend.log == []


@pytest.mark.rfc(8620, "3.4")
def test_answers_stand_in_the_order_of_the_calls(bakery: Bakery) -> None:
    calls = [["Core/echo", {"n": n}, "same id"] for n in range(5)]

    response = bakery.post(json.dumps({"using": [CORE], "methodCalls": calls}).encode())

    assert response == {"methodResponses": calls, "sessionState": "s1"}


@pytest.mark.rfc(8620, "3.6.2")
def test_a_call_that_fails_does_not_hinder_the_next(bakery: Bakery) -> None:
    responses = bakery.request(("Cake/eat", {}), ("Cake/get", {}), ("Core/echo", {"x": 1}))

    assert responses[0] == ["error", {"type": "unknownMethod"}, "0"]
    assert responses[1][1]["type"] == "invalidArguments"
    assert responses[2] == ["Core/echo", {"x": 1}, "2"]


@pytest.mark.rfc(8620, "1.8")
def test_an_empty_using_opens_no_method(bakery: Bakery) -> None:
    responses = bakery.request(("Core/echo", {}), ("Cake/get", {"accountId": "own"}), using=[])

    assert [answer["type"] for _, answer, _ in responses] == ["unknownMethod", "unknownMethod"]


@pytest.mark.rfc(8620, "1.8")
def test_any_other_using_opens_every_method(bakery: Bakery) -> None:
    responses = bakery.request(("Order/get", {"accountId": "own"}), using=[BAKERY])

    assert responses[0][0] == "Order/get"


@pytest.mark.rfc(8620, "1.8")
def test_a_strict_server_opens_only_what_using_names(bakery: Bakery) -> None:
    bakery.strict_using = True

    responses = bakery.request(("Order/get", {"accountId": "own"}), ("Core/echo", {}), using=[CELLAR])

    assert responses[0][0] == "Order/get"
    assert responses[1][1]["type"] == "unknownMethod"


@pytest.mark.rfc(8620, "3.6.2")
@pytest.mark.parametrize(
    ("name", "arguments", "error"),
    [
        ("Cake/get", {}, "invalidArguments"),
        ("Cake/get", {"accountId": None}, "invalidArguments"),
        ("Cake/get", {"accountId": 1}, "invalidArguments"),
        ("Cake/get", {"accountId": "nobody"}, "accountNotFound"),
        ("Cake/get", {"accountId": ""}, "accountNotFound"),
        ("Cake/get", {"accountId": "cellar"}, "accountNotSupportedByMethod"),
        ("Cake/smell", {"accountId": "cellar", "cakeId": "c1"}, "accountNotSupportedByMethod"),
        ("Cake/set", {"accountId": "museum"}, "accountReadOnly"),
        ("Cake/bakeTwice", {"accountId": "museum", "name": "x"}, "accountReadOnly"),
        ("Cake/smell", {"accountId": "own"}, "invalidArguments"),
        ("Cake/smell", {"accountId": "own", "cakeId": "c1", "nose": 1}, "invalidArguments"),
        ("Cake/smell", {"accountId": "own", "cakeId": "#unknown"}, "invalidArguments"),
    ],
)
def test_a_call_must_name_an_account_that_it_may_use(
    bakery: Bakery, name: str, arguments: dict[str, Any], error: str
) -> None:
    [[response, answer, _]] = bakery.request((name, arguments))

    assert response == "error"
    assert answer["type"] == error


@pytest.mark.rfc(8620, "3.6.2")
def test_a_read_only_account_may_be_read(bakery: Bakery) -> None:
    assert bakery.call("Cake/get", accountId="museum")["list"] == []


@pytest.mark.rfc(8620, "3.6.2")
def test_an_unexpected_error_fails_its_call_alone_and_is_reported_without_content(bakery: Bakery) -> None:
    responses = bakery.request(
        ("Cake/get", {"accountId": "own"}), ("Cake/drop", {"accountId": "own"}), ("Cake/get", {"accountId": "own"})
    )

    assert responses[1][1] == {
        "type": "serverFail",
        "description": "An unexpected error occurred; this call changed nothing.",
    }
    assert [name for name, _, _ in responses] == ["Cake/get", "error", "Cake/get"]
    [(error, method)] = bakery.reports
    assert isinstance(error, RuntimeError)
    assert method == "Cake/drop"


@pytest.mark.rfc(8620, "3.10")
def test_neighbouring_reads_share_a_snapshot_that_a_write_ends(bakery: Bakery) -> None:
    read = ("Cake/get", {"accountId": "own"})
    write = ("Cake/set", {"accountId": "own"})

    bakery.request(read, ("Core/echo", {}), read, write, write, read)

    assert bakery.backend.log == ["open", "closed", "open", "closed"]


@pytest.mark.rfc(8620, "3.10")
def test_a_type_that_reads_at_once_is_given_no_snapshot_but_may_open_one(
    bakery: Bakery, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_get = bakery.orders.get

    def get(ctx: Context, request: GetRequest) -> GetResult:
        if request.ids is None:
            ctx.snapshot()
        return plain_get(ctx, request)

    monkeypatch.setattr(bakery.orders, "get", get)
    bakery.request(("Order/get", {"accountId": "cellar", "ids": []}))
    in_one_statement = list(bakery.backend.log)
    bakery.request(("Order/get", {"accountId": "cellar"}), ("Order/get", {"accountId": "cellar"}))

    assert in_one_statement == []
    assert bakery.backend.log == ["open", "closed"]


@pytest.mark.rfc(8620, "3.10")
def test_a_snapshot_that_broke_is_not_used_again(bakery: Bakery) -> None:
    read = ("Cake/get", {"accountId": "own"})

    bakery.request(read, ("Cake/drop", {"accountId": "own"}), read)

    assert bakery.backend.log == ["open", "broken", "open", "closed"]


@pytest.mark.rfc(8620, "3.10")
def test_a_refusal_leaves_the_snapshot_open(bakery: Bakery) -> None:
    bakery.request(("Cake/changes", {"accountId": "own", "sinceState": "x"}), ("Cake/get", {"accountId": "own"}))

    assert bakery.backend.log == ["open", "closed"]


@pytest.mark.rfc(8620, "3.6.2")
def test_a_snapshot_that_cannot_be_opened_fails_the_calls_that_need_it(bakery: Bakery) -> None:
    @contextmanager
    def broken() -> Any:
        raise OSError("no database")
        yield

    bakery.backend.reading = broken  # type: ignore[method-assign]

    responses = bakery.request(("Cake/get", {"accountId": "own"}), ("Core/echo", {}))

    assert responses[0][1]["type"] == "serverUnavailable"
    assert responses[1][0] == "Core/echo"


@pytest.mark.rfc(8620, "3.6.2")
def test_a_snapshot_that_cannot_be_closed_spoils_no_answer(bakery: Bakery) -> None:
    @contextmanager
    def torn() -> Any:
        yield
        raise OSError("connection lost")

    bakery.backend.reading = torn  # type: ignore[method-assign]

    responses = bakery.request(("Cake/get", {"accountId": "own"}))

    assert responses[0][0] == "Cake/get"
    assert [method for _, method in bakery.reports] == ["snapshot"]


@pytest.mark.rfc(8620, "3.2")
def test_an_implicit_call_answers_in_place_under_the_same_id(bakery: Bakery) -> None:
    responses = bakery.request(("Cake/bakeTwice", {"accountId": "own", "name": "x"}), ("Core/echo", {}))

    assert [(name, call_id) for name, _, call_id in responses] == [
        ("Cake/bakeTwice", "0"),
        ("Cake/set", "0"),
        ("Core/echo", "1"),
    ]
    assert responses[0][1] == {"accountId": "own", "asked": True}
    assert responses[1][1]["created"]["again"]["id"] == "c1"


@pytest.mark.rfc(8620, "3.2")
def test_a_call_that_fails_causes_nothing(bakery: Bakery) -> None:
    @bakery.registry.method("Cake/promise", capability=BAKERY, writes=True)
    def promise(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        ctx.call_later("Cake/set", {"accountId": "own", "create": {"n": {"name": "x"}}})
        raise MethodError("forbidden")

    responses = bakery.request(("Cake/promise", {"accountId": "own"}))

    assert responses == [["error", {"type": "forbidden"}, "0"]]
    assert bakery.call("Cake/get")["list"] == []


@pytest.mark.rfc(8620, "3.2")
@pytest.mark.parametrize(("caused", "answers"), [("Cake/loop", 102), ("Cake/nothing", 2)])
def test_calls_that_cause_each_other_without_end_are_stopped(bakery: Bakery, caused: str, answers: int) -> None:
    @bakery.registry.method("Cake/loop", capability=BAKERY, writes=True)
    def loop(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        ctx.call_later(caused, {"accountId": "own"})
        return {}

    responses = bakery.request(("Cake/loop", {"accountId": "own"}))

    assert len(responses) == answers
    assert responses[-1][1]["type"] == "serverFail"
    assert len(bakery.reports) == 1


@pytest.mark.rfc(8620, "3.2")
def test_a_method_may_need_no_account(bakery: Bakery) -> None:
    @bakery.registry.method("Shop/hours", capability=BAKERY, account=False, reads=False)
    def hours(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"opens": 7, "asker": ctx.principal.username}

    assert bakery.request(("Shop/hours", {})) == [["Shop/hours", {"opens": 7, "asker": "ada"}, "0"]]
    assert bakery.backend.log == []


@pytest.mark.rfc(8620, "3.6.2")
def test_what_fails_after_records_were_created_is_told_as_partial(bakery: Bakery) -> None:
    once = bakery.cakes.set

    def only_once(ctx: Context, plan: SetPlan) -> SetResult:
        bakery.cakes.set = broken  # type: ignore[method-assign]
        return once(ctx, plan)

    def broken(ctx: Context, plan: SetPlan) -> SetResult:
        raise OSError("disk full")

    bakery.cakes.set = only_once  # type: ignore[method-assign]
    answer = bakery.call("Cake/set", create={"n": {"name": "x"}}, update={"#n": {"layers": 2}})

    assert answer["type"] == "serverPartialFail"
    assert [type(error) for error, _ in bakery.reports] == [OSError]


@pytest.mark.rfc(8620, "3.4")
def test_the_session_state_is_asked_for_after_the_last_call(bakery: Bakery) -> None:
    from jmap.protocol.dispatch import process

    seen: list[int] = []

    def session_state() -> str:
        seen.append(bakery.cakes.baked)
        return "later"

    body = {"using": [CORE], "methodCalls": [["Cake/set", {"accountId": "own", "create": {"n": {"name": "x"}}}, "0"]]}
    response = process(
        json.dumps(body).encode(),
        principal=bakery.principal,
        registry=bakery.registry,
        backend=bakery.backend,
        limits=bakery.limits,
        session_state=session_state,
    )

    assert response["sessionState"] == "later"
    assert seen == [1]
