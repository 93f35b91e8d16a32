"""/get (RFC 8620 §5.1)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/get", 8620, MAIL)


@case("5.1", "must")
def unknown_ids_are_listed_in_not_found(t: Toolkit) -> None:
    """This array contains the ids passed to the method for records that do not exist.

    Clients keep records that are gone.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/get", ids=["no-such", box, "nor-this"])

    check.same([each["id"] for each in answer["list"]], [box], "list")
    check.same_set(answer["notFound"], ["no-such", "nor-this"], "notFound")


@case("5.1", "must")
def an_id_asked_for_twice_comes_once(t: Toolkit) -> None:
    """If an identical id is included more than once in the request, the server MUST only include it once in either
    the "list" or the "notFound" argument of the response.

    Clients show a record twice.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/get", ids=[box, "no-such", box, "no-such"])

    check.same([each["id"] for each in answer["list"]], [box], "list")
    check.same(answer["notFound"], ["no-such"], "notFound")


@case("5.1", "must")
def no_ids_give_no_records(t: Toolkit) -> None:
    """An array of the Foo objects requested. This is the *empty array* if no objects were found or if the "ids"
    argument passed in was also an empty array.

    Clients that only want the state load everything.
    """
    answer = t.call("Mailbox/get", ids=[])

    check.same([answer["list"], answer["notFound"]], [[], []], "list and notFound")


@case("5.1", "must")
def null_ids_give_all_records(t: Toolkit) -> None:
    """If null, then *all* records of the data type are returned, if this is supported for that data type and the
    number of records does not exceed the "maxObjectsInGet" limit.

    Clients do not see all mailboxes.
    """
    boxes = t.mailboxes({}, {}, {})
    answer = t.call("Mailbox/get", ids=None)
    found = [each["id"] for each in answer["list"]]

    check.that(set(boxes) <= set(found), "mailboxes are missing")
    check.that(len(found) == len(set(found)), "a mailbox comes twice")
    check.same(answer["notFound"], [], "notFound")


@case("5.1", "must")
def only_the_properties_asked_for_are_returned(t: Toolkit) -> None:
    """If supplied, only the properties listed in the array are returned for each Foo object.

    Lists are many times larger than they have to be.
    """
    answer = t.call("Mailbox/get", ids=[t.mailbox()], properties=["name", "role"])

    check.same_set(answer["list"][0], ["id", "name", "role"], "properties")


@case("5.1", "must")
def the_id_is_always_returned(t: Toolkit) -> None:
    """The id property of the object is *always* returned, even if not explicitly requested.

    Clients cannot tell which record they got.
    """
    answer = t.call("Mailbox/get", ids=[t.mailbox()], properties=[])

    check.same_set(answer["list"][0], ["id"], "properties")


@case("5.1", "must")
def null_properties_are_all(t: Toolkit) -> None:
    """If null, all properties of the object are returned.

    Clients lack what they need.
    """
    box = t.mailbox()
    left, right = t.calls(("Mailbox/get", {"ids": [box], "properties": None}), ("Mailbox/get", {"ids": [box]}))

    check.same(left[1]["list"], right[1]["list"], "list")
    check.has(
        left[1]["list"][0], ("id", "name", "parentId", "role", "sortOrder", "myRights", "isSubscribed"), "a mailbox"
    )


@case("5.1", "must")
def an_invalid_property_is_refused(t: Toolkit) -> None:
    """If an invalid property is requested, the call MUST be rejected with an "invalidArguments" error.

    Misspelt properties are taken for ones without value.
    """
    t.error("Mailbox/get", "invalidArguments", ids=[], properties=["name", "noSuchProperty"])
    t.error("Email/get", "invalidArguments", ids=[], properties=["Subject"])


@case("5.1", "must")
def the_response_names_its_account(t: Toolkit) -> None:
    """The id of the account used for the call.

    Clients of several accounts mix them up.
    """
    check.same(t.call("Mailbox/get", ids=[])["accountId"], t.account, "accountId")


@case("5.1", "must", alone=True)
def the_state_changes_with_the_data(t: Toolkit) -> None:
    """If the data changes, this string MUST change.

    Clients do not notice changes.
    """
    states = [t.state("Mailbox")]
    box = t.mailbox()
    states.append(t.state("Mailbox"))
    t.update("Mailbox", box, name=unique())
    states.append(t.state("Mailbox"))
    t.destroy("Mailbox", box)
    states.append(t.state("Mailbox"))

    check.that(len(set(states)) == 4, f"states repeat: {check.show(states)}")


@case("5.1", "should", alone=True)
def the_state_stays_while_the_data_does(t: Toolkit) -> None:
    """If the Foo data is unchanged, servers SHOULD return the same state string on subsequent requests for this
    data type.

    Clients synchronise without need.
    """
    for kind in ("Mailbox", "Email", "Thread"):
        check.same(t.state(kind), t.state(kind), f"the state of {kind}")


@case("5.1", "must", alone=True)
def the_state_is_that_of_the_whole_type(t: Toolkit) -> None:
    """A (preferably short) string representing the state on the server for *all* the data of this type in the
    account (not just the objects returned in this call).

    A client that fetched one record never learns of another.
    """
    one, two = t.mailboxes({}, {})
    before = t.call("Mailbox/get", ids=[one])["state"]
    t.update("Mailbox", two, sortOrder=9)

    check.that(t.call("Mailbox/get", ids=[one])["state"] != before, "the state did not change with another record")


@case("5.1", "may")
def records_may_come_in_another_order(t: Toolkit) -> None:
    """The results MAY be in a different order to the "ids" in the request arguments.

    Records are missing where the order differs.
    """
    boxes = t.mailboxes({}, {}, {}, {})
    answer = t.call("Mailbox/get", ids=list(reversed(boxes)))

    check.same_set([each["id"] for each in answer["list"]], boxes, "list")


@case("5.1", "must")
def not_found_is_told_for_ids_that_cannot_be(t: Toolkit) -> None:
    """This array contains the ids passed to the method for records that do not exist.

    Clients with an id of another server get an error for the whole call.
    """
    for strange in ("x" * 255, "-", "_", "0", "A" * 40):
        answer = t.call("Email/get", ids=[strange])
        check.same([answer["list"], answer["notFound"]], [[], [strange]], f"list and notFound for {strange!r}")


@case("1.2", "must")
def an_id_that_breaks_the_alphabet_finds_nothing(t: Toolkit) -> None:
    """it means a "String" of at least 1 and a maximum of 255 octets in size

    A malformed id breaks the server.
    """
    for strange in ("a b", "ü", "x" * 256, "' OR 1=1 --", "%", "../.."):
        name, answer, _ = t.calls(("Email/get", {"ids": [strange]}))[0]
        if name == "error":
            check.same(answer.get("type"), "invalidArguments", f"the error for {strange!r}")
        else:
            check.same([answer["list"], answer["notFound"]], [[], [strange]], f"list and notFound for {strange!r}")
