"""/changes (RFC 8620 §5.2)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/changes", 8620, MAIL, alone=True)

Changes = tuple[list[str], list[str], list[str]]


def steps(t: Toolkit, kind: str, since: str, most: int | None = None) -> list[Changes]:
    """All responses from a state to now, each as created, updated and destroyed."""
    found: list[Changes] = []
    more = True
    while more:
        bound = {"maxChanges": most} if most else {}
        answer = t.call(f"{kind}/changes", sinceState=since, **bound)
        found.append((answer["created"], answer["updated"], answer["destroyed"]))
        check.that(
            answer["newState"] != since or not answer["hasMoreChanges"], "newState is oldState though there is more"
        )
        since, more = answer["newState"], answer["hasMoreChanges"]
        check.that(len(found) < 500, "hasMoreChanges never ends")
    check.same(since, t.state(kind), "the state at the end of /changes")
    return found


@case("5.2", "must")
def changes_name_what_was_created_updated_and_destroyed(t: Toolkit) -> None:
    """An array of ids for records that have been created since the old state. ... An array of ids for records that
    have been updated since the old state. ... An array of ids for records that have been destroyed since the old
    state.

    Clients show old data.
    """
    updated, destroyed = t.mailboxes({}, {})
    since = t.state("Mailbox")
    created = t.mailbox()
    t.update("Mailbox", updated, name=unique())
    t.destroy("Mailbox", destroyed)
    answer = t.call("Mailbox/changes", sinceState=since)

    check.same(
        [answer["created"], answer["updated"], answer["destroyed"]], [[created], [updated], [destroyed]], "changes"
    )
    check.same([answer["oldState"], answer["hasMoreChanges"]], [since, False], "oldState and hasMoreChanges")
    check.same(answer["newState"], t.state("Mailbox"), "newState")


@case("5.2", "must")
def no_changes_are_no_ids(t: Toolkit) -> None:
    """This is the state the client will be in after applying the set of changes to the old state.

    Clients fetch without need.
    """
    since = t.state("Email")
    answer = t.call("Email/changes", sinceState=since)

    check.same([answer["created"], answer["updated"], answer["destroyed"]], [[], [], []], "changes")
    check.same([answer["oldState"], answer["newState"]], [since, since], "states")


@case("5.2", "must")
def max_changes_is_never_exceeded(t: Toolkit) -> None:
    """If a "maxChanges" is supplied, or set automatically by the server, the server MUST ensure the number of ids
    returned across "created", "updated", and "destroyed" does not exceed this limit.

    Small clients run out of room.
    """
    old = t.mailboxes({}, {})
    since = t.state("Mailbox")
    t.call(
        "Mailbox/set",
        create={"a": {"name": unique()}, "b": {"name": unique()}},
        update={old[0]: {"sortOrder": 4}},
        destroy=[old[1]],
    )
    for most in (1, 2, 3, 4, 5):
        for each in steps(t, "Mailbox", since, most):
            check.that(sum(map(len, each)) <= most, f"maxChanges {most}, but the response has {check.show(each)}")


@case("5.2", "may")
def fewer_than_max_changes_still_lead_to_the_end(t: Toolkit) -> None:
    """The server MAY choose to return fewer than this value but MUST NOT return more.

    Clients stop before they are up to date.
    """
    since = t.state("Mailbox")
    boxes = t.mailboxes({}, {}, {})
    created = [record for each in steps(t, "Mailbox", since, 100) for record in each[0]]

    check.same_set(created, boxes, "created")


@case("5.2", "must")
def max_changes_of_zero_or_less_is_refused(t: Toolkit) -> None:
    """If supplied by the client, the value MUST be a positive integer greater than 0. If a value outside of this
    range is given, the server MUST reject the call with an "invalidArguments" error.

    Clients loop for ever.
    """
    since = t.state("Mailbox")
    for most in (0, -1, 1.5, "1"):
        t.error("Mailbox/changes", "invalidArguments", sinceState=since, maxChanges=most)


@case("5.2", "should")
def created_and_updated_is_created(t: Toolkit) -> None:
    """If a record has been created AND updated since the old state, the server SHOULD just return the id in the
    "created" list but MAY return it in the "updated" list as well.

    Clients fetch twice.
    """
    since = t.state("Mailbox")
    box = t.mailbox()
    t.update("Mailbox", box, name=unique())
    answer = t.call("Mailbox/changes", sinceState=since)

    check.same([answer["created"], answer["updated"]], [[box], []], "created and updated")


@case("5.2", "should")
def updated_and_destroyed_is_destroyed(t: Toolkit) -> None:
    """If a record has been updated AND destroyed since the old state, the server SHOULD just return the id in the
    "destroyed" list but MAY return it in the "updated" list as well.

    Clients fetch what is gone.
    """
    box = t.mailbox()
    since = t.state("Mailbox")
    t.update("Mailbox", box, name=unique())
    t.destroy("Mailbox", box)
    answer = t.call("Mailbox/changes", sinceState=since)

    check.same([answer["updated"], answer["destroyed"]], [[], [box]], "updated and destroyed")


@case("5.2", "should")
def created_and_destroyed_is_nothing(t: Toolkit) -> None:
    """If a record has been created AND destroyed since the old state, the server SHOULD remove the id from the
    response entirely.

    Clients hear of records that they never knew.
    """
    since = t.state("Mailbox")
    t.destroy("Mailbox", t.mailbox())
    answer = t.call("Mailbox/changes", sinceState=since)

    check.same([answer["created"], answer["destroyed"]], [[], []], "created and destroyed")


@case("5.2", "may")
def created_and_destroyed_is_never_only_created(t: Toolkit) -> None:
    """However, it MAY include it in just the "destroyed" list or in both the "destroyed" and "created" lists.

    Clients fetch what is gone, and keep it.
    """
    since = t.state("Mailbox")
    box = t.mailbox()
    t.destroy("Mailbox", box)
    answer = t.call("Mailbox/changes", sinceState=since)

    check.that(box not in answer["created"] or box in answer["destroyed"], "created, but not destroyed")
    check.that(box not in answer["updated"], "updated, though it was created and destroyed")


@case("5.2", "should")
def many_changes_come_by_intermediate_states(t: Toolkit) -> None:
    """If there are more changes than this between the client's state and the current server state, the server
    SHOULD generate an update to take the client to an intermediate state, from which the client can continue to
    call "Foo/changes" until it is fully up to date.

    Clients have to fetch everything anew.
    """
    since = t.state("Mailbox")
    boxes = t.mailboxes({}, {}, {}, {})
    found = [record for each in steps(t, "Mailbox", since, 1) for record in each[0]]

    check.same_set(found, boxes, "created")


@case("5.2", "must")
def a_state_in_between_or_an_error_but_no_gap(t: Toolkit) -> None:
    """If it is unable to calculate an intermediate state, it MUST return a "cannotCalculateChanges" error response
    instead.

    Clients miss changes for ever.
    """
    since = t.state("Mailbox")
    boxes = t.mailboxes({}, {})
    name, answer, _ = t.calls(("Mailbox/changes", {"sinceState": since, "maxChanges": 1}))[0]

    if name == "error":
        check.same(answer.get("type"), "cannotCalculateChanges", "the type of the error")
    else:
        check.same(answer["hasMoreChanges"], True, "hasMoreChanges")
        check.that(set(answer["created"]) < set(boxes), f"created is {check.show(answer['created'])}")


@case("5.2", "must")
def the_order_over_intermediate_states_makes_sense(t: Toolkit) -> None:
    """Where multiple changes to a record are split across different intermediate states, the server MUST NOT return
    a record as created after a response that deems it as updated or destroyed, and it MUST NOT return a record as
    destroyed before a response that deems it as created or updated.

    Clients bring back what is gone.
    """
    first, second = t.mailboxes({}, {})
    since = t.state("Mailbox")
    third, fourth = t.mailboxes({}, {})
    for box in (third, first, second, third):
        t.update("Mailbox", box, name=unique())
    t.destroy("Mailbox", first)
    t.destroy("Mailbox", third)
    t.update("Mailbox", fourth, name=unique())
    seen_alive: set[str] = set()
    gone: set[str] = set()
    for created, updated, destroyed in steps(t, "Mailbox", since, 1):
        check.that(not set(created) & (seen_alive | gone), f"{check.show(created)} is created late")
        check.that(not set(updated) & gone, f"{check.show(updated)} is updated after its end")
        seen_alive.update(updated)
        gone.update(destroyed)
    check.that(first in gone, "the record that was destroyed was not told of")
    check.that(fourth not in gone and second not in gone, "a record that lives was told to be destroyed")


@case("5.2", "must")
def a_state_that_never_was_cannot_be_calculated_from(t: Toolkit) -> None:
    """ "cannotCalculateChanges": The server cannot calculate the changes from the state string given by the client

    Clients keep data that is wrong.
    """
    for kind in ("Mailbox", "Email", "Thread"):
        t.error(f"{kind}/changes", "cannotCalculateChanges", "invalidArguments", sinceState="no-such-state")


@case("5.2", "should")
def old_states_are_still_known(t: Toolkit) -> None:
    """To allow efficient sync, servers SHOULD be able to calculate changes from any state string that was given to
    a client within the last 30 days (but of course may support calculating updates from states older than this).

    Clients that were away for a while fetch everything anew.
    """
    since = t.state("Mailbox")
    boxes = [t.mailbox() for _ in range(30)]
    answer = [record for each in steps(t, "Mailbox", since) for record in each[0]]

    check.same_set(answer, boxes, "created")


@case("5.2", "must")
def every_state_told_by_set_can_be_continued_from(t: Toolkit) -> None:
    """The state string that will now be returned by "Foo/get".

    Clients that write never catch up with what others write.
    """
    states = []
    boxes = []
    for _ in range(4):
        answer = t.call("Mailbox/set", create={"m": {"name": unique()}})
        states.append(answer["newState"])
        boxes.append(answer["created"]["m"]["id"])
    for number, state in enumerate(states):
        later = [record for each in steps(t, "Mailbox", state, 1) for record in each[0]]
        check.same_set(later, boxes[number + 1 :], f"created since {state}")
