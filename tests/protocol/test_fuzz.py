"""Requests made by a grammar, and mutated ones: a Response or a problem document, never an exception."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jmap.protocol.errors import RequestError
from tests.protocol.bakery import BAKERY, CELLAR, CORE, Bakery

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**53, -1.5, "", "own", "c1", "c2", "#n", "#", "name", "layers", "~2", "2014-10-30T06:12:00Z"])
)
KEYS = st.sampled_from(
    ["n", "m", "c1", "#n", "name", "layers", "toppings", "toppings/x", "prices/a/amount", "tags/0", "id", "operator"]
)
JUNK = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3))
ACCOUNTS = st.sampled_from(["own", "shared", "museum", "cellar", "nobody"])
CAKES = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b", "burnt"])},
    optional={"layers": SCALARS, "baseId": SCALARS, "toppings": JUNK, "prices": JUNK, "recipe": JUNK},
)
FILTERS = st.recursive(
    st.fixed_dictionaries({}, optional={"vegan": st.booleans(), "layers": SCALARS, "topping": SCALARS}),
    lambda inner: st.fixed_dictionaries(
        {"operator": st.sampled_from(["AND", "OR", "NOT", "XOR"]), "conditions": st.lists(inner, max_size=3)}
    ),
    max_leaves=6,
)
SORTS = st.lists(
    st.fixed_dictionaries(
        {"property": st.sampled_from(["name", "layers", "hasTopping", "x"])},
        optional={"isAscending": st.booleans(), "collation": SCALARS, "topping": SCALARS},
    ),
    max_size=3,
)
REFERENCES = st.fixed_dictionaries(
    {
        "resultOf": st.sampled_from("0123"),
        "name": st.sampled_from(["Cake/get", "Cake/query", "Cake/set", "Core/echo", "error"]),
        "path": st.sampled_from(
            ["/ids", "/list/*/id", "/list/*/baseId", "/list/*/likes", "", "/", "/state", "/*", "x"]
        ),
    }
)
ARGUMENTS: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "Cake/get": {"ids": JUNK, "#ids": REFERENCES, "properties": JUNK, "#properties": REFERENCES},
    "Cake/changes": {
        "sinceState": st.sampled_from(["0", "1", "9", "x"]),
        "maxChanges": SCALARS,
        "#sinceState": REFERENCES,
    },
    "Cake/set": {
        "ifInState": SCALARS,
        "create": st.dictionaries(KEYS, CAKES | JUNK, max_size=3),
        "update": st.dictionaries(st.sampled_from(["c1", "c2", "#n", "c9"]), JUNK, max_size=3),
        "destroy": st.lists(SCALARS, max_size=2),
        "#destroy": REFERENCES,
    },
    "Cake/copy": {
        "fromAccountId": ACCOUNTS,
        "create": st.dictionaries(KEYS, JUNK | CAKES, max_size=2),
        "onSuccessDestroyOriginal": st.booleans(),
    },
    "Cake/query": {
        "filter": FILTERS | JUNK,
        "sort": SORTS | JUNK,
        "position": SCALARS,
        "anchor": SCALARS,
        "anchorOffset": SCALARS,
        "limit": SCALARS,
        "calculateTotal": st.booleans(),
    },
    "Cake/queryChanges": {
        "filter": FILTERS,
        "sort": SORTS,
        "sinceQueryState": st.sampled_from(["0", "1", "x"]),
        "maxChanges": SCALARS,
        "upToId": SCALARS,
        "calculateTotal": st.booleans(),
    },
    "Order/set": {"create": st.dictionaries(KEYS, st.fixed_dictionaries({"cakeIds": JUNK}), max_size=2)},
    "Oven/set": {"update": st.dictionaries(KEYS | st.just("singleton"), JUNK, max_size=2), "destroy": JUNK},
    "Core/echo": {"a": JUNK, "#b": REFERENCES},
    "Cake/unknown": {"a": JUNK},
}


@st.composite
def invocations(draw: st.DrawFn) -> list[Any]:
    """A method call that is mostly well formed."""
    name = draw(st.sampled_from(list(ARGUMENTS)))
    required = {} if name == "Core/echo" else {"accountId": ACCOUNTS}
    arguments = draw(st.fixed_dictionaries(required, optional=ARGUMENTS[name]))
    return [name, arguments, draw(st.sampled_from("0123"))]


REQUESTS = st.fixed_dictionaries(
    {
        "using": st.lists(st.sampled_from([CORE, BAKERY, CELLAR]), max_size=3),
        "methodCalls": st.lists(invocations(), max_size=6),
    },
    optional={"createdIds": st.dictionaries(st.sampled_from("nm"), st.sampled_from(["c1", "c2"]))},
)


def answer(bakery: Bakery, body: bytes) -> dict[str, Any] | None:
    """The Response, or None where the whole request is refused with a proper problem document."""
    try:
        return bakery.post(body)
    except RequestError as error:
        document = error.document()
        json.dumps(document)
        if 400 <= document["status"] < 500 and document["type"].startswith("urn:ietf:params:jmap:error:"):
            return None
        raise


@pytest.mark.rfc(8620, "3.6")
@settings(max_examples=400)
@given(REQUESTS)
def test_a_request_made_by_the_grammar_is_answered_call_by_call(request: dict[str, Any]) -> None:
    bakery = Bakery()
    bakery.bake("a", "b")

    response = answer(bakery, json.dumps(request).encode())

    assert response is not None
    json.dumps(response, allow_nan=False)
    assert bakery.reports == []
    asked = [name for name, _, _ in request["methodCalls"]]
    answered = [name for name, _, _ in response["methodResponses"]]
    implicit = sum(copied == "Cake/copy" and then == "Cake/set" for copied, then in pairwise(answered))
    assert len(asked) <= len(answered) <= len(asked) + implicit


@pytest.mark.rfc(8620, "3.6.1")
@settings(max_examples=300)
@given(REQUESTS, st.data())
def test_a_mutated_request_is_answered_or_refused(request: dict[str, Any], data: st.DataObject) -> None:
    body = bytearray(json.dumps(request).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 5)))
        body[start:end] = data.draw(st.binary(max_size=3) | st.sampled_from([b'"', b"[", b"]", b"{}", b"null", b"\\u"]))
    bakery = Bakery()
    bakery.bake("a")

    response = answer(bakery, bytes(body))

    assert bakery.reports == []
    assert response is None or "methodResponses" in response


@pytest.mark.rfc(8620, "3.6.1")
@settings(max_examples=200)
@given(JUNK | st.fixed_dictionaries({"using": JUNK, "methodCalls": st.lists(JUNK)}))
def test_any_json_is_answered_or_refused(value: Any) -> None:
    response = answer(Bakery(), json.dumps(value).encode())

    assert response is None or response["methodResponses"] == []
