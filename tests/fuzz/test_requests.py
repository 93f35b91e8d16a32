"""JMAP requests made by a grammar, and mutated ones: never a failure of the server, always a proper answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Target, undone
from tests.fuzz.grammar import JUNK, METHODS, REQUESTS, calls

pytestmark = pytest.mark.django_db
RELAXED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
PIECES = [b'"', b"[", b"]", b"{", b"}", b",", b":", b"null", b"\\u0000", b"\\ud800", b"\xff", b"\0", b"1e999", b"-",
          b"#", b"1" * 400, b"[" * 300, b"NaN", b"\xef\xbb\xbf", b"true", b"//"]  # fmt: skip


def call_one(target: Target, call: list[Any]) -> None:
    """Send one call, in an account that is as it was at the start."""
    with undone():
        target.request({"using": USING, "methodCalls": [call]})


@pytest.mark.rfc(8620, "3.6.2")
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=25, **RELAXED)
@given(data=st.data())
def test_no_arguments_make_a_method_fail(target: Target, name: str, data: st.DataObject) -> None:
    call_one(target, data.draw(calls(name)))


@pytest.mark.rfc(8620, "3.4")
@pytest.mark.rfc(8620, "3.6")
@settings(max_examples=60, **RELAXED)
@given(request=REQUESTS)
def test_a_request_of_many_calls_is_answered_call_by_call(target: Target, request: dict[str, Any]) -> None:
    with undone():
        response = target.request(request)

    if response is not None:
        assert len(response["methodResponses"]) >= len(request["methodCalls"])
        assert ("createdIds" in response) == ("createdIds" in request)


@pytest.mark.rfc(8620, "3.6.1")
@settings(max_examples=100, **RELAXED)
@given(request=REQUESTS, data=st.data())
def test_a_mutated_request_is_answered_or_refused(target: Target, request: dict[str, Any], data: st.DataObject) -> None:
    body = bytearray(target.fill(json.dumps(request)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = data.draw(st.integers(start, min(len(body), start + 5)))
        body[start:end] = data.draw(st.sampled_from(PIECES) | st.binary(max_size=3))

    with undone():
        target.post(bytes(body))


@pytest.mark.rfc(8620, "3.6.1")
@settings(max_examples=60, **RELAXED)
@given(value=JUNK | st.fixed_dictionaries({"using": JUNK, "methodCalls": JUNK}), data=st.binary(max_size=40))
def test_whatever_is_posted_is_answered_or_refused(target: Target, value: Any, data: bytes) -> None:
    with undone():
        target.request(value)
        target.post(data)


@pytest.mark.scale
@pytest.mark.rfc(8620, "3.6.2")
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=1_500, **RELAXED)
@given(data=st.data())
def test_no_arguments_make_a_method_fail_however_many_are_tried(target: Target, name: str, data: st.DataObject) -> None:
    call_one(target, data.draw(calls(name)))


@pytest.mark.scale
@pytest.mark.rfc(8620, "3.6")
@settings(max_examples=3_000, **RELAXED)
@given(request=REQUESTS)
def test_many_requests_of_many_calls_are_answered(target: Target, request: dict[str, Any]) -> None:
    with undone():
        target.request(request)
