"""Mailbox and Thread through the engine: what clients see of them, and what they may do to them."""

from __future__ import annotations

from itertools import pairwise

import pytest

from jmap.protocol.window import splice
from tests.mail.email.conftest import Person, alice, people  # noqa: F401

pytestmark = pytest.mark.django_db


def message(number: int, *, reply_to: int | None = None, subject: str = "Tea") -> str:
    link = "" if reply_to is None else f"In-Reply-To: <{reply_to}@example.org>\n"
    return f"Subject: {subject}\nMessage-ID: <{number}@example.org>\n{link}\nHello\n"


def make(person: Person, name: str, **properties) -> str:
    return person.call("Mailbox/set", create={"c": {"name": name, **properties}})["created"]["c"]["id"]


def rename(person: Person, **updates) -> dict:
    return person.call("Mailbox/set", update=updates)


def names(person: Person) -> dict[str, dict]:
    return {box["name"]: box for box in person.call("Mailbox/get", ids=None)["list"]}


@pytest.mark.rfc(8621, "2")
def test_a_new_account_has_the_mailboxes_that_clients_look_for(alice):  # noqa: F811
    boxes = names(alice)

    assert {box["role"] for box in boxes.values()} == {"inbox", "drafts", "sent", "archive", "junk", "trash"}
    assert all(box["isSubscribed"] and box["myRights"]["mayReadItems"] for box in boxes.values())


@pytest.mark.rfc(8620, "5.1")
def test_ids_that_are_no_mailbox_are_not_found(alice):  # noqa: F811
    answer = alice.call("Mailbox/get", ids=["nope", alice.mailbox("inbox"), "nope"], properties=["name"])

    assert answer["list"] == [{"id": alice.mailbox("inbox"), "name": "Inbox"}]
    assert answer["notFound"] == ["nope"]


@pytest.mark.rfc(8620, "5.3")
def test_two_mailboxes_can_swap_their_names_in_one_call(alice):  # noqa: F811
    one, two = make(alice, "One"), make(alice, "Two")

    answer = rename(alice, **{one: {"name": "Two"}, two: {"name": "One"}})

    assert answer["notUpdated"] is None
    assert names(alice)["Two"]["id"] == one


@pytest.mark.rfc(8620, "5.3")
def test_a_whole_mailbox_is_a_patch_too(alice):  # noqa: F811
    box = names(alice)["Inbox"]

    same = rename(alice, **{box["id"]: box})
    renamed = rename(alice, **{box["id"]: {**box, "sortOrder": 7}})
    counted = rename(alice, **{box["id"]: {"totalEmails": box["totalEmails"] + 1}})

    assert same["notUpdated"] is None
    assert same["newState"] == same["oldState"]
    assert renamed["notUpdated"] is None
    assert names(alice)["Inbox"]["sortOrder"] == 7
    assert counted["notUpdated"][box["id"]]["type"] == "invalidProperties"
    assert counted["notUpdated"][box["id"]]["properties"] == ["totalEmails"]


@pytest.mark.rfc(8620, "5.3")
def test_three_roles_can_be_rotated_in_one_call(alice):  # noqa: F811
    junk, trash, sent = (alice.mailbox(role) for role in ("junk", "trash", "sent"))

    answer = rename(alice, **{junk: {"role": "trash"}, trash: {"role": "sent"}, sent: {"role": "junk"}})

    assert answer["notUpdated"] is None
    assert [alice.mailbox(role) for role in ("trash", "sent", "junk")] == [junk, trash, sent]


@pytest.mark.rfc(8620, "5.3")
def test_parent_and_child_can_both_be_new_in_any_order(alice):  # noqa: F811
    answer = alice.call("Mailbox/set", create={"child": {"name": "Child", "parentId": "#top"}, "top": {"name": "Top"}})

    assert answer["notCreated"] is None
    assert names(alice)["Child"]["parentId"] == answer["created"]["top"]["id"]


@pytest.mark.rfc(8620, "5.3")
def test_parent_and_child_can_be_destroyed_in_one_call(alice):  # noqa: F811
    top = make(alice, "Top")
    child = make(alice, "Child", parentId=top)

    answer = alice.call("Mailbox/set", destroy=[top, child])

    assert sorted(answer["destroyed"]) == sorted([top, child])


@pytest.mark.rfc(8620, "5.3")
def test_a_destroyed_name_can_be_taken_in_the_same_call(alice):  # noqa: F811
    old = make(alice, "News")

    answer = alice.call("Mailbox/set", create={"c": {"name": "News"}}, destroy=[old])

    assert answer["notCreated"] is None
    assert names(alice)["News"]["id"] == answer["created"]["c"]["id"] != old


@pytest.mark.rfc(8621, "2")
def test_a_taken_sibling_name_is_refused_with_the_id_that_has_it(alice):  # noqa: F811
    answer = alice.call("Mailbox/set", create={"c": {"name": "Inbox"}})

    assert answer["notCreated"]["c"]["type"] == "alreadyExists"
    assert answer["notCreated"]["c"]["existingId"] == alice.mailbox("inbox")


@pytest.mark.rfc(8621, "2")
@pytest.mark.parametrize(
    ("properties", "at_fault"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 256}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "A", "role": "Inbox"}, "role"),
        ({"name": "A", "role": "inbox"}, "role"),
        ({"name": "A", "sortOrder": 2**31}, "sortOrder"),
        ({"name": "A", "parentId": "mzzz"}, "parentId"),
        ({"name": "A", "totalEmails": 1}, "totalEmails"),
        ({"role": None}, "name"),
    ],
)
def test_a_mailbox_that_cannot_be_is_refused_with_the_property_at_fault(alice, properties, at_fault):  # noqa: F811
    answer = alice.call("Mailbox/set", create={"c": properties})

    assert answer["notCreated"]["c"]["type"] == "invalidProperties"
    assert answer["notCreated"]["c"]["properties"] == [at_fault]


@pytest.mark.rfc(8621, "2")
def test_a_mailbox_cannot_be_moved_into_its_own_child(alice):  # noqa: F811
    top = make(alice, "Top")
    child = make(alice, "Child", parentId=top)

    answer = rename(alice, **{top: {"parentId": child}})

    assert answer["notUpdated"][top]["properties"] == ["parentId"]


@pytest.mark.rfc(8621, "2.5")
def test_a_mailbox_with_a_child_is_not_destroyed(alice):  # noqa: F811
    top = make(alice, "Top")
    make(alice, "Child", parentId=top)

    answer = alice.call("Mailbox/set", destroy=[top], onDestroyRemoveEmails=True)

    assert answer["notDestroyed"][top]["type"] == "mailboxHasChild"


@pytest.mark.rfc(8621, "2.5")
def test_a_mailbox_with_emails_is_destroyed_only_when_asked_to_remove_them(alice):  # noqa: F811
    archive = alice.mailbox("archive")
    email = alice.deliver(message(1), role="archive")
    kept = alice.deliver(message(2, subject="Cake"), role="archive")
    alice.call("Email/set", update={kept: {f"mailboxIds/{alice.mailbox('inbox')}": True}})

    refused = alice.call("Mailbox/set", destroy=[archive])
    done = alice.call("Mailbox/set", destroy=[archive], onDestroyRemoveEmails=True)

    assert refused["notDestroyed"][archive]["type"] == "mailboxHasEmail"
    assert done["destroyed"] == [archive]
    answer = alice.call("Email/get", ids=[email, kept], properties=["mailboxIds"])
    assert answer["notFound"] == [email]
    assert answer["list"][0]["mailboxIds"] == {alice.mailbox("inbox"): True}


@pytest.mark.rfc(8621, "2.5")
def test_a_mailbox_with_more_than_a_slice_of_emails_is_emptied_and_destroyed(alice, monkeypatch):  # noqa: F811
    monkeypatch.setattr("mail.services.mailboxes.SLICE", 2)
    archive = alice.mailbox("archive")
    for number in range(5):
        alice.deliver(message(number, subject=f"S{number}"), role="archive")

    answer = alice.call("Mailbox/set", destroy=[archive], create={"c": {"name": "Archive"}}, onDestroyRemoveEmails=True)

    assert answer["destroyed"] == [archive]
    assert answer["notCreated"] is None
    assert alice.call("Email/get", ids=None, properties=["id"])["list"] == []


@pytest.mark.rfc(8621, "2")
def test_an_account_keeps_its_inbox(alice):  # noqa: F811
    inbox = alice.mailbox("inbox")

    answer = alice.call("Mailbox/set", destroy=[inbox])

    assert answer["notDestroyed"][inbox]["type"] == "forbidden"


@pytest.mark.rfc(8620, "5.3")
def test_a_patch_to_what_already_is_changes_no_state(alice):  # noqa: F811
    answer = rename(alice, **{alice.mailbox("inbox"): {"name": "Inbox"}})

    assert answer["updated"] == {alice.mailbox("inbox"): None}
    assert answer["newState"] == answer["oldState"]


@pytest.mark.rfc(8621, "2.2")
def test_changes_of_counts_alone_name_the_counts(alice):  # noqa: F811
    since = alice.call("Mailbox/get", ids=[])["state"]
    alice.deliver(message(1))

    answer = alice.call("Mailbox/changes", sinceState=since)

    assert answer["updated"] == [alice.mailbox("inbox")]
    assert set(answer["updatedProperties"]) == {"totalEmails", "unreadEmails", "totalThreads", "unreadThreads"}


@pytest.mark.rfc(8621, "2.2")
def test_changes_of_a_name_name_no_properties(alice):  # noqa: F811
    since = alice.call("Mailbox/get", ids=[])["state"]
    alice.deliver(message(1))
    rename(alice, **{alice.mailbox("archive"): {"name": "Old"}})

    assert alice.call("Mailbox/changes", sinceState=since)["updatedProperties"] is None


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.parametrize("state", ["", "1-999999", "2-1", "zzz", "1--1"])
def test_a_state_that_was_never_given_out_cannot_be_calculated_from(alice, state):  # noqa: F811
    assert alice.error("Mailbox/changes", sinceState=state)["type"] == "cannotCalculateChanges"


@pytest.mark.rfc(8621, "2.3")
def test_mailboxes_sort_as_a_tree(alice):  # noqa: F811
    top = make(alice, "B", sortOrder=1)
    child = make(alice, "A", parentId=top, sortOrder=0)
    first = make(alice, "Z", sortOrder=0)
    filter_ = {"operator": "NOT", "conditions": [{"hasAnyRole": True}]}

    answer = alice.call(
        "Mailbox/query", filter=filter_, sort=[{"property": "sortOrder"}, {"property": "name"}], sortAsTree=True
    )

    assert answer["ids"] == [first, top, child]


@pytest.mark.rfc(8621, "2.3")
def test_filtered_as_a_tree_a_mailbox_needs_its_ancestors(alice):  # noqa: F811
    top = make(alice, "Work")
    make(alice, "My Tea", parentId=top)
    tea = make(alice, "Tea")

    answer = alice.call("Mailbox/query", filter={"name": "Tea"}, filterAsTree=True)

    assert answer["ids"] == [tea]


@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("as_tree", [False, True])
def test_query_changes_spliced_into_any_old_list_give_the_new_one(alice, as_tree):  # noqa: F811
    query = {
        "sort": [{"property": "name"}],
        "sortAsTree": as_tree,
        "filterAsTree": as_tree,
        "filter": {"operator": "OR", "conditions": [{"hasAnyRole": False}, {"role": "inbox"}]},
    }
    history = [alice.call("Mailbox/query", **query)]
    top = make(alice, "M")
    history.append(alice.call("Mailbox/query", **query))
    child = make(alice, "Child", parentId=top)
    history.append(alice.call("Mailbox/query", **query))
    rename(alice, **{top: {"name": "A"}, alice.mailbox("inbox"): {"name": "Eingang"}})
    history.append(alice.call("Mailbox/query", **query))
    alice.call("Mailbox/set", destroy=[child])
    history.append(alice.call("Mailbox/query", **query))

    for old, _ in pairwise(history):
        answer = alice.call("Mailbox/queryChanges", sinceQueryState=old["queryState"], **query)
        spliced = splice(old["ids"], answer["removed"], [(one["index"], one["id"]) for one in answer["added"]])
        assert spliced == history[-1]["ids"]


@pytest.mark.rfc(8621, "2")
def test_is_subscribed_is_each_users_own(people):  # noqa: F811
    owner, guest = people("owner"), people("guest")
    guest.may_enter(owner)
    inbox = owner.mailbox("inbox")

    seen = guest.call("Mailbox/get", accountId=owner.account_id, ids=[inbox])["list"][0]["isSubscribed"]
    guest.call("Mailbox/set", accountId=owner.account_id, update={inbox: {"isSubscribed": True}})

    assert seen is False
    assert guest.call("Mailbox/get", accountId=owner.account_id, ids=[inbox])["list"][0]["isSubscribed"] is True
    rename(owner, **{inbox: {"isSubscribed": False}})
    assert guest.call("Mailbox/get", accountId=owner.account_id, ids=[inbox])["list"][0]["isSubscribed"] is True


@pytest.mark.rfc(8620, "5.3")
def test_a_read_only_account_refuses_every_change(people):  # noqa: F811
    owner, guest = people("owner"), people("guest")
    guest.may_enter(owner, is_read_only=True)

    error = guest.error("Mailbox/set", accountId=owner.account_id, create={"c": {"name": "Mine"}})

    assert error["type"] == "accountReadOnly"
    assert not guest.call("Mailbox/get", accountId=owner.account_id)["list"][0]["myRights"]["mayAddItems"]


@pytest.mark.rfc(8621, "3")
def test_a_thread_lists_its_emails_oldest_first(alice):  # noqa: F811
    later = alice.deliver(message(2, reply_to=1), day=2)
    earlier = alice.deliver(message(1), day=1)
    thread = alice.get(later, "threadId")["threadId"]

    answer = alice.call("Thread/get", ids=[thread, "tzzz", "nope"])

    assert answer["list"] == [{"id": thread, "emailIds": [earlier, later]}]
    assert answer["notFound"] == ["tzzz", "nope"]


@pytest.mark.rfc(8621, "3.2")
def test_a_reply_changes_its_thread(alice):  # noqa: F811
    first = alice.deliver(message(1))
    since = alice.call("Thread/get", ids=[])["state"]
    alice.deliver(message(2, reply_to=1))

    assert alice.call("Thread/changes", sinceState=since)["updated"] == [alice.get(first, "threadId")["threadId"]]
