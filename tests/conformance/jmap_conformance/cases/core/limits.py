"""Limits at exactly n and n+1 (RFC 8620 §2, §3.6.1, §5)."""

import json
import threading

from jmap_conformance import check
from jmap_conformance.case import CORE, MAIL, topic
from jmap_conformance.client import Exchange
from jmap_conformance.outcome import NotRun
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/limits", 8620, alone=True)

MOST_OCTETS = 64_000_000
"""What the suite is willing to send at once."""

LIMIT = "urn:ietf:params:jmap:error:limit"


def limited(exchange: Exchange, name: str) -> None:
    """A request that a limit refuses."""
    check.that(400 <= exchange.status < 500, f"the status should be an error of the client, it is {exchange.status}")
    details = exchange.json
    check.same([details.get("type"), details.get("limit")], [LIMIT, name], "type and limit of the problem")


def sized(octets: int) -> bytes:
    """A request of exactly so many octets."""
    frame = json.dumps({"using": [CORE], "methodCalls": [["Core/echo", {"x": ""}, "0"]]}).encode()
    return frame.replace(b'"x": ""', b'"x": "' + b"a" * (octets - len(frame)) + b'"')


@case("3.6.1", "must")
def as_many_calls_as_the_limit_are_processed(t: Toolkit) -> None:
    """The maximum number of method calls the server will accept in a single request to the API endpoint.

    Clients that keep to the limit are refused.
    """
    _section(t)
    most = t.jmap.limit("maxCallsInRequest")
    exchange = t.jmap.request([["Core/echo", {}, str(n)] for n in range(most)])

    check.same(exchange.status, 200, "status")
    check.same(len(exchange.json["methodResponses"]), most, "the number of responses")


def _section(t: Toolkit) -> None:
    check.is_unsigned(t.session["capabilities"][CORE]["maxCallsInRequest"], "maxCallsInRequest", 1)


@case("3.6.1", "must")
def one_call_too_many_is_refused_by_name(t: Toolkit) -> None:
    """A "limit" property MUST also be present on the "problem details" object, containing the name of the limit being
    applied.

    Clients cannot tell what to do less of.
    """
    most = t.jmap.limit("maxCallsInRequest")

    limited(t.jmap.request([["Core/echo", {}, str(n)] for n in range(most + 1)]), "maxCallsInRequest")


@case("3.6.1", "must")
def a_request_as_large_as_the_limit_is_processed(t: Toolkit) -> None:
    """The request was not processed as it would have exceeded one of the request limits defined on the capability
    object, such as maxSizeRequest, maxCallsInRequest, or maxConcurrentRequests.

    Clients that keep to the limit are refused.
    """
    exchange = t.jmap.post(sized(_request_size(t)))

    check.same(exchange.status, 200, "status")


@case("3.6.1", "must")
def a_request_one_octet_too_large_is_refused_by_name(t: Toolkit) -> None:
    """A "limit" property MUST also be present on the "problem details" object, containing the name of the limit being
    applied.

    Clients cannot tell what to do less of.
    """
    limited(t.jmap.post(sized(_request_size(t) + 1)), "maxSizeRequest")


def _request_size(t: Toolkit) -> int:
    most = t.jmap.limit("maxSizeRequest")
    if most > MOST_OCTETS:
        raise NotRun(f"maxSizeRequest is {most} octets, more than the suite sends")
    return most


@case("5.1", "must", also=(MAIL,))
def as_many_objects_as_the_limit_are_fetched(t: Toolkit) -> None:
    """ "requestTooLarge": The number of ids requested by the client exceeds the maximum number the server is willing to
    process in a single method call.

    Clients that keep to the limit are refused.
    """
    most = t.jmap.limit("maxObjectsInGet")
    answer = t.call("Email/get", ids=[f"no-such-{n}" for n in range(most)], properties=["id"])

    check.same(len(answer["notFound"]), most, "the number of ids not found")


@case("5.1", "must", also=(MAIL,))
def one_object_too_many_is_not_fetched(t: Toolkit) -> None:
    """ "requestTooLarge": The number of ids requested by the client exceeds the maximum number the server is willing to
    process in a single method call.

    Clients cannot tell what to do less of.
    """
    most = t.jmap.limit("maxObjectsInGet")
    t.error("Email/get", "requestTooLarge", ids=[f"no-such-{n}" for n in range(most + 1)], properties=["id"])


@case("5.3", "must", also=(MAIL,))
def as_many_objects_as_the_limit_are_set(t: Toolkit) -> None:
    """ "requestTooLarge": The total number of objects to create, update, or destroy exceeds the maximum number the
    server is willing to process in a single method call.

    Clients that keep to the limit are refused.
    """
    most = t.jmap.limit("maxObjectsInSet")
    update = {f"no-such-{n}": {"keywords/a": True} for n in range(most // 2)}
    destroy = [f"nor-this-{n}" for n in range(most - len(update))]
    answer = t.call("Email/set", update=update, destroy=destroy)

    check.same(
        len(answer.get("notUpdated") or {}) + len(answer.get("notDestroyed") or {}),
        most,
        "the number of objects refused",
    )


@case("5.3", "must", also=(MAIL,))
def one_object_too_many_is_not_set(t: Toolkit) -> None:
    """ "requestTooLarge": The total number of objects to create, update, or destroy exceeds the maximum number the
    server is willing to process in a single method call.

    Clients cannot tell what to do less of.
    """
    most = t.jmap.limit("maxObjectsInSet")
    update = {f"no-such-{n}": {"keywords/a": True} for n in range(most // 2)}
    box = {"a": {"name": unique()}}
    t.error(
        "Email/set", "requestTooLarge", update=update, destroy=[f"nor-this-{n}" for n in range(most + 1 - len(update))]
    )
    destroy = [f"nor-this-{n}" for n in range(most)]
    t.error("Mailbox/set", "requestTooLarge", create=box, destroy=destroy)

    found = t.query("Mailbox", filter={"name": box["a"]["name"]})
    check.same(found, [], "mailboxes made by a call that was refused")


@case("6.1", "must")
def an_upload_as_large_as_the_limit_is_taken(t: Toolkit) -> None:
    """The maximum file size, in octets, that the server will accept for a single file upload (for any purpose).

    Attachments that keep to the limit are refused.
    """
    exchange = t.jmap.put(b"\0" * _upload_size(t))

    check.one_of(exchange.status, (200, 201), "status")


@case("6.1", "must")
def an_upload_one_octet_too_large_is_refused(t: Toolkit) -> None:
    """The maximum file size, in octets, that the server will accept for a single file upload (for any purpose).

    Clients do not learn that their file was cut.
    """
    exchange = t.jmap.put(b"\0" * (_upload_size(t) + 1))

    check.that(400 <= exchange.status < 500, f"the status should be an error of the client, it is {exchange.status}")


def _upload_size(t: Toolkit) -> int:
    most = t.jmap.limit("maxSizeUpload")
    if most > MOST_OCTETS:
        raise NotRun(f"maxSizeUpload is {most} octets, more than the suite sends")
    return most


@case("3.6.1", "must")
def as_many_requests_at_once_as_the_limit_are_processed(t: Toolkit) -> None:
    """The maximum number of concurrent requests the server will accept to the API endpoint.

    Clients that keep to the limit are refused.
    """
    most = t.jmap.limit("maxConcurrentRequests")
    if most > 32:
        raise NotRun(f"maxConcurrentRequests is {most}, more than the suite sends at once")
    statuses: list[int] = []
    gate = threading.Barrier(most)

    def send() -> None:
        twin = t.jmap.fork()
        gate.wait()
        statuses.append(twin.request([["Core/echo", {}, "0"]]).status)

    threads = [threading.Thread(target=send) for _ in range(most)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    check.same(statuses, [200] * most, "statuses")


@case("8.5", "must")
def deep_nesting_does_no_harm(t: Toolkit) -> None:
    """JMAP servers MUST implement sensible limits to mitigate against resource exhaustion attacks.

    One request stops the server for everybody.
    """
    for body in (b"[" * 100_000, b'{"a":' * 50_000, sized(1000).replace(b'"a', b"[" * 400 + b'"a')):
        exchange = t.jmap.post(body)
        check.that(400 <= exchange.status < 500, f"the status is {exchange.status}")

    check.same(t.jmap.request([["Core/echo", {}, "0"]]).status, 200, "the status of a request after them")


@case("8.5", "must", also=(MAIL,))
def wide_filters_do_no_harm(t: Toolkit) -> None:
    """JMAP servers MUST implement sensible limits to mitigate against resource exhaustion attacks.

    One query stops the server for everybody.
    """
    condition: dict[str, object] = {"inMailbox": t.mailbox()}
    for _ in range(200):
        condition = {"operator": "NOT", "conditions": [condition]}
    wide = {"operator": "OR", "conditions": [{"hasKeyword": f"k{n}"} for n in range(1000)]}
    for each in (condition, wide):
        exchange = t.jmap.request([["Email/query", {"accountId": t.account, "filter": each, "limit": 1}, "0"]])
        check.that(exchange.status < 500, f"the status is {exchange.status}")
        if exchange.status == 200:
            check.one_of(exchange.json["methodResponses"][0][0], ("Email/query", "error"), "the response")
