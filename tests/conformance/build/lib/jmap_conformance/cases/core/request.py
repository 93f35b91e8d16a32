"""Making an API request: the envelope around method calls (RFC 8620 §1.5, §1.8, §3)."""

import json

from jmap_conformance import check
from jmap_conformance.case import CORE, MAIL, topic
from jmap_conformance.client import Exchange
from jmap_conformance.toolkit import Toolkit

case = topic("core/request", 8620)

ERRORS = "urn:ietf:params:jmap:error:"
ECHO = ["Core/echo", {"hello": True}, "0"]


def problem(exchange: Exchange, kind: str) -> dict[str, object]:
    """The problem details of a request that has to be refused as a whole."""
    check.that(400 <= exchange.status < 500, f"the status should be an error of the client, it is {exchange.status}")
    details = exchange.json
    check.has(details, ["type"], "the problem details")
    check.same(details["type"], ERRORS + kind, "the type of the problem")
    return dict(details)


@case("3.1", "must")
def response_is_json_of_the_right_type(t: Toolkit) -> None:
    """If successful, the response MUST also be of type "application/json" and consist of a single "Response"
    object, as defined in Section 3.4.

    Clients refuse the response.
    """
    exchange = t.jmap.request([ECHO])

    check.same(exchange.status, 200, "status")
    check.same(exchange.media_type, "application/json", "media type")
    check.has(exchange.json, ["methodResponses", "sessionState"], "the Response object")


@case("3.1", "must")
def body_of_another_media_type_is_refused(t: Toolkit) -> None:
    """The request MUST be of type "application/json" and consist of a single JSON-encoded "Request" object, as
    defined in Section 3.3.

    A page of another site may send requests that a browser does not ask about.
    """
    body = json.dumps({"using": [CORE], "methodCalls": [ECHO]}).encode()
    exchange = t.jmap.post(body, {"Content-Type": "text/plain"})

    check.that(exchange.status != 200, "a request of type text/plain was processed")


@case("3.6.1", "must")
def wrong_media_type_is_not_json(t: Toolkit) -> None:
    """The content type of the request was not "application/json" or the request did not parse as I-JSON.

    Clients cannot tell what was wrong with their request.
    """
    body = json.dumps({"using": [CORE], "methodCalls": [ECHO]}).encode()

    problem(t.jmap.post(body, {"Content-Type": "application/x-www-form-urlencoded"}), "notJSON")


@case("3.6.1", "must")
def broken_json_is_not_json(t: Toolkit) -> None:
    """The content type of the request was not "application/json" or the request did not parse as I-JSON.

    Clients cannot tell what was wrong with their request.
    """
    for body in (b"", b"{", b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[]', b"nonsense", b"{'using': []}"):
        problem(t.jmap.post(body), "notJSON")


@case("1.5", "must")
def duplicate_members_are_not_i_json(t: Toolkit) -> None:
    """it mandates that an object MUST NOT have two members with the same name

    Two readers of one request understand two different things.
    """
    body = b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":1,"a":2},"0"]]}'

    problem(t.jmap.post(body), "notJSON")


@case("1.5", "must")
def octets_that_are_no_utf8_are_not_i_json(t: Toolkit) -> None:
    """All data sent from the client to the server or from the server to the client (except binary file
    upload/download) MUST be valid I-JSON according to the RFC and is therefore case sensitive and encoded in UTF-8
    [RFC3629].

    What a client wrote in another encoding is kept as rubbish.
    """
    body = b'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":"caf\xe9"},"0"]]}'

    problem(t.jmap.post(body), "notJSON")


@case("1.5", "must")
def lone_surrogates_are_not_i_json(t: Toolkit) -> None:
    """All data sent from the client to the server or from the server to the client (except binary file
    upload/download) MUST be valid I-JSON

    A text that no UTF-8 can hold is stored, and breaks the answers to other clients.
    """
    body = rb'{"using":["urn:ietf:params:jmap:core"],"methodCalls":[["Core/echo",{"a":"\ud800"},"0"]]}'

    problem(t.jmap.post(body), "notJSON")


@case("1.5", "must")
def names_are_case_sensitive(t: Toolkit) -> None:
    """MUST be valid I-JSON according to the RFC and is therefore case sensitive

    Clients come to rely on names that other servers do not know.
    """
    name, answer, _ = t.calls(("core/echo", {}))[0]

    check.same([name, answer.get("type")], ["error", "unknownMethod"], "the response to core/echo")


@case("3.6.1", "must")
def json_that_is_no_request_is_not_a_request(t: Toolkit) -> None:
    """The request parsed as JSON but did not match the type signature of the Request object.

    Clients cannot tell what was wrong with their request.
    """
    bodies = (
        [],
        "text",
        {},
        {"using": [CORE]},
        {"methodCalls": [ECHO]},
        {"using": CORE, "methodCalls": [ECHO]},
        {"using": [CORE], "methodCalls": {}},
        {"using": [CORE], "methodCalls": [["Core/echo", {}]]},
        {"using": [CORE], "methodCalls": [["Core/echo", [], "0"]]},
        {"using": [CORE], "methodCalls": [["Core/echo", {}, 0]]},
        {"using": [1], "methodCalls": [ECHO]},
    )
    for body in bodies:
        problem(t.jmap.post(json.dumps(body).encode()), "notRequest")


@case("3.6.1", "must")
def unknown_capability_refuses_the_request(t: Toolkit) -> None:
    """The client included a capability in the "using" property of the request that the server does not support.

    A client relies on an extension that is not there.
    """
    problem(t.jmap.request([ECHO], [CORE, "https://example.com/apis/no-such-thing"]), "unknownCapability")


@case("3.6.1", "should")
def problems_are_problem_details(t: Toolkit) -> None:
    """When an HTTP error response is returned to the client, the server SHOULD return a JSON "problem details"
    object as the response body, as per [RFC7807].

    Clients cannot show a reason.
    """
    exchange = t.jmap.post(b"{")

    check.one_of(exchange.media_type, ("application/problem+json", "application/json"), "media type")
    check.is_string(exchange.json.get("type"), "type")
    if "status" in exchange.json:
        check.same(exchange.json["status"], exchange.status, "the status in the problem details")


@case("1.8", "must")
def methods_need_their_capability(t: Toolkit) -> None:
    """The server MUST only follow the specifications that are opted into and behave as though it does not implement
    anything else when processing a request.

    Clients come to rely on what other servers will refuse.
    """
    check.applies(t.jmap.has(MAIL), "the server has no method outside core")
    name, answer, _ = t.calls(("Mailbox/get", {"ids": []}), using=[CORE])[0]

    check.same([name, answer.get("type")], ["error", "unknownMethod"], "Mailbox/get without its capability")


@case("3.3", "may")
def capabilities_that_are_not_used_do_no_harm(t: Toolkit) -> None:
    """The client MAY include capability identifiers even if the method calls it makes do not utilise those
    capabilities.

    Clients cannot keep one list for all their requests.
    """
    responses = t.calls(("Core/echo", {"a": 1}), using=list(t.session["capabilities"]))

    check.same(responses, [["Core/echo", {"a": 1}, "c0"]], "methodResponses")


@case("3.3", "must")
def calls_are_processed_in_order(t: Toolkit) -> None:
    """The method calls MUST be processed sequentially, in order.

    A read does not see the write before it.
    """
    calls = [("Core/echo", {"number": number}, f"call{number}") for number in range(12)]

    check.same(t.calls(*calls), [list(each) for each in calls], "methodResponses")


@case("3.10", "must", also=(MAIL,))
def a_call_sees_the_calls_before_it(t: Toolkit) -> None:
    """Method calls within a single request MUST be executed in order.

    A client that writes and reads in one request shows old data.
    """
    box = t.mailbox(sortOrder=1)
    update = ("Mailbox/set", {"update": {box: {"sortOrder": 7}}})
    read = ("Mailbox/get", {"ids": [box], "properties": ["sortOrder"]})
    first, _, third, _ = t.calls(read, update, read, ("Core/echo", {}))

    check.same(first[1]["list"][0]["sortOrder"], 1, "before")
    check.same(third[1]["list"][0]["sortOrder"], 7, "after")


@case("3.3", "must")
def unknown_properties_of_a_request_are_ignored(t: Toolkit) -> None:
    """To ensure forwards compatibility, a server MUST ignore any other properties it does not understand on the
    JMAP Request object.

    Clients of a later version cannot talk to the server.
    """
    exchange = t.jmap.request([ECHO], **{"https://example.com/future": {"a": [1]}, "zz": None})

    check.same(exchange.status, 200, "status")
    check.same(exchange.json["methodResponses"], [ECHO], "methodResponses")


@case("3.3", "may")
def requests_may_have_further_properties(t: Toolkit) -> None:
    """Future specifications MAY add further properties to the Request object to extend the semantics.

    Clients of a later version cannot talk to the server.
    """
    exchange = t.jmap.request([ECHO], sinceSomething="x")

    check.same(exchange.status, 200, "status")


@case("3.4", "must")
def responses_stand_in_the_order_of_calls(t: Toolkit) -> None:
    """The output of the methods MUST be added to the "methodResponses" array in the same order that the methods are
    processed.

    Clients take one answer for another.
    """
    responses = t.calls(("Core/echo", {"a": 1}, "x"), ("No/such", {}, "y"), ("Core/echo", {"a": 2}, "x"))

    check.same([each[2] for each in responses], ["x", "y", "x"], "call ids")
    check.same([each[0] for each in responses], ["Core/echo", "error", "Core/echo"], "names")


@case("3.2", "must")
def call_ids_come_back_as_they_were(t: Toolkit) -> None:
    """an arbitrary string from the client to be echoed back with the responses emitted by that method call

    Clients cannot match answers to calls.
    """
    ids = ["", " ", "日本", 'a"b\\c', "#x", "/0", "x" * 300]

    check.same([each[2] for each in t.calls(*(("Core/echo", {}, each) for each in ids))], ids, "call ids")


@case("3.4", "must", also=(MAIL,))
def created_ids_come_back_with_new_ones(t: Toolkit) -> None:
    """This MUST include all creation ids passed in the original createdIds parameter of the Request object, as well
    as any additional ones added for newly created records.

    A proxy cannot resolve creation references across requests.
    """
    box = t.mailbox()
    call = [
        "Mailbox/set",
        {"accountId": t.account, "create": {"new": {"name": f"child of {box}", "parentId": "#old"}}},
        "0",
    ]
    exchange = t.jmap.request([call], createdIds={"old": box})
    check.same(exchange.status, 200, "status")
    created = exchange.json.get("createdIds")

    check.that(isinstance(created, dict), "the response has no createdIds")
    check.same(created.get("old"), box, "the creation id that was passed in")
    check.same(
        created.get("new"), exchange.json["methodResponses"][0][1]["created"]["new"]["id"], "the new creation id"
    )


@case("3.4", "must")
def created_ids_come_only_when_asked_for(t: Toolkit) -> None:
    """createdIds: "Id[Id]" (optional; only returned if given in the request)

    Clients that check the type of a response refuse it.
    """
    check.that("createdIds" not in t.jmap.request([ECHO]).json, "createdIds were returned without having been given")
    given = t.jmap.request([ECHO], createdIds={}).json

    check.same(given.get("createdIds"), {}, "createdIds")


@case("3.5", "must", also=(MAIL,))
def omitted_arguments_have_their_default(t: Toolkit) -> None:
    """If omitted by the client, the server MUST treat the method call the same as if the default value had been
    specified.

    Clients that leave defaults out get other answers.
    """
    box = t.mailbox()
    t.emails(box, t.message("one"), t.message("two"))
    short = {"filter": {"inMailbox": box}}
    long = {**short, "sort": None, "position": 0, "anchor": None, "anchorOffset": 0, "limit": None}
    long.update(calculateTotal=False, collapseThreads=False)
    (_, left, _), (_, right, _) = t.calls(("Email/query", short), ("Email/query", long))

    for name in ("ids", "position", "total"):
        check.same(left.get(name), right.get(name), name)


@case("3.5", "may", also=(MAIL,))
def omitted_results_have_their_default(t: Toolkit) -> None:
    """Similarly, the server MAY omit any argument in a response that has the default value.

    Clients take what was left out for something else.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/set", update={box: {"sortOrder": 3}})

    for name in ("created", "destroyed", "notCreated", "notUpdated", "notDestroyed"):
        check.that(
            not answer.get(name), f"{name} is {check.show(answer.get(name))} though nothing of the kind happened"
        )


@case("4", "must")
def echo_returns_its_arguments(t: Toolkit) -> None:
    """The "Core/echo" method returns exactly the same arguments as it is given.

    Clients cannot check the connection.
    """
    arguments = {"hello": True, "deep": [{"n": None}, [], {}, 1.5, -3, 2**53 - 1, "\u0000\u2028é😀"], "": ""}
    name, answer, call_id = t.calls(("Core/echo", arguments, "id"))[0]

    check.same([name, answer, call_id], ["Core/echo", arguments, "id"], "the response")
