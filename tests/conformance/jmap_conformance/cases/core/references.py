"""References to results of earlier calls (RFC 8620 §3.7)."""

from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit

case = topic("core/references", 8620)


def reference(call: str, name: str, path: str) -> dict[str, str]:
    """A ResultReference."""
    return {"resultOf": call, "name": name, "path": path}


def echoed(t: Toolkit, value: Any, path: str) -> list[Any]:
    """The response to an echo of what a reference into another echo gives."""
    return t.calls(("Core/echo", {"v": value}, "a"), ("Core/echo", {"#r": reference("a", "Core/echo", path)}, "b"))[1]


@case("3.7", "must")
def arguments_with_a_hash_are_resolved(t: Toolkit) -> None:
    """When processing a method call, the server MUST first check the arguments object for any names beginning with "#".

    Clients need a round trip for each step.
    """
    name, answer, _ = echoed(t, [1, {"x": "y"}], "/v")

    check.same([name, answer], ["Core/echo", {"r": [1, {"x": "y"}]}], "the response")


@case("3.7", "must")
def pointers_walk_as_json_pointers_do(t: Toolkit) -> None:
    """A pointer into the arguments of the response selected via the name and resultOf properties. This is a JSON
    Pointer [RFC6901], except it also allows the use of "*" to map through an array

    References give something else than was pointed at.
    """
    value = {"a/b": 1, "m~n": 2, "~1": 3, "": 4, "l": [10, [20]], " ": 5}
    wanted = {"/v/a~1b": 1, "/v/m~0n": 2, "/v/~01": 3, "/v/": 4, "/v/l/1/0": 20, "/v/l/0": 10, "/v/ ": 5}
    for path, result in wanted.items():
        name, answer, _ = echoed(t, value, path)
        check.same([name, answer], ["Core/echo", {"r": result}], f"the response for {path}")


@case("3.7", "must")
def a_star_maps_and_flattens(t: Toolkit) -> None:
    """If the result of applying the rest of the pointer tokens to each item was itself an array, the contents of
    this array are added to the output rather than the array itself (i.e., the result is flattened from an array of
    arrays to a single array).

    Chains of calls over lists get the wrong ids.
    """
    wanted = (
        ([{"x": 1}, {"x": 2}], "/v/*/x", [1, 2]),
        ([{"x": [1, 2]}, {"x": [3]}], "/v/*/x", [1, 2, 3]),
        ([], "/v/*/x", []),
        ([{"x": [{"y": [1]}, {"y": 2}]}, {"x": []}], "/v/*/x/*/y", [1, 2]),
        ({"*": 7}, "/v/*", 7),
    )
    for value, path, result in wanted:
        name, answer, _ = echoed(t, value, path)
        check.same([name, answer], ["Core/echo", {"r": result}], f"the response for {path} in {check.show(value)}")


@case("3.7", "must")
def what_does_not_resolve_is_an_error(t: Toolkit) -> None:
    """If any result reference fails to resolve, the whole method MUST be rejected with an "invalidResultReference"
    error.

    A call is made with arguments that nobody meant.
    """
    base = ("Core/echo", {"list": [1, {"x": 2}]}, "a")
    broken: list[Any] = [
        reference("a", "Core/echo", path) for path in ("/nope", "/list/5", "/list/x", "/list/*/x", "/list/01", "list")
    ]
    broken += [reference("z", "Core/echo", "/list"), reference("a", "Mailbox/get", "/list")]
    for each in broken:
        name, answer, _ = t.calls(base, ("Core/echo", {"#r": each}, "b"))[1]
        check.same(
            [name, answer.get("type")], ["error", "invalidResultReference"], f"the response for {check.show(each)}"
        )


@case("3.7", "must")
def references_reach_back_only(t: Toolkit) -> None:
    """the method call id (see Section 3.2) of a previous method call in the current request.

    Servers that look ahead or at the call itself loop or answer at random.
    """
    calls = ("Core/echo", {"#r": reference("b", "Core/echo", "/v")}, "a"), ("Core/echo", {"v": 1}, "b")
    name, answer, _ = t.calls(*calls)[0]
    check.same([name, answer.get("type")], ["error", "invalidResultReference"], "the response to a reference ahead")
    name, answer, _ = t.calls(("Core/echo", {"v": 1, "#r": reference("a", "Core/echo", "/v")}, "a"))[0]
    check.same([name, answer.get("type")], ["error", "invalidResultReference"], "the response to a reference to itself")


@case("3.7", "must")
def the_first_response_with_the_call_id_is_meant(t: Toolkit) -> None:
    """Find the first response with a method call id identical to the "resultOf" property of the ResultReference

    Servers differ in which answer they take.
    """
    calls = (
        ("Core/echo", {"v": 1}, "a"),
        ("Core/echo", {"v": 2}, "a"),
        ("Core/echo", {"#r": reference("a", "Core/echo", "/v")}, "b"),
    )

    check.same(t.calls(*calls)[2][1], {"r": 1}, "the response")


@case("3.7", "must")
def an_argument_in_both_forms_is_invalid(t: Toolkit) -> None:
    """If an arguments object contains the same argument name in normal and referenced form (e.g., "foo" and
    "#foo"), the method MUST return an "invalidArguments" error.

    Servers differ in which of the two they take.
    """
    calls = ("Core/echo", {"v": 1}, "a"), ("Core/echo", {"r": 1, "#r": reference("a", "Core/echo", "/v")}, "b")
    name, answer, _ = t.calls(*calls)[1]

    check.same([name, answer.get("type")], ["error", "invalidArguments"], "the response")


@case("3.7", "must")
def a_reference_to_an_error_fails(t: Toolkit) -> None:
    """If the response name is not identical to the "name" property of the ResultReference, evaluation fails.

    A call is made with the properties of an error for arguments.
    """
    calls = ("No/such", {}, "a"), ("Core/echo", {"#r": reference("a", "No/such", "/type")}, "b")
    name, answer, _ = t.calls(*calls)[1]

    check.same([name, answer.get("type")], ["error", "invalidResultReference"], "the response")


@case("3.7", "must", also=(MAIL,))
def query_and_get_chain(t: Toolkit) -> None:
    """To allow clients to make more efficient use of the network and avoid round trips, an argument to one method
    can be taken from the result of a previous method call in the same request.

    Opening a folder takes four round trips instead of one.
    """
    box = t.mailbox()
    ids = t.emails(box, t.message("one"), t.message("two"))
    responses = t.calls(
        ("Email/query", {"filter": {"inMailbox": box}}, "q"),
        ("Email/get", {"#ids": reference("q", "Email/query", "/ids"), "properties": ["threadId"]}, "g"),
        ("Thread/get", {"#ids": reference("g", "Email/get", "/list/*/threadId")}, "t"),
        ("Email/get", {"#ids": reference("t", "Thread/get", "/list/*/emailIds"), "properties": ["subject"]}, "e"),
    )

    check.same([each[0] for each in responses], ["Email/query", "Email/get", "Thread/get", "Email/get"], "names")
    check.same_set([each["id"] for each in responses[3][1]["list"]], ids, "emails of the threads")


@case("3.7", "must", also=(MAIL,), alone=True)
def changes_and_get_chain(t: Toolkit) -> None:
    """an argument to one method can be taken from the result of a previous method call in the same request.

    Synchronising takes two round trips instead of one.
    """
    since = t.state("Mailbox")
    box = t.mailbox()
    changes = ("Mailbox/changes", {"sinceState": since}, "c")
    created = ("Mailbox/get", {"#ids": reference("c", "Mailbox/changes", "/created")}, "n")
    properties = reference("c", "Mailbox/changes", "/updatedProperties")
    updated = ("Mailbox/get", {"#ids": reference("c", "Mailbox/changes", "/updated"), "#properties": properties}, "u")
    responses = t.calls(changes, created, updated)

    check.same([each[0] for each in responses], ["Mailbox/changes", "Mailbox/get", "Mailbox/get"], "names")
    check.that(box in [each["id"] for each in responses[1][1]["list"]], "the new mailbox is not among those fetched")
