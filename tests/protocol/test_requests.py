"""What makes a whole request fail, and with which problem document."""

import json
from typing import Any

import pytest

from jmap.protocol.errors import RequestError
from tests.protocol.bakery import BAKERY, CORE, Bakery

ECHO = ["Core/echo", {}, "c"]


def problem(bakery: Bakery, body: bytes | dict[str, Any]) -> dict[str, Any]:
    """The problem document that a body is answered with."""
    with pytest.raises(RequestError) as caught:
        bakery.post(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value.document()


@pytest.mark.rfc(8620, "3.6.1")
@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"using":[],"using":[]}', b'{"x":"\\ud800"}', b"[" * 5000])
def test_what_is_no_i_json_is_not_json(bakery: Bakery, body: bytes) -> None:
    document = problem(bakery, body)

    assert document["type"] == "urn:ietf:params:jmap:error:notJSON"
    assert document["status"] == 400


@pytest.mark.rfc(8620, "3.6.1")
@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"{}",
        b'{"using": [], "methodCalls": {}}',
        b'{"using": [1], "methodCalls": []}',
        b'{"using": null, "methodCalls": []}',
        b'{"methodCalls": []}',
        b'{"using": []}',
        b'{"using": [], "methodCalls": [[]]}',
        b'{"using": [], "methodCalls": [null]}',
        b'{"using": [], "methodCalls": [["Core/echo", {}]]}',
        b'{"using": [], "methodCalls": [["Core/echo", {}, "a", "b"]]}',
        b'{"using": [], "methodCalls": [["Core/echo", [], "a"]]}',
        b'{"using": [], "methodCalls": [["Core/echo", null, "a"]]}',
        b'{"using": [], "methodCalls": [[1, {}, "a"]]}',
        b'{"using": [], "methodCalls": [["Core/echo", {}, 1]]}',
        b'{"using": [], "methodCalls": [], "createdIds": []}',
        b'{"using": [], "methodCalls": [], "createdIds": {"a": 1}}',
        b'{"using": [], "methodCalls": [], "createdIds": {"a b": "c"}}',
    ],
)
def test_json_that_breaks_the_type_signature_is_not_request(bakery: Bakery, body: bytes) -> None:
    assert problem(bakery, body)["type"] == "urn:ietf:params:jmap:error:notRequest"


@pytest.mark.rfc(8620, "3.6.1")
def test_a_capability_that_nobody_serves_is_unknown(bakery: Bakery) -> None:
    document = problem(bakery, {"using": [CORE, "https://example.com/apis/foobar"], "methodCalls": [ECHO]})

    assert document["type"] == "urn:ietf:params:jmap:error:unknownCapability"
    assert "https://example.com/apis/foobar" in document["detail"]


@pytest.mark.rfc(8620, "3.6.1")
def test_a_body_that_is_too_large_names_the_limit() -> None:
    document = problem(Bakery(max_size_request=100), b" " * 101)

    assert document["type"] == "urn:ietf:params:jmap:error:limit"
    assert document["limit"] == "maxSizeRequest"


@pytest.mark.rfc(8620, "3.6.1")
def test_too_many_calls_name_the_limit_and_none_is_carried_out() -> None:
    bakery = Bakery(max_calls_in_request=2)
    create = ["Cake/set", {"accountId": "own", "create": {"a": {"name": "x"}}}, "0"]

    document = problem(bakery, {"using": [BAKERY], "methodCalls": [create] * 3})

    assert document["type"] == "urn:ietf:params:jmap:error:limit"
    assert document["limit"] == "maxCallsInRequest"
    assert bakery.call("Cake/get")["list"] == []


@pytest.mark.rfc(8620, "3.3")
def test_members_that_nobody_knows_are_ignored(bakery: Bakery) -> None:
    responses = bakery.request(("Core/echo", {"x": 1}), future={"a": 1})

    assert responses == [["Core/echo", {"x": 1}, "0"]]


@pytest.mark.rfc(8620, "3.4")
def test_created_ids_come_back_only_if_they_were_given(bakery: Bakery) -> None:
    create = ["Cake/set", {"accountId": "own", "create": {"new": {"name": "x"}}}, "0"]
    body = {"using": [BAKERY], "methodCalls": [create]}

    without = bakery.post(json.dumps(body).encode())
    given = bakery.post(json.dumps({**body, "createdIds": {"old": "c9"}}).encode())

    assert "createdIds" not in without
    assert given["createdIds"] == {"old": "c9", "new": "c2"}
    assert given["sessionState"] == "s1"
