"""/set (RFC 8620 §5.3)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/set", 8620, MAIL)


@case("5.3", "must")
def what_was_created_is_returned_with_what_the_server_set(t: Toolkit) -> None:
    """A map of the creation id to an object containing any properties of the created Foo object that were not sent
    by the client. This includes all server-set properties (such as the "id" in most object types) and any
    properties that were omitted by the client and thus set to a default by the server.

    Clients have to fetch what they have just made.
    """
    answer = t.call("Mailbox/set", create={"x": {"name": unique()}})
    made = answer["created"]["x"]

    check.is_id(made.get("id"), "id")
    server_set = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads", "myRights")
    check.has(made, ("id", *server_set, "parentId", "role", "sortOrder", "isSubscribed"), "created")


@case("5.3", "must", alone=True)
def states_before_and_after_are_told(t: Toolkit) -> None:
    """The state string that would have been returned by "Foo/get" before making the requested changes, or null if
    the server doesn't know what the previous state string was. ... The state string that will now be returned by
    "Foo/get".

    Clients synchronise what they did themselves.
    """
    before = t.state("Mailbox")
    answer = t.call("Mailbox/set", create={"x": {"name": unique()}})

    check.one_of(answer.get("oldState"), (before, None), "oldState")
    check.same(answer["newState"], t.state("Mailbox"), "newState")


@case("5.3", "must", alone=True)
def if_in_state_guards_a_write(t: Toolkit) -> None:
    """If supplied, the string must match the current state; otherwise, the method will be aborted and a
    "stateMismatch" error returned.

    Clients overwrite what they have not seen.
    """
    state = t.state("Mailbox")
    box = t.call("Mailbox/set", ifInState=state, create={"x": {"name": unique()}})["created"]["x"]["id"]
    t.error("Mailbox/set", "stateMismatch", ifInState=state, update={box: {"sortOrder": 5}})

    check.same(t.get("Mailbox", box, "sortOrder")["sortOrder"], 0, "sortOrder after a write that was refused")


@case("5.3", "must")
def a_bad_item_does_not_stop_the_others(t: Toolkit) -> None:
    """If a create, update, or destroy is rejected, the appropriate error MUST be added to the
    notCreated/notUpdated/notDestroyed property of the response, and the server MUST continue to the next
    create/update/destroy.

    One mistake takes the whole batch with it.
    """
    keep, gone = t.mailboxes({}, {})
    answer = t.call(
        "Mailbox/set",
        create={"bad": {"name": 5}, "good": {"name": unique()}},
        update={"no-such": {"sortOrder": 1}, keep: {"sortOrder": 2}},
        destroy=["not-this", gone],
    )

    check.same_set(answer.get("created") or {}, ["good"], "created")
    check.same_set(answer.get("updated") or {}, [keep], "updated")
    check.same(answer.get("destroyed"), [gone], "destroyed")
    check.set_error(answer, "notCreated", "bad", "invalidProperties")
    check.set_error(answer, "notUpdated", "no-such", "notFound")
    check.set_error(answer, "notDestroyed", "not-this", "notFound")


@case("5.3", "must")
def unknown_ids_are_not_found(t: Toolkit) -> None:
    """If an id given cannot be found, the update or destroy MUST be rejected with a "notFound" set error.

    Clients cannot tell that a record is gone.
    """
    for kind, patch in (("Mailbox", {"sortOrder": 1}), ("Email", {"keywords/a": True})):
        answer = t.call(f"{kind}/set", update={"no-such": patch}, destroy=["nor-this"])
        check.set_error(answer, "notUpdated", "no-such", "notFound")
        check.set_error(answer, "notDestroyed", "nor-this", "notFound")


@case("5.3", "must")
def an_update_is_whole_or_not_at_all(t: Toolkit) -> None:
    """it MUST NOT only commit part of an update to a single record (e.g., update a "name" property but not a
    "count" property, if both are supplied in the update object).

    Records end up in a state that nobody asked for.
    """
    box = t.mailbox(sortOrder=1)
    answer = t.call("Mailbox/set", update={box: {"sortOrder": 9, "parentId": "no-such"}})

    check.set_error(answer, "notUpdated", box, "invalidProperties")
    check.same(t.get("Mailbox", box, "sortOrder")["sortOrder"], 1, "sortOrder")


@case("5.3", "must")
def invalid_properties_are_refused(t: Toolkit) -> None:
    """ "invalidProperties": (create; update). The record given is invalid in some way.

    Mistakes of clients are stored.
    """
    create = {
        "type": {"name": 5},
        "null": {"name": None},
        "missing": {"sortOrder": 3},
        "unknown": {"name": unique(), "noSuchProperty": 1},
        "range": {"name": unique(), "sortOrder": -1},
        "parent": {"name": unique(), "parentId": "no-such"},
    }
    answer = t.call("Mailbox/set", create=create)

    check.that(not answer.get("created"), f"created is {check.show(answer.get('created'))}")
    for key in create:
        check.set_error(answer, "notCreated", key, "invalidProperties")


@case("5.3", "should")
def invalid_properties_are_named(t: Toolkit) -> None:
    """The SetError object SHOULD also have a property called "properties" of type "String[]" that lists *all* the
    properties that were invalid.

    Clients cannot show where the mistake is.
    """
    answer = t.call("Mailbox/set", create={"x": {"name": 5, "sortOrder": "high"}})
    error = check.set_error(answer, "notCreated", "x", "invalidProperties")

    check.same_set(error.get("properties"), ["name", "sortOrder"], "properties")


@case("5.3", "must")
def server_set_properties_are_refused_on_create(t: Toolkit) -> None:
    """The client MUST omit any properties that may only be set by the server (for example, the "id" property on
    most object types).

    Clients come to believe that they choose ids and counts.
    """
    answer = t.call(
        "Mailbox/set", create={"x": {"name": unique(), "id": "mine"}, "y": {"name": unique(), "totalEmails": 4}}
    )

    for key in ("x", "y"):
        check.set_error(answer, "notCreated", key, "invalidProperties")


@case("1.1", "must")
def immutable_properties_stay(t: Toolkit) -> None:
    """ "immutable" -- The value MUST NOT change after the object is created.

    Clients keep what they believe cannot change.
    """
    email = t.email()
    before = t.get("Email", email)
    for patch in ({"subject": "other"}, {"receivedAt": "2001-01-01T00:00:00Z"}, {"threadId": "x"}, {"size": 1}):
        answer = t.call("Email/set", update={email: patch})
        check.set_error(answer, "notUpdated", email, "invalidProperties")

    check.same(t.get("Email", email), before, "the email")


@case("1.1", "must")
def server_set_properties_may_not_be_sent_on_create(t: Toolkit) -> None:
    """The client MUST NOT send this property when creating a new object of this type.

    Clients come to believe that they choose what the server sets.
    """
    answer = t.call("Mailbox/set", create={"x": {"name": unique(), "unreadThreads": 0}})

    check.set_error(answer, "notCreated", "x", "invalidProperties")


@case("5.3", "may")
def server_set_properties_may_be_sent_unchanged(t: Toolkit) -> None:
    """Any server-set properties MAY be included in the patch if their value is identical to the current server
    value (before applying the patches to the object).

    Clients cannot send a record back whole.
    """
    box = t.mailbox()
    record = t.get("Mailbox", box)
    name = unique()
    t.update("Mailbox", box, **{**record, "name": name})

    check.same(t.get("Mailbox", box, "name")["name"], name, "name")


@case("5.3", "must")
def server_set_properties_may_not_be_changed(t: Toolkit) -> None:
    """Otherwise, the update MUST be rejected with an "invalidProperties" SetError.

    Clients believe that they have set what they cannot set.
    """
    box = t.mailbox()
    for patch in ({"totalEmails": 5}, {"id": "other"}, {"myRights/mayReadItems": False}):
        check.set_error(
            t.call("Mailbox/set", update={box: patch}), "notUpdated", box, "invalidProperties", "invalidPatch"
        )


@case("5.3", "must")
def a_patch_into_an_array_is_invalid(t: Toolkit) -> None:
    """The pointer MUST NOT reference inside an array (i.e., you MUST NOT insert/delete from an array; the array
    MUST be replaced in its entirety instead).

    Two clients that patch one array mix up its members.
    """
    email = t.email()
    answer = t.call("Email/set", update={email: {"to/0": {"email": "a@example.com"}}})

    check.set_error(answer, "notUpdated", email, "invalidPatch")


@case("5.3", "must")
def a_patch_below_nothing_is_invalid(t: Toolkit) -> None:
    """All parts prior to the last (i.e., the value after the final slash) MUST already exist on the object being
    patched.

    Clients write into objects that do not exist.
    """
    email = t.email()
    for path in ("keywords/a/b", "noSuch/a"):
        answer = t.call("Email/set", update={email: {path: True}})
        check.set_error(
            answer, "notUpdated", email, "invalidPatch", *(() if path.startswith("key") else ("invalidProperties",))
        )


@case("5.3", "must")
def a_patch_that_is_a_prefix_of_another_is_invalid(t: Toolkit) -> None:
    """There MUST NOT be two patches in the PatchObject where the pointer of one is the prefix of the pointer of the
    other, e.g., "alerts/1/offset" and "alerts".

    What comes out depends on an order that JSON does not have.
    """
    email = t.email()
    answer = t.call("Email/set", update={email: {"keywords": {"a": True}, "keywords/b": True}})

    check.set_error(answer, "notUpdated", email, "invalidPatch")
    check.same(t.get("Email", email, "keywords")["keywords"], {}, "keywords")


@case("5.3", "must")
def a_broken_patch_is_an_invalid_patch(t: Toolkit) -> None:
    """All paths MUST also conform to the following restrictions; if there is any violation, the update MUST be
    rejected with an "invalidPatch" error:

    Clients cannot tell a wrong path from a wrong value.
    """
    email = t.email()
    answer = t.call("Email/set", update={email: {"keywords/a/b/c": True}})

    check.set_error(answer, "notUpdated", email, "invalidPatch")


@case("5.3", "must")
def a_patch_of_null_removes_or_resets(t: Toolkit) -> None:
    """If null, set to the default value if specified for this property; otherwise, remove the property from the
    patched object.

    Clients cannot take anything away.
    """
    box = t.mailbox(sortOrder=6)
    email = t.email(box, keywords={"a": True, "b": True})
    t.patch("Email", email, {"keywords/a": None, "keywords/not-there": None})
    t.update("Mailbox", box, sortOrder=None)

    check.same(t.get("Email", email, "keywords")["keywords"], {"b": True}, "keywords")
    check.same(t.get("Mailbox", box, "sortOrder")["sortOrder"], 0, "sortOrder")


@case("5.3", "must")
def pointers_in_patches_are_unescaped(t: Toolkit) -> None:
    """A *PatchObject* is of type "String[*]" and represents an unordered set of patches. The keys are a path in
    JSON Pointer Format [RFC6901], with an implicit leading "/"

    Keywords with a slash or a tilde cannot be set.
    """
    email = t.email()
    t.patch("Email", email, {"keywords/a~1b": True, "keywords/c~0d": True})

    check.same(t.get("Email", email, "keywords")["keywords"], {"a/b": True, "c~d": True}, "keywords")


@case("5.3", "must")
def the_final_state_is_what_has_to_be_valid(t: Toolkit) -> None:
    """The final state MUST be valid after the "Foo/set" is finished; however, the server may have to transition
    through invalid intermediate states (not exposed to the client) while processing the individual
    create/update/destroy requests.

    Clients cannot swap two names.
    """
    one, two = unique(), unique()
    first, second = t.mailboxes({"name": one}, {"name": two})
    answer = t.call("Mailbox/set", update={first: {"name": two}, second: {"name": one}})

    check.same_set(answer.get("updated") or {}, [first, second], "updated")
    check.same([t.get("Mailbox", each, "name")["name"] for each in (first, second)], [two, one], "names")


@case("5.3", "must")
def a_name_freed_in_the_same_call_may_be_taken(t: Toolkit) -> None:
    """The final state MUST be valid after the "Foo/set" is finished

    Clients need two calls to put one record into the place of another.
    """
    name = unique()
    old = t.mailbox(name=name)
    answer = t.call("Mailbox/set", create={"new": {"name": name}}, destroy=[old])

    check.has(answer.get("created") or {}, ["new"], "created")
    check.same(answer.get("destroyed"), [old], "destroyed")


@case("5.3", "must")
def an_invalid_final_state_is_refused(t: Toolkit) -> None:
    """The final state MUST be valid after the "Foo/set" is finished

    Two records that may not exist side by side do.
    """
    name = unique()
    answer = t.call("Mailbox/set", create={"a": {"name": name}, "b": {"name": name}})

    check.that(len(answer.get("created") or {}) <= 1, "two mailboxes of one name were made")
    check.that(answer.get("notCreated"), "nothing was refused")


@case("5.3", "must")
def parents_and_children_may_be_created_in_any_order(t: Toolkit) -> None:
    """In the case of records with references to the same type, the server MUST order the creates and updates within
    a single method call so that creates happen before their creation ids are referenced by another
    create/update/destroy in the same call.

    Clients have to sort what they send, in a format without order.
    """
    create = {key: {"name": unique(), "parentId": parent} for key, parent in (("c", "#b"), ("a", None), ("b", "#a"))}
    created = t.call("Mailbox/set", create=create).get("created") or {}
    check.same_set(created, ["a", "b", "c"], "created")
    parents = {key: t.get("Mailbox", created[key]["id"], "parentId")["parentId"] for key in created}

    check.same(parents, {"a": None, "b": created["a"]["id"], "c": created["b"]["id"]}, "parents")


@case("5.3", "must")
def a_circle_of_creations_is_refused(t: Toolkit) -> None:
    """the server MUST order the creates and updates within a single method call so that creates happen before their
    creation ids are referenced by another create/update/destroy in the same call.

    The server hangs, or makes a loop.
    """
    create = {"a": {"name": unique(), "parentId": "#b"}, "b": {"name": unique(), "parentId": "#a"}}
    answer = t.call("Mailbox/set", create=create)

    for key in ("a", "b"):
        check.set_error(answer, "notCreated", key, "invalidProperties")


@case("5.3", "must")
def updates_may_refer_to_what_is_created_in_the_same_call(t: Toolkit) -> None:
    """the server MUST order the creates and updates within a single method call so that creates happen before their
    creation ids are referenced by another create/update/destroy in the same call.

    Clients need two calls to make a folder and move another into it.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/set", create={"p": {"name": unique()}}, update={box: {"parentId": "#p"}})
    check.has(answer.get("updated") or {}, [box], "updated")

    check.same(t.get("Mailbox", box, "parentId")["parentId"], answer["created"]["p"]["id"], "parentId")


@case("5.3", "must")
def updates_may_name_a_created_record(t: Toolkit) -> None:
    """the server MUST keep a simple map for the duration of the request of creation id to record id for each newly
    created record, so it can substitute in the correct value if necessary in later method calls.

    Clients cannot change what an earlier call in the request has made.
    """
    responses = t.calls(
        ("Mailbox/set", {"create": {"k1": {"name": unique()}}}),
        ("Mailbox/set", {"update": {"#k1": {"sortOrder": 4}}}),
        ("Mailbox/set", {"destroy": ["#k1"]}),
    )
    box = responses[0][1]["created"]["k1"]["id"]

    check.that(set(responses[1][1].get("updated") or {}) & {box, "#k1"}, f"updated is {check.show(responses[1])}")
    check.same(responses[2][1].get("destroyed"), [box], "destroyed")


@case("5.3", "must")
def keys_of_maps_may_be_creation_references(t: Toolkit) -> None:
    """That reference may be set (via create or update) in the same request as the referenced record is created. To
    do this, the client refers to the new record using its creation id prefixed with a "#".

    Clients cannot file a message into a folder that they make in the same request.
    """
    email = t.email()
    (_, made, _), (_, moved, _) = t.calls(
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Email/set", {"update": {email: {"mailboxIds": {"#k": True}}}}),
    )
    check.has(moved.get("updated") or {}, [email], "updated")

    check.same(t.get("Email", email, "mailboxIds")["mailboxIds"], {made["created"]["k"]["id"]: True}, "mailboxIds")


@case("5.3", "must")
def pointers_of_patches_may_hold_creation_references(t: Toolkit) -> None:
    """so it can substitute in the correct value if necessary in later method calls.

    Clients cannot file a message into a folder that they make in the same request.
    """
    old = t.mailbox()
    email = t.email(old)
    (_, made, _), (_, moved, _) = t.calls(
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Email/set", {"update": {email: {"mailboxIds/#k": True, f"mailboxIds/{old}": None}}}),
    )
    check.has(moved.get("updated") or {}, [email], "updated")

    check.same(t.get("Email", email, "mailboxIds")["mailboxIds"], {made["created"]["k"]["id"]: True}, "mailboxIds")


@case("5.3", "must")
def imports_may_refer_to_a_created_mailbox(t: Toolkit) -> None:
    """so it can substitute in the correct value if necessary in later method calls.

    Importing into a new folder takes two requests.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    (_, made, _), (name, answer, _) = t.calls(
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Email/import", {"emails": {"e": {"blobId": blob, "mailboxIds": {"#k": True}}}}),
    )
    check.that(name == "Email/import" and answer.get("created"), f"the import gave {check.show(answer)}")
    email = answer["created"]["e"]["id"]

    check.same(t.get("Email", email, "mailboxIds")["mailboxIds"], {made["created"]["k"]["id"]: True}, "mailboxIds")


@case("5.3", "must")
def an_imported_email_may_be_referred_to(t: Toolkit) -> None:
    """the server MUST keep a simple map for the duration of the request of creation id to record id for each newly
    created record

    Clients cannot go on with a message that they import.
    """
    blob = t.jmap.upload(t.message(), "message/rfc822")
    (_, made, _), (name, answer, _) = t.calls(
        ("Email/import", {"emails": {"e": {"blobId": blob, "mailboxIds": {t.mailbox(): True}}}}),
        ("Email/set", {"update": {"#e": {"keywords/$flagged": True}}}),
    )
    email = made["created"]["e"]["id"]
    check.that(name == "Email/set" and answer.get("updated"), f"the update gave {check.show(answer)}")

    check.same(t.get("Email", email, "keywords")["keywords"], {"$flagged": True}, "keywords")


@case("5.3", "must")
def a_creation_id_that_is_not_known_is_refused(t: Toolkit) -> None:
    """There is a reference to another record (foreign key), and the given id does not correspond to a valid record.

    A record is made with the text of a reference for an id.
    """
    answer = t.call("Mailbox/set", create={"x": {"name": unique(), "parentId": "#nobody"}})

    check.set_error(answer, "notCreated", "x", "invalidProperties")


@case("5.3", "must")
def a_creation_id_used_twice_means_the_latest(t: Toolkit) -> None:
    """If a creation id is reused, the server MUST map the creation id to the most recently created item with that id.

    Clients file things under the wrong record.
    """
    _, second, third = t.calls(
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Mailbox/set", {"create": {"child": {"name": unique(), "parentId": "#k"}}}),
    )
    child = third[1]["created"]["child"]["id"]

    check.same(t.get("Mailbox", child, "parentId")["parentId"], second[1]["created"]["k"]["id"], "parentId")


@case("5.3", "must")
def a_creation_id_outlives_a_creation_that_failed(t: Toolkit) -> None:
    """map the creation id to the most recently created item with that id.

    One mistake changes what a later reference means.
    """
    responses = t.calls(
        ("Mailbox/set", {"create": {"k": {"name": unique()}}}),
        ("Mailbox/set", {"create": {"k": {"name": 7}}}),
        ("Mailbox/set", {"create": {"child": {"name": unique(), "parentId": "#k"}}}),
    )
    check.that(responses[2][1].get("created"), f"the third call gave {check.show(responses[2])}")
    child = responses[2][1]["created"]["child"]["id"]

    check.same(t.get("Mailbox", child, "parentId")["parentId"], responses[0][1]["created"]["k"]["id"], "parentId")


@case("5.3", "may")
def update_and_destroy_of_one_record_end_in_its_end(t: Toolkit) -> None:
    """The server MAY skip an update (rejecting it with a "willDestroy" SetError) if that object is destroyed in the
    same /set request.

    A record survives that was to be destroyed.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/set", update={box: {"sortOrder": 1}}, destroy=[box])

    check.same(answer.get("destroyed"), [box], "destroyed")
    if box not in (answer.get("updated") or {}):
        check.set_error(answer, "notUpdated", box, "willDestroy")
    check.same(t.call("Mailbox/get", ids=[box])["notFound"], [box], "notFound")


@case("5.3", "must")
def an_update_that_changes_more_than_asked_for_says_so(t: Toolkit) -> None:
    """The keys in this map are the ids of all Foos that were successfully updated. The value for each id is a Foo
    object containing any property that changed in a way *not* explicitly requested by the PatchObject sent to the
    server, or null if none.

    Clients show what they sent, not what is stored.
    """
    box = t.mailbox()
    answer = t.update("Mailbox", box, sortOrder=3)
    value = answer["updated"][box]

    check.that(value is None or isinstance(value, dict), f"the value is {check.show(value)}")
    check.that("sortOrder" not in (value or {}), "what was asked for is told again")


@case("5.3", "may")
def specific_errors_are_told_first(t: Toolkit) -> None:
    """If the condition of one of these is met, it MUST be returned instead of the invalidProperties error.

    Clients cannot offer what would help, such as emptying a folder before it is removed.
    """
    parent = t.mailbox()
    t.mailbox(parentId=parent)
    answer = t.call("Mailbox/set", destroy=[parent])

    check.set_error(answer, "notDestroyed", parent, "mailboxHasChild")


@case("5.3", "may")
def set_errors_have_the_shape_of_set_errors(t: Toolkit) -> None:
    """Other properties MAY also be present on the SetError object, as described in the relevant methods.

    Clients cannot read the error.
    """
    answer = t.call("Mailbox/set", create={"x": {}}, destroy=["no-such"])

    for slot, key in (("notCreated", "x"), ("notDestroyed", "no-such")):
        error = check.set_error(answer, slot, key)
        if error.get("description") is not None:
            check.is_string(error["description"], "description")


@case("5.3", "must")
def destroying_twice_in_one_call_is_not_an_error_of_the_call(t: Toolkit) -> None:
    """A list of ids for Foo objects to permanently delete, or null if no objects are to be destroyed.

    A client that repeats an id loses the whole call.
    """
    box = t.mailbox()
    answer = t.call("Mailbox/set", destroy=[box, box])

    check.that(box in (answer.get("destroyed") or []), f"destroyed is {check.show(answer.get('destroyed'))}")
    check.same(t.call("Mailbox/get", ids=[box])["notFound"], [box], "notFound")
