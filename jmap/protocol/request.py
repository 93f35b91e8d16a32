"""The Request object: from octets to method calls, or one reason why not (RFC 8620 §3.2, §3.3, §3.6.1).

Rules kept here:
- size first, then I-JSON, then the type signature, then capabilities and the number of calls;
- members of the Request that are not known are ignored, as RFC 8620 §3.3 asks.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import NamedTuple

from jmap.protocol import ijson
from jmap.protocol.errors import RequestError
from jmap.protocol.ports import Json, Limits
from jmap.protocol.primitives import Invalid, check_id


class Invocation(NamedTuple):
    """One method call or response (RFC 8620 §3.2)."""

    name: str
    arguments: dict[str, Json]
    call_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """A Request object that holds to its type signature (RFC 8620 §3.3); ``created_ids`` None: not given."""

    using: frozenset[str]
    calls: list[Invocation]
    created_ids: dict[str, str] | None


def limit_error(limit: str, detail: str, status: int = 400) -> RequestError:
    """The request breaks a limit of the core capability, named as the Session object does (RFC 8620 §3.6.1)."""
    return RequestError("limit", detail, status, limit=limit)


def parse_request(data: bytes, limits: Limits, capabilities: Container[str]) -> Request:
    """The Request in a body. Raises RequestError notJSON, notRequest, unknownCapability or limit (RFC 8620 §3.6.1)."""
    if len(data) > limits.max_size_request:
        raise limit_error("maxSizeRequest", f"The request is larger than {limits.max_size_request} octets.")
    try:
        value = ijson.parse(data)
    except ijson.NotIJson as error:
        raise RequestError("notJSON", f"The request did not parse as I-JSON: {error}.") from None
    return build_request(value, limits, capabilities)


def build_request(value: Json, limits: Limits, capabilities: Container[str]) -> Request:
    """The Request in a JSON value. Raises RequestError notRequest, unknownCapability or limit (RFC 8620 §3.6.1)."""
    if not isinstance(value, dict):
        raise _not_request("it must be an object")
    using, calls = value.get("using"), value.get("methodCalls")
    if not isinstance(using, list) or not all(isinstance(uri, str) for uri in using):
        raise _not_request("using must be an array of strings")
    if not isinstance(calls, list):
        raise _not_request("methodCalls must be an array")
    invocations = [_invocation(call, index) for index, call in enumerate(calls)]
    created_ids = _created_ids(value.get("createdIds"))
    for uri in using:
        if uri not in capabilities:
            raise RequestError(
                "unknownCapability",
                f"The Request object used capability {uri!r}, which is not supported by this server.",
            )
    if len(calls) > limits.max_calls_in_request:
        raise limit_error("maxCallsInRequest", f"A request holds at most {limits.max_calls_in_request} method calls.")
    return Request(frozenset(using), invocations, created_ids)


def _invocation(call: Json, index: int) -> Invocation:
    if not isinstance(call, list) or len(call) != 3:
        raise _not_request(f"methodCalls/{index} must be an array of three elements")
    name, arguments, call_id = call
    if not isinstance(name, str) or not isinstance(arguments, dict) or not isinstance(call_id, str):
        raise _not_request(f"methodCalls/{index} must hold a string, an object and a string")
    return Invocation(name, arguments, call_id)


def _created_ids(value: Json) -> dict[str, str] | None:
    """The createdIds member; null counts as not given, since it says the same."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise _not_request("createdIds must be an object")
    try:
        return {check_id(creation_id): check_id(record_id) for creation_id, record_id in value.items()}
    except Invalid as error:
        raise _not_request(f"a key or value of createdIds {error}") from None


def _not_request(detail: str) -> RequestError:
    return RequestError("notRequest", f"The request is JSON, but no Request object: {detail}.")
