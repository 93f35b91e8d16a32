"""Mailboxes (RFC 8621 §2)."""

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/mailbox", 8621, MAIL)

RIGHTS = (
    "mayReadItems", "mayAddItems", "mayRemoveItems", "maySetSeen", "maySetKeywords", "mayCreateChild", "mayRename",
    "mayDelete", "maySubmit",
)  # fmt: skip
ROLES = {
    "all", "archive", "drafts", "flagged", "important", "junk", "sent", "subscribed", "trash", "inbox", "snoozed",
    "scheduled", "memos", "hasnochildren", "haschildren", "marked", "unmarked", "noinferiors", "noselect",
    "nonexistent", "remote",
}  # fmt: skip
COUNTS = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")


def counts(t: Toolkit, mailbox: str) -> tuple[int, ...]:
    """totalEmails, unreadEmails, totalThreads, unreadThreads."""
    record = t.get("Mailbox", mailbox, *COUNTS)
    return tuple(record[name] for name in COUNTS)


def refused(t: Toolkit, *types: str, **properties: object) -> None:
    """A mailbox that may not be made."""
    answer = t.call("Mailbox/set", create={"m": {"name": unique(), **properties}})
    check.set_error(answer, "notCreated", "m", *(types or ("invalidProperties",)))


def with_role(t: Toolkit, role: str) -> str | None:
    """The mailbox of the role."""
    found = t.query("Mailbox", filter={"role": role})
    return found[0] if found else None


def spare_role(t: Toolkit) -> str:
    """A role that no mailbox has and that the server lets one have."""
    for role in ("important", "flagged", "archive", "junk"):
        if with_role(t, role) is None:
            answer = t.call("Mailbox/set", create={"m": {"name": unique(), "role": role}})
            made = (answer.get("created") or {}).get("m")
            if made:
                t.destroy("Mailbox", made["id"])
                return role
    raise NotApplicable("the server lets no role be given to a new mailbox")


@case("2", "must")
def a_mailbox_has_every_property_in_its_type(t: Toolkit) -> None:
    """A *Mailbox* object has the following properties:

    Clients of typed languages fail to read the list of folders.
    """
    for each in t.call("Mailbox/get", ids=None)["list"]:
        check.is_id(each["id"], "id")
        check.is_string(each["name"], "name")
        for name in ("parentId", "role"):
            check.that(each[name] is None or isinstance(each[name], str), f"{name} is {check.show(each[name])}")
        for name in COUNTS:
            check.is_unsigned(each[name], name)
        check.that(isinstance(each["isSubscribed"], bool), "isSubscribed is no boolean")
        check.has(each["myRights"], RIGHTS, "myRights")
        for name in RIGHTS:
            check.that(isinstance(each["myRights"][name], bool), f"{name} is no boolean")


@case("2", "must")
def sort_orders_are_small_integers(t: Toolkit) -> None:
    """The number MUST be an integer in the range 0 <= sortOrder < 2^31.

    Clients cannot keep the number.
    """
    for each in t.call("Mailbox/get", ids=None, properties=["sortOrder"])["list"]:
        check.is_unsigned(each["sortOrder"], "sortOrder")
        check.that(each["sortOrder"] < 2**31, f"sortOrder is {each['sortOrder']}")
    t.mailbox(sortOrder=2**31 - 1)
    refused(t, sortOrder=2**31)
    refused(t, sortOrder=-1)
    refused(t, sortOrder=1.5)


@case("2", "must")
def roles_are_of_the_registry_in_lower_case(t: Toolkit) -> None:
    """The value MUST be one of the Mailbox attribute names listed in the IANA "IMAP Mailbox Name Attributes"
    registry at
    <https://www.iana.org/assignments/imap-mailbox-name-attributes/>, as established in [RFC8457], converted to
    lowercase.

    Clients do not find the inbox.
    """
    for each in t.call("Mailbox/get", ids=None, properties=["role"])["list"]:
        if each["role"] is not None:
            check.one_of(each["role"], ROLES, "role")
    for role in ("Inbox", "no-such-role", "\\Sent", ""):
        refused(t, role=role)


@case("2", "must")
def no_role_is_given_twice(t: Toolkit) -> None:
    """However, unlike in IMAP, a Mailbox MUST only have a single role, and there MUST NOT be two Mailboxes in the same
    account with the same role.

    Clients put sent mail into one folder or the other.
    """
    roles = [each["role"] for each in t.call("Mailbox/get", ids=None, properties=["role"])["list"] if each["role"]]
    check.that(len(roles) == len(set(roles)), f"roles repeat: {check.show(sorted(roles))}")
    for role in set(roles) & {"inbox", "trash", "sent"}:
        refused(t, role=role)


@case("2", "must")
def two_new_mailboxes_do_not_share_a_role(t: Toolkit) -> None:
    """there MUST NOT be two Mailboxes in the same account with the same role.

    Clients put sent mail into one folder or the other.
    """
    role = spare_role(t)
    answer = t.call(
        "Mailbox/set", create={"a": {"name": unique(), "role": role}, "b": {"name": unique(), "role": role}}
    )
    made = [each["id"] for each in (answer.get("created") or {}).values()]
    if made:
        t.afterwards(lambda: t.call("Mailbox/set", destroy=made))

    check.that(len(made) <= 1, "two mailboxes got one role")


@case("2", "must", alone=True)
def a_role_moves_in_one_call(t: Toolkit) -> None:
    """However, unlike in IMAP, a Mailbox MUST only have a single role, and there MUST NOT be two Mailboxes in the same
    account with the same role.

    Clients cannot choose another folder for a role.
    """
    role = spare_role(t)
    first, second = t.mailboxes({"role": role}, {})
    t.afterwards(lambda: t.call("Mailbox/set", destroy=[first, second]))
    answer = t.call("Mailbox/set", update={second: {"role": role}, first: {"role": None}})
    check.same_set(answer.get("updated") or {}, [first, second], f"updated in {check.show(answer)}")

    check.same([t.get("Mailbox", each, "role")["role"] for each in (first, second)], [None, role], "roles")


@case("2", "must")
def a_name_is_at_least_a_character(t: Toolkit) -> None:
    """This MUST be a Net-Unicode string [RFC5198] of at least 1 character in length, subject to the maximum size given
    in the capability object.

    Folders without a name cannot be shown.
    """
    refused(t, name="")
    for name in ("日本語", "Grüße", "a b", "emoji 😀", "&-amp", "x" * 60):
        full = f"{unique()} {name}"
        check.same(t.get("Mailbox", t.mailbox(name=full), "name")["name"], full, "name")


@case("2", "must")
def names_are_normalised(t: Toolkit) -> None:
    """This MUST be a Net-Unicode string [RFC5198]

    Two folders look the same, and one client does not find what the other made.
    """
    word = unique()
    answer = t.call("Mailbox/set", create={"m": {"name": f"{word} e\u0301"}})
    made = (answer.get("created") or {}).get("m")
    if made:
        check.same(t.get("Mailbox", made["id"], "name")["name"], f"{word} \u00e9", "the name in normal form C")
    else:
        check.set_error(answer, "notCreated", "m", "invalidProperties")


@case("2", "must")
def siblings_have_different_names(t: Toolkit) -> None:
    """There MUST NOT be two sibling Mailboxes with both the same parent and the same name.

    Folders cannot be told apart.
    """
    name, parent = unique(), t.mailbox()
    first = t.mailbox(name=name, parentId=parent)
    t.mailbox(name=name)
    refused(t, "invalidProperties", "alreadyExists", name=name, parentId=parent)
    refused(t, "invalidProperties", "alreadyExists", name=name)
    answer = t.call("Mailbox/set", update={first: {"parentId": None}})

    check.set_error(answer, "notUpdated", first, "invalidProperties", "alreadyExists")


@case("2", "may")
def names_against_a_policy_are_refused_as_invalid(t: Toolkit) -> None:
    """Servers MAY reject names that violate server policy (e.g., names containing a slash (/) or control characters).

    Clients cannot say what is wrong with a name.
    """
    for name in (f"{unique()}/x", f"{unique()}\x07", f"{unique()}\u202e", f"{unique()}\\x", f"{unique()}.x"):
        answer = t.call("Mailbox/set", create={"m": {"name": name}})
        made = (answer.get("created") or {}).get("m")
        if made:
            check.same(t.get("Mailbox", made["id"], "name")["name"], name, "name")
        else:
            check.set_error(answer, "notCreated", "m", "invalidProperties")


@case("2", "must")
def there_is_no_loop(t: Toolkit) -> None:
    """There MUST NOT be a loop.

    Clients that draw the tree hang.
    """
    top = t.mailbox()
    middle = t.mailbox(parentId=top)
    leaf = t.mailbox(parentId=middle)
    for box, parent in ((top, leaf), (top, top), (top, middle), (middle, leaf)):
        answer = t.call("Mailbox/set", update={box: {"parentId": parent}})
        check.set_error(answer, "notUpdated", box, "invalidProperties")

    check.same(
        [t.get("Mailbox", each, "parentId")["parentId"] for each in (top, middle, leaf)], [None, top, middle], "parents"
    )


@case("2", "must")
def two_moves_do_not_make_a_loop(t: Toolkit) -> None:
    """There MUST NOT be a loop.

    Clients that draw the tree hang.
    """
    first, second = t.mailboxes({}, {})
    t.call("Mailbox/set", update={first: {"parentId": second}, second: {"parentId": first}})
    parents = [t.get("Mailbox", each, "parentId")["parentId"] for each in (first, second)]

    check.that(parents != [second, first], "each of two mailboxes is the parent of the other")


@case("2", "must")
def a_parent_may_become_the_child_of_its_child(t: Toolkit) -> None:
    """There MUST NOT be a loop.

    Folders cannot be put the other way round.
    """
    top = t.mailbox()
    leaf = t.mailbox(parentId=top)
    answer = t.call("Mailbox/set", update={top: {"parentId": leaf}, leaf: {"parentId": None}})
    check.same_set(answer.get("updated") or {}, [top, leaf], f"updated in {check.show(answer)}")

    check.same([t.get("Mailbox", each, "parentId")["parentId"] for each in (top, leaf)], [leaf, None], "parents")


@case("2", "should")
def a_new_mailbox_is_subscribed_to(t: Toolkit) -> None:
    """This SHOULD default to false for Mailboxes in shared accounts the user has access to and true for any new
    Mailboxes created by the user themself.

    A folder vanishes from other clients as soon as it is made.
    """
    check.same(t.get("Mailbox", t.mailbox(), "isSubscribed")["isSubscribed"], True, "isSubscribed")


@case("2", "must", needs=("shared-account", "second-user"))
def subscriptions_are_kept_for_each_user(t: Toolkit) -> None:
    """This MUST be stored separately per user where multiple users have access to a shared Mailbox.

    One person's choice changes what another sees.
    """
    other = t.other
    mine = set(t.session["accounts"])
    common = [key for key in other.session["accounts"] if key in mine and key != t.account]
    check.applies(common, "the principals share no account")
    account = common[0]
    box = t.call("Mailbox/get", accountId=account, ids=None)["list"][0]["id"]

    def subscribed(who: object) -> bool:
        answer = who.call("Mailbox/get", accountId=account, ids=[box], properties=["isSubscribed"])  # type: ignore[attr-defined]
        return bool(answer["list"][0]["isSubscribed"])

    mine_before, theirs = subscribed(t), subscribed(other)
    t.afterwards(lambda: t.call("Mailbox/set", accountId=account, update={box: {"isSubscribed": mine_before}}))
    answer = t.call("Mailbox/set", accountId=account, update={box: {"isSubscribed": not mine_before}})
    check.applies(box in (answer.get("updated") or {}), "the subscription in the shared account may not be changed")

    check.same([subscribed(t), subscribed(other)], [not mine_before, theirs], "isSubscribed of both")


@case("2", "must", alone=True)
def counts_are_those_of_the_emails(t: Toolkit) -> None:
    """The number of Emails in this Mailbox. ... The number of Emails in this Mailbox that have neither the "$seen"
    keyword nor the "$draft" keyword.

    The numbers beside folders are wrong.
    """
    box = t.mailbox()
    check.same(counts(t, box), (0, 0, 0, 0), "the counts of an empty mailbox")
    seen, draft = {"$seen": True}, {"$draft": True}
    ids = t.emails(box, *(t.message(f"s{n}") for n in range(4)), keywords=[{}, seen, draft, {}])
    check.same(counts(t, box), (4, 2, 4, 2), "the counts with four emails")
    t.patch("Email", ids[0], {"keywords/$seen": True})
    check.same(counts(t, box), (4, 1, 4, 1), "the counts after one was read")
    t.patch("Email", ids[1], {"keywords/$seen": None})
    check.same(counts(t, box), (4, 2, 4, 2), "the counts after one was marked as unread")
    t.destroy("Email", ids[3])

    check.same(counts(t, box), (3, 1, 3, 1), "the counts after one was destroyed")


@case("2", "should", alone=True)
def a_thread_is_counted_in_each_of_its_mailboxes(t: Toolkit) -> None:
    """Note that the unread Email does not need to be the one in this Mailbox.

    The numbers beside folders are wrong.
    """
    one, two = t.mailboxes({}, {})
    first, second = conversation(t, one, two)
    check.same([counts(t, each)[2:] for each in (one, two)], [(1, 1), (1, 1)], "the counts of threads")
    t.patch("Email", first, {"keywords/$seen": True})
    check.same([counts(t, each)[2:] for each in (one, two)], [(1, 1), (1, 1)], "the counts after one email was read")
    t.patch("Email", second, {"keywords/$seen": True})

    check.same([counts(t, each)[2:] for each in (one, two)], [(1, 0), (1, 0)], "the counts after both were read")


@case("2", "must", alone=True)
def an_email_in_two_mailboxes_counts_in_both(t: Toolkit) -> None:
    """The number of Emails in this Mailbox.

    The numbers beside folders are wrong.
    """
    one, two = t.mailboxes({}, {})
    email = t.email(one)
    t.update("Email", email, mailboxIds={one: True, two: True})
    check.same([counts(t, each) for each in (one, two)], [(1, 1, 1, 1)] * 2, "the counts in both")
    t.update("Email", email, mailboxIds={two: True})

    check.same([counts(t, each) for each in (one, two)], [(0, 0, 0, 0), (1, 1, 1, 1)], "the counts after a move")


@case("2", "should", alone=True)
def the_trash_is_left_out_of_unread_threads(t: Toolkit) -> None:
    """Emails that are *only* in the trash (and no other Mailbox) are ignored when calculating the "unreadThreads" count
    of other Mailboxes. ... Emails that are *not* in the trash are ignored when calculating the "unreadThreads" count
    for the trash Mailbox.

    Folders look unread for mail that was thrown away.
    """
    trash = with_role(t, "trash")
    check.applies(trash, "the account has no trash")
    assert trash is not None
    box = t.mailbox()
    first, second = conversation(t, box, trash)
    t.afterwards(lambda: t.call("Email/set", destroy=[second]))
    unread = counts(t, trash)[3]
    t.patch("Email", first, {"keywords/$seen": True})
    check.same(counts(t, box)[2:], (1, 0), "the counts where only the email in the trash is unread")
    check.same(counts(t, trash)[3], unread, "unreadThreads of the trash after an email elsewhere was read")
    t.patch("Email", second, {"keywords/$seen": True})

    check.same(counts(t, trash)[3], unread - 1, "unreadThreads of the trash after its email was read")


def conversation(t: Toolkit, one: str, two: str) -> tuple[str, str]:
    """An email and its reply, each in a mailbox of its own, in one thread."""
    identifier, subject = f"<{unique()}@example.com>", unique()
    reply = t.message(f"Re: {subject}", In_Reply_To=identifier, References=identifier)
    first = t.email(one, t.message(subject, Message_ID=identifier))
    second = t.email(two, reply)
    threads = {t.get("Email", each, "threadId")["threadId"] for each in (first, second)}
    check.applies(len(threads) == 1, "the server does not join a reply with what it replies to")
    return first, second


@case("2.1", "must")
def all_mailboxes_come_at_once(t: Toolkit) -> None:
    """This is a standard "/get" method as described in [RFC8620], Section 5.1. The "ids" argument may be "null" to
    fetch
    all at once.

    Clients cannot show the tree of folders.
    """
    boxes = t.mailboxes({}, {})

    check.that(set(boxes) <= {each["id"] for each in t.call("Mailbox/get", ids=None)["list"]}, "mailboxes are missing")


@case("2.2", "must", alone=True)
def changes_of_counts_alone_are_told_as_such(t: Toolkit) -> None:
    """If only the "totalEmails", "unreadEmails", "totalThreads", and/or "unreadThreads" Mailbox properties have changed
    since the old state, this will be the list of properties that may have changed. If the server is unable to tell if
    only counts have changed, it MUST just be null.

    Clients fetch everything, or miss a new name.
    """
    box, other = t.mailboxes({}, {})
    since = t.state("Mailbox")
    t.email(box)
    answer = t.call("Mailbox/changes", sinceState=since)
    check.has(answer, ["updatedProperties"], "the response")
    told = answer["updatedProperties"]
    if told is not None:
        check.that(set(told) <= set(COUNTS), f"updatedProperties is {check.show(told)}")
        check.that(
            {"totalEmails", "unreadEmails"} <= set(told), f"updatedProperties lacks what changed: {check.show(told)}"
        )
    t.update("Mailbox", other, name=unique())

    check.same(
        t.call("Mailbox/changes", sinceState=since)["updatedProperties"], None, "updatedProperties after a rename"
    )


@case("2.3", "must")
def mailboxes_are_found_by_every_condition(t: Toolkit) -> None:
    """A *FilterCondition* object has the following properties, any of which may be omitted:

    Clients find the wrong folders.
    """
    parent = t.mailbox()
    word = unique("Needle")
    first, second = t.mailboxes(
        {"parentId": parent, "name": f"{word} one"}, {"parentId": parent, "isSubscribed": False}
    )
    t.update("Mailbox", first, isSubscribed=True)

    def found(**condition: object) -> list[str]:
        return t.query("Mailbox", filter=condition)

    check.same_set(found(parentId=parent), [first, second], "by parentId")
    check.same_set(found(name=word), [first], "by name")
    check.same_set(found(parentId=parent, isSubscribed=True), [first], "by isSubscribed")
    check.same_set(found(parentId=parent, hasAnyRole=True), [], "by hasAnyRole")
    check.same_set(found(parentId=parent, hasAnyRole=False), [first, second], "by hasAnyRole false")
    check.same_set(found(parentId=parent, role=None), [first, second], "by role null")
    check.that(parent in found(parentId=None), "parentId null does not find the top")
    check.that(first not in found(parentId=None), "parentId null finds a child")


@case("2.3", "must")
def mailboxes_are_sorted_by_order_and_name(t: Toolkit) -> None:
    """The following Mailbox properties MUST be supported for sorting:

    Folders stand in a random order.
    """
    parent = t.mailbox()
    a, b, c = t.mailboxes(
        *({"parentId": parent, "name": name, "sortOrder": order} for name, order in (("a", 3), ("b", 1), ("c", 1)))
    )
    here = {"parentId": parent}

    check.same(t.query("Mailbox", filter=here, sort=[{"property": "name"}]), [a, b, c], "by name")
    falling = [{"property": "name", "isAscending": False}]
    check.same(t.query("Mailbox", filter=here, sort=falling), [c, b, a], "by name, falling")
    both = [{"property": "sortOrder"}, {"property": "name", "isAscending": False}]
    check.same(t.query("Mailbox", filter=here, sort=both), [c, b, a], "by order, then name")


@case("2.3", "must")
def trees_are_sorted_and_filtered_as_trees(t: Toolkit) -> None:
    """If true, when sorting the query results and comparing Mailboxes A and B: ... If true, a Mailbox is only included
    in the query if all its ancestors are also included in the query according to the filter.

    Clients that draw the tree from the list draw it wrong.
    """
    word = unique()
    first, second = t.mailboxes({"name": f"{word} b"}, {"name": f"{word} a"})
    inner = t.mailbox(name=f"{word} c", parentId=first)
    other = t.mailbox(name=f"{word} d", parentId=second)
    hidden = t.mailbox(name=f"{word} e", parentId=t.mailbox(name=unique()))
    sort = [{"property": "name"}]

    found = t.query("Mailbox", filter={"name": word}, sort=sort, sortAsTree=True)
    check.same([each for each in found if each != hidden], [second, other, first, inner], "sorted as a tree")
    found = t.query("Mailbox", filter={"name": word}, sort=sort, filterAsTree=True)
    check.same(found, [second, first, inner, other], "filtered as a tree")


@case("2.5", "must")
def a_mailbox_with_children_is_not_destroyed(t: Toolkit) -> None:
    """The Mailbox still has at least one child Mailbox. The client MUST remove these before it can delete the parent
    Mailbox.

    Folders vanish with all that is in them.
    """
    parent = t.mailbox()
    child = t.mailbox(parentId=parent)
    check.set_error(t.call("Mailbox/set", destroy=[parent]), "notDestroyed", parent, "mailboxHasChild")

    check.same_set(
        [each["id"] for each in t.call("Mailbox/get", ids=[parent, child])["list"]], [parent, child], "mailboxes"
    )


@case("2.5", "must")
def a_parent_and_its_child_go_in_one_call(t: Toolkit) -> None:
    """The client MUST remove these before it can delete the parent Mailbox.

    Clients have to sort what they destroy.
    """
    parent = t.mailbox()
    child = t.mailbox(parentId=parent)
    t.destroy("Mailbox", parent, child)


@case("2.5", "must")
def a_mailbox_with_emails_is_not_destroyed(t: Toolkit) -> None:
    """The Mailbox has at least one Email assigned to it, and the "onDestroyRemoveEmails" argument was false.

    Mail is lost by mistake.
    """
    box = t.mailbox()
    email = t.email(box)
    check.set_error(t.call("Mailbox/set", destroy=[box]), "notDestroyed", box, "mailboxHasEmail")

    check.same(t.get("Email", email, "mailboxIds")["mailboxIds"], {box: True}, "mailboxIds")


@case("2.5", "must")
def emails_go_with_their_last_mailbox_when_asked_for(t: Toolkit) -> None:
    """If true, any Emails that were in the Mailbox will be removed from it, and if in no other Mailboxes, they will be
    destroyed when the Mailbox is destroyed.

    Mail is lost, or nobody finds it.
    """
    box, other = t.mailboxes({}, {})
    only, both = t.emails(box, t.message(), t.message())
    t.update("Email", both, mailboxIds={box: True, other: True})
    t.destroy("Mailbox", box, onDestroyRemoveEmails=True)

    check.same(t.call("Email/get", ids=[only])["notFound"], [only], "the email that was nowhere else")
    check.same(t.get("Email", both, "mailboxIds")["mailboxIds"], {other: True}, "mailboxIds of the other email")


@case("10.6.1", "must")
def the_error_for_children_has_its_name(t: Toolkit) -> None:
    """The client MUST remove these before it can delete the parent Mailbox.

    Clients cannot offer to remove the children.
    """
    parent = t.mailbox()
    t.mailbox(parentId=parent)

    check.set_error(
        t.call("Mailbox/set", destroy=[parent], onDestroyRemoveEmails=True), "notDestroyed", parent, "mailboxHasChild"
    )


@case("2", "must")
def rights_are_obeyed(t: Toolkit) -> None:
    """The set of rights (Access Control Lists (ACLs)) the user has in relation to this Mailbox.

    Clients offer what will be refused.
    """
    rights = t.get("Mailbox", t.mailbox(), "myRights")["myRights"]
    for name in (
        "mayReadItems",
        "mayAddItems",
        "mayRemoveItems",
        "maySetSeen",
        "maySetKeywords",
        "mayRename",
        "mayDelete",
    ):
        check.same(rights[name], True, f"{name} of a mailbox of one's own")
    for each in t.call("Mailbox/get", ids=None)["list"]:
        if not each["myRights"]["mayDelete"]:
            answer = t.call("Mailbox/set", destroy=[each["id"]])
            check.set_error(answer, "notDestroyed", each["id"])
