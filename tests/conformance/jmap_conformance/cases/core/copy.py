"""/copy (RFC 8620 §5.4)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.runner import mail_accounts
from jmap_conformance.toolkit import Toolkit

case = topic("core/copy", 8620, MAIL)

SHARED = ("shared-account",)


def two(t: Toolkit) -> tuple[str, str, str]:
    """The own account, a shared one, and a mailbox in the latter that may be written to."""
    own, shared = mail_accounts(t.world)[:2]
    boxes = t.call("Mailbox/get", accountId=shared, ids=None)["list"]
    able = [each["id"] for each in boxes if each["myRights"]["mayAddItems"]]
    if not able:
        raise NotApplicable("the shared account may not be written to")
    return own, shared, able[0]


def copied(t: Toolkit, email: str, **arguments: object) -> list[list[object]]:
    """The responses to a copy of an email into the shared account; the copy is removed afterwards."""
    own, shared, box = two(t)
    create = {"k": {"id": email, "mailboxIds": {box: True}, **arguments.pop("with_", {})}}  # type: ignore[dict-item]
    responses = t.calls(("Email/copy", {"fromAccountId": own, "accountId": shared, "create": create, **arguments}))
    made = (responses[0][1].get("created") or {}).get("k")
    if made:
        t.afterwards(lambda: t.call("Email/set", accountId=shared, destroy=[made["id"]]))
    return responses


@case("5.4", "must", needs=SHARED)
def a_copy_is_a_record_of_its_own(t: Toolkit) -> None:
    """The only way to move Foo records *between* two different accounts is to copy them using the "Foo/copy" method

    Mail cannot be filed in a shared account.
    """
    email = t.email(keywords={"$seen": True})
    answer = copied(t, email)[0][1]
    check.has(answer.get("created") or {}, ["k"], f"created in {check.show(answer)}")
    made = answer["created"]["k"]

    check.is_id(made.get("id"), "id")
    check.same(answer["fromAccountId"], t.account, "fromAccountId")
    check.same(t.call("Email/get", ids=[email])["notFound"], [], "the original")


@case("5.4", "must")
def an_account_does_not_copy_to_itself(t: Toolkit) -> None:
    """This MUST be different to the "fromAccountId".

    Clients make duplicates where they meant to move.
    """
    create = {"k": {"id": t.email(), "mailboxIds": {t.mailbox(): True}}}
    t.error("Email/copy", "invalidArguments", fromAccountId=t.account, accountId=t.account, create=create)


@case("5.4", "must", needs=SHARED)
def a_copy_needs_the_id_of_the_original(t: Toolkit) -> None:
    """The Foo object MUST contain an "id" property, which is the id (in the fromAccount) of the record to be copied.

    Something is copied that nobody named.
    """
    own, shared, box = two(t)
    create = {"a": {"mailboxIds": {box: True}}, "b": {"id": "no-such", "mailboxIds": {box: True}}}
    name, answer, _ = t.calls(("Email/copy", {"fromAccountId": own, "accountId": shared, "create": create}))[0]
    if name == "error":
        check.same(answer["type"], "invalidArguments", "the type of the error")
    else:
        check.set_error(answer, "notCreated", "a", "invalidProperties", "notFound")
        check.set_error(answer, "notCreated", "b", "notFound")


@case("5.4", "must", needs=SHARED)
def the_original_goes_by_a_set_that_follows(t: Toolkit) -> None:
    """after emitting the "Foo/copy" response, but before processing the next method, the server MUST make a single call
    to "Foo/set" to destroy the original of each successfully copied record; the output of this is added to the
    responses as normal, to be returned to the client.

    A move between accounts leaves the original, or loses both.
    """
    email = t.email()
    responses = copied(t, email, onSuccessDestroyOriginal=True)

    check.same([each[0] for each in responses], ["Email/copy", "Email/set"], "names")
    check.same([each[2] for each in responses], ["c0", "c0"], "call ids")
    check.same(responses[1][1].get("destroyed"), [email], "destroyed")  # type: ignore[attr-defined]
    check.same(t.call("Email/get", ids=[email])["notFound"], [email], "notFound")


@case("5.4", "must", needs=SHARED)
def a_copy_that_exists_already_names_it(t: Toolkit) -> None:
    """An "existingId" property of type "Id" MUST be included on the SetError object with the id of the existing record.

    Clients cannot show the record that is there.
    """
    email = t.email()
    copied(t, email)
    answer = copied(t, email)[0][1]
    assert isinstance(answer, dict)
    check.applies(not answer.get("created"), "the server allows duplicates")

    error = check.set_error(answer, "notCreated", "k", "alreadyExists")
    check.is_id(error.get("existingId"), "existingId")


@case("5.4", "must")
def an_unknown_account_to_copy_from_is_told(t: Toolkit) -> None:
    """ "fromAccountNotFound": The "fromAccountId" does not correspond to a valid account.

    Clients cannot tell which account is wrong.
    """
    t.error("Email/copy", "fromAccountNotFound", fromAccountId="no-such", create={})


@case("5.4", "must", needs=SHARED)
def states_guard_a_copy(t: Toolkit) -> None:
    """If supplied, the string must match the current state of the account referenced by the fromAccountId when reading
    the data to be copied; otherwise, the method will be aborted and a "stateMismatch" error returned.

    Clients copy what they have not seen.
    """
    own, shared, box = two(t)
    arguments = {
        "fromAccountId": own,
        "accountId": shared,
        "create": {"k": {"id": t.email(), "mailboxIds": {box: True}}},
    }
    t.error("Email/copy", "stateMismatch", ifFromInState="no-such-state", **arguments)
    t.error("Email/copy", "stateMismatch", ifInState="no-such-state", **arguments)
