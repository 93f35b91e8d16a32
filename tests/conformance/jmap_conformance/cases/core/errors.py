"""Errors of methods (RFC 8620 §3.6.2, §3.9)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/errors", 8620)


@case("3.6.2", "must")
def unknown_method_is_told(t: Toolkit) -> None:
    """ "unknownMethod": The server does not recognise this method name.

    Clients cannot tell a missing feature from a failure.
    """
    for name in ("No/such", "Mailbox/frobnicate", "Mailbox", ""):
        t.error(name, "unknownMethod")


@case("3.6.2", "must")
def calls_after_an_error_are_processed(t: Toolkit) -> None:
    """Any further method calls in the request MUST then be processed as normal.

    One mistake takes the whole request with it.
    """
    responses = t.calls(("No/such", {}), ("Core/echo", {"a": 1}))

    check.same(responses[1], ["Core/echo", {"a": 1}, "c1"], "the second response")


@case("3.6.2", "must")
def error_stands_in_the_place_of_its_response(t: Toolkit) -> None:
    """If a method encounters an error, the appropriate "error" response MUST be inserted at the current point in
    the "methodResponses" array and, unless otherwise specified, further processing MUST NOT happen within that
    method call.

    Clients take the error for that of another call.
    """
    responses = t.calls(("Core/echo", {}), ("No/such", {}, "bad"), ("Core/echo", {}))

    check.same([each[0] for each in responses], ["Core/echo", "error", "Core/echo"], "names")
    check.same(responses[1][2], "bad", "the call id of the error")


@case("3.6.2", "must")
def method_errors_are_no_http_errors(t: Toolkit) -> None:
    """Errors at the method level MUST NOT generate an HTTP-level error.

    Clients lose the answers to all other calls.
    """
    exchange = t.jmap.request([["No/such", {}, "0"], ["Core/echo", {}, "1"]])

    check.same(exchange.status, 200, "status")


@case("3.6.2", "must")
def errors_have_a_type(t: Toolkit) -> None:
    """The response name is "error", and it MUST have a type property.

    Clients cannot tell what went wrong.
    """
    check.is_string(t.error("No/such").get("type"), "type")


@case("3.6.2", "may")
def descriptions_are_text(t: Toolkit) -> None:
    """A "description" property MAY be present to help debug with an explanation of what the problem was.

    Clients that show it break.
    """
    description = t.error("No/such").get("description")
    check.applies(description is not None, "errors have no description")

    check.is_string(description, "description")


@case("3.6.2", "may")
def further_error_types_are_strings(t: Toolkit) -> None:
    """Further general errors MAY be defined in future RFCs.

    Clients cannot fall back on the treatment of serverFail.
    """
    check.is_string(t.error("No/such").get("type"), "type")


@case("3.6.2", "must", also=(MAIL,), alone=True)
def a_call_that_fails_changes_nothing(t: Toolkit) -> None:
    """With the exception of when the "serverPartialFail" error is returned, the externally visible state of the
    server MUST NOT have changed if an error is returned at the method level.

    A client that tries again does it twice.
    """
    before, name = t.state("Mailbox"), unique()
    t.error("Mailbox/set", create={"a": {"name": name}}, ifInState=f"{before}-not")
    t.error("Mailbox/set", create={"a": {"name": name}}, update="nonsense")

    check.same(t.state("Mailbox"), before, "the state of Mailbox")


@case("3.9", "must", also=(MAIL,))
def wrong_types_are_invalid_arguments(t: Toolkit) -> None:
    """In case of invalid arguments (unknown/insufficient/wrong type for data, etc.), the method MUST return an
    "invalidArguments" error and terminate.

    Mistakes of clients have consequences that nobody meant.
    """
    t.error("Mailbox/get", "invalidArguments", ids="all")
    t.error("Mailbox/get", "invalidArguments", ids=[1])
    t.error("Mailbox/get", "invalidArguments", ids=[], properties="name")
    t.error("Mailbox/get", "invalidArguments", accountId=7, ids=[])
    t.error("Mailbox/set", "invalidArguments", create=[])
    t.error("Mailbox/set", "invalidArguments", destroy={})
    t.error("Mailbox/changes", "invalidArguments", sinceState=1)
    t.error("Email/query", "invalidArguments", position="0")
    t.error("Email/query", "invalidArguments", limit=1.5)
    t.error("Email/query", "invalidArguments", calculateTotal=1)


@case("3.9", "must", also=(MAIL,))
def unknown_arguments_are_invalid(t: Toolkit) -> None:
    """In case of invalid arguments (unknown/insufficient/wrong type for data, etc.), the method MUST return an
    "invalidArguments" error and terminate.

    A misspelt argument is taken for one that was left out.
    """
    t.error("Mailbox/get", "invalidArguments", ids=[], nonsense=True)


@case("3.9", "must", also=(MAIL,))
def missing_arguments_are_invalid(t: Toolkit) -> None:
    """In case of invalid arguments (unknown/insufficient/wrong type for data, etc.), the method MUST return an
    "invalidArguments" error and terminate.

    The server guesses what was meant.
    """
    for call in (["Mailbox/changes", {"accountId": t.account}, "0"], ["Mailbox/get", {"ids": []}, "0"]):
        name, answer, _ = t.jmap.request([call]).json["methodResponses"][0]
        check.same([name, answer.get("type")], ["error", "invalidArguments"], f"the response to {call[0]}")


@case("3.6.2", "must", also=(MAIL,))
def unknown_account_is_told(t: Toolkit) -> None:
    """ "accountNotFound": The accountId does not correspond to a valid account.

    Clients cannot tell a lost account from a failure.
    """
    for method in ("Mailbox/get", "Email/get", "Thread/get"):
        t.error(method, "accountNotFound", accountId="no-such-account", ids=[])
    t.error("Email/query", "accountNotFound", accountId="no-such-account")
    t.error("Mailbox/set", "accountNotFound", accountId="no-such-account")
    t.error("Mailbox/changes", "accountNotFound", accountId="no-such-account", sinceState="0")
