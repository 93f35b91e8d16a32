"""Email/query: conditions, sorts, collapsed threads (RFC 8621 §4.4)."""

from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.toolkit import Toolkit, unique

case = topic("mail/email-query", 8621, MAIL)

SEEN, FLAGGED, ANSWERED = {"$seen": True}, {"$flagged": True}, {"$answered": True}


def found(t: Toolkit, box: str, **condition: Any) -> list[str]:
    """What a condition finds in a mailbox, in no order."""
    here = {"inMailbox": box}
    return t.query("Email", filter={"operator": "AND", "conditions": [here, condition]})


def pairs(t: Toolkit, box: str) -> tuple[list[str], list[str]]:
    """Two threads: of two emails, the first one flagged; and of two emails, both flagged and answered."""
    made = []
    for keywords in (({}, FLAGGED), ({**FLAGGED, **ANSWERED}, {**FLAGGED, **ANSWERED})):
        root, subject = f"<{unique()}@example.com>", unique()
        sources = (t.message(subject, Message_ID=root), t.message(f"Re: {subject}", References=root, In_Reply_To=root))
        made.append(
            t.emails(
                box, *sources, keywords=list(keywords), receivedAt=["2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"]
            )
        )
    threads = {
        each["id"]: each["threadId"]
        for each in t.call("Email/get", ids=[*made[0], *made[1]], properties=["threadId"])["list"]
    }
    joined = all(threads[one] == threads[two] for one, two in made)
    check.applies(joined, "the server does not join a reply with what it replies to")
    return made[0], made[1]


@case("4.4.1", "must")
def mailboxes_filter(t: Toolkit) -> None:
    """A Mailbox id. An Email must be in this Mailbox to match the condition.

    Folders show the wrong mail.
    """
    one, two, three = t.mailboxes({}, {}, {})
    first, second = t.email(one), t.email(two)
    t.update("Email", first, mailboxIds={one: True, three: True})

    check.same(t.query("Email", filter={"inMailbox": one}), [first], "inMailbox")
    check.same_set(t.query("Email", filter={"inMailbox": three}), [first], "inMailbox of the second mailbox")
    here = {"operator": "OR", "conditions": [{"inMailbox": one}, {"inMailbox": two}]}
    both = {"operator": "AND", "conditions": [here, {"inMailboxOtherThan": [one]}]}
    check.same_set(t.query("Email", filter=both), [first, second], "inMailboxOtherThan one")
    both["conditions"] = [here, {"inMailboxOtherThan": [one, three]}]
    check.same_set(t.query("Email", filter=both), [second], "inMailboxOtherThan both")


@case("4.4.1", "must")
def dates_filter_before_and_from(t: Toolkit) -> None:
    """The "receivedAt" date-time of the Email must be before this date-time to match the condition. ... The
    "receivedAt" date-time of the Email must be the same or after this date-time to match the condition.

    Searches lose the mail at the edge.
    """
    box = t.mailbox()
    ids = t.emails(box, *(t.message() for _ in range(3)), receivedAt=[f"2024-01-0{n}T00:00:00Z" for n in (1, 2, 3)])

    check.same_set(found(t, box, before="2024-01-02T00:00:00Z"), ids[:1], "before")
    check.same_set(found(t, box, after="2024-01-02T00:00:00Z"), ids[1:], "after")
    check.same_set(found(t, box, after="2024-01-01T00:00:01Z", before="2024-01-02T00:00:01Z"), ids[1:2], "between")


@case("4.4.1", "must")
def sizes_filter_at_least_and_below(t: Toolkit) -> None:
    """The "size" property of the Email must be equal to or greater than this number to match the condition. ... The
    "size" property of the Email must be less than this number to match the condition.

    Searches lose the mail at the edge.
    """
    box = t.mailbox()
    email = t.email(box)
    size = t.get("Email", email, "size")["size"]

    check.same(found(t, box, minSize=size), [email], "minSize of the size")
    check.same(found(t, box, minSize=size + 1), [], "minSize above the size")
    check.same(found(t, box, maxSize=size), [], "maxSize of the size")
    check.same(found(t, box, maxSize=size + 1), [email], "maxSize above the size")


@case("4.4.1", "must")
def keywords_filter(t: Toolkit) -> None:
    """This Email must have the given keyword to match the condition. ... This Email must not have the given keyword to
    match the condition.

    Folders of unread mail are wrong.
    """
    box = t.mailbox()
    seen, unseen, rare = t.emails(box, *(t.message() for _ in range(3)), keywords=[SEEN, {}, {"rare": True}])

    check.same_set(found(t, box, hasKeyword="$seen"), [seen], "hasKeyword")
    check.same_set(found(t, box, hasKeyword="$SEEN"), [seen], "hasKeyword in capitals")
    check.same_set(found(t, box, notKeyword="$seen"), [unseen, rare], "notKeyword")
    check.same_set(found(t, box, hasKeyword="rare"), [rare], "hasKeyword of a rare one")
    check.same_set(found(t, box, notKeyword="rare"), [seen, unseen], "notKeyword of a rare one")
    check.same_set(found(t, box, hasKeyword="never-used"), [], "hasKeyword of one never used")


@case("4.4.1", "must")
def keywords_of_threads_filter(t: Toolkit) -> None:
    """All Emails (including this one) in the same Thread as this Email must have the given keyword to match the
    condition.

    Folders of unread conversations are wrong.
    """
    box = t.mailbox()
    mixed, full = pairs(t, box)

    check.same_set(found(t, box, allInThreadHaveKeyword="$flagged"), full, "allInThreadHaveKeyword")
    check.same_set(found(t, box, someInThreadHaveKeyword="$flagged"), [*mixed, *full], "someInThreadHaveKeyword")
    check.same_set(found(t, box, noneInThreadHaveKeyword="$answered"), mixed, "noneInThreadHaveKeyword")


@case("4.4.1", "must")
def attachments_filter(t: Toolkit) -> None:
    """The "hasAttachment" property of the Email must be identical to the value given to match the condition.

    Searches for files find nothing.
    """
    box = t.mailbox()
    part = "Content-Disposition: attachment; filename=a.bin"
    with_file = t.message(body="AAAA\r\n", Content_Type="application/octet-stream").replace(
        b"Subject", part.encode() + b"\r\nSubject", 1
    )
    ids = t.emails(box, t.message(), with_file)
    values = {
        each["id"]: each["hasAttachment"] for each in t.call("Email/get", ids=ids, properties=["hasAttachment"])["list"]
    }

    for value in (True, False):
        check.same_set(
            found(t, box, hasAttachment=value),
            [each for each in ids if values[each] is value],
            f"hasAttachment {value}",
        )


@case("4.4.1", "must")
def headers_filter_by_name_and_text(t: Toolkit) -> None:
    """The array MUST contain either one or two elements.

    Searches for a field find the wrong mail.
    """
    box = t.mailbox()
    plain, marked = t.emails(box, t.message(), t.message(X_Conformance="some Special value"))

    check.same_set(found(t, box, header=["X-Conformance"]), [marked], "by name")
    check.same_set(found(t, box, header=["x-conformance", "special"]), [marked], "by name and text")
    check.same_set(found(t, box, header=["X-Conformance", "nothing"]), [], "by name and another text")
    check.same_set(found(t, box, header=["Subject"]), [plain, marked], "by a name that all have")
    for broken in ([], ["a", "b", "c"]):
        t.error("Email/query", "invalidArguments", "unsupportedFilter", filter={"header": broken})


@case("4.4.1", "must")
def an_empty_condition_matches_everything(t: Toolkit) -> None:
    """If zero properties are specified on the FilterCondition, the condition MUST always evaluate to true.

    Clients that build filters find nothing.
    """
    box = t.mailbox()
    ids = t.emails(box, t.message(), t.message())

    check.same_set(found(t, box), ids, "ids")
    nothing = {"operator": "AND", "conditions": [{"inMailbox": box}, {"operator": "NOT", "conditions": [{}]}]}
    check.same(t.query("Email", filter=nothing), [], "the opposite")


@case("4.4.2", "must")
def received_at_sorts(t: Toolkit) -> None:
    """The following value for the "property" field on the Comparator object MUST be supported for sorting:

    Folders are in no order.
    """
    box = t.mailbox()
    dates = ["2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-03T00:00:00Z"]
    ids = t.emails(box, *(t.message() for _ in range(3)), receivedAt=dates)

    check.same(ordered(t, box, "receivedAt"), [ids[1], ids[0], ids[2]], "ids")


def ordered(t: Toolkit, box: str, name: str, **more: Any) -> list[str]:
    """The ids of a mailbox, sorted."""
    name_and_answer = t.calls(("Email/query", {"filter": {"inMailbox": box}, "sort": [{"property": name, **more}]}))[0]
    if name_and_answer[1].get("type") == "unsupportedSort":
        raise NotApplicable(f"the server does not sort by {name}")
    return list(t.jmap.first([name_and_answer], "Email/query")["ids"])


def supported(t: Toolkit, name: str) -> None:
    """Whether the server says that it sorts by the property; that is no excuse for standard ones."""
    options = t.session["accounts"][t.account]["accountCapabilities"][MAIL].get("emailQuerySortOptions") or []
    check.that(name in options, f"emailQuerySortOptions lacks {name}: {check.show(options)}")


@case("4.4.2", "should")
def standard_properties_sort(t: Toolkit) -> None:
    """The following values for the "property" field on the Comparator object SHOULD be supported for sorting.

    Clients cannot sort by column.
    """
    for name in (
        "size",
        "from",
        "to",
        "subject",
        "sentAt",
        "hasKeyword",
        "allInThreadHaveKeyword",
        "someInThreadHaveKeyword",
    ):
        more = {"keyword": "$answered"} if name.endswith("Keyword") else {}
        ordered(t, t.mailbox(), name, **more)
    supported(t, "subject")


@case("4.4.2", "must")
def subjects_sort_by_their_base(t: Toolkit) -> None:
    """ "subject" - This is taken to be the base subject of the message, as defined in Section 2.1 of [RFC5256].

    Answers stand apart from what they answer.
    """
    box = t.mailbox()
    subjects = ("Re: banana", "apple", "[list] Fwd: cherry", "Re[2]: Re: date (fwd)")
    ids = t.emails(box, *(t.message(each) for each in subjects))

    check.same(ordered(t, box, "subject"), [ids[1], ids[0], ids[2], ids[3]], "ids")


@case("4.4.2", "must")
def senders_sort_by_name_or_address(t: Toolkit) -> None:
    """This is taken to be either the "name" property or if null/empty, the "email" property of the *first* EmailAddress
    object in the Email's "from" property. If still none, consider the value to be the empty string.

    Lists by sender are in no order.
    """
    box = t.mailbox()
    froms = ("Zoe <a@example.com>", "bob@example.com", "", "Carl <z@example.com>, Adam <y@example.com>")
    ids = t.emails(box, *(t.message(From=each, To=each) for each in froms))
    wanted = [ids[2], ids[1], ids[3], ids[0]]

    for name in ("from", "to"):
        check.same(ordered(t, box, name), wanted, f"by {name}")


@case("4.4.2", "must")
def sizes_and_dates_sort(t: Toolkit) -> None:
    """ "size" - The "size" as returned in the Email object.

    Lists are in no order.
    """
    box = t.mailbox()
    sources = (
        t.message(body="x" * 900 + "\r\n", Date="Mon, 1 Jan 2024 12:00:00 +0000"),
        t.message(body="x" * 50 + "\r\n", Date="Mon, 1 Jan 2024 12:30:00 +0100"),
        t.message(body="x" * 400 + "\r\n", Date="Mon, 1 Jan 2024 11:00:00 -0500"),
    )
    ids = t.emails(box, *sources)

    check.same(ordered(t, box, "size"), [ids[1], ids[2], ids[0]], "by size")
    check.same(ordered(t, box, "sentAt"), [ids[1], ids[0], ids[2]], "by sentAt")


@case("4.4.2", "must")
def keyword_sorts_need_a_keyword(t: Toolkit) -> None:
    """When specifying a "hasKeyword", "allInThreadHaveKeyword", or "someInThreadHaveKeyword" sort, the Comparator
    object
    MUST also have a "keyword" property.

    Mistakes of clients give a random order.
    """
    for name in ("hasKeyword", "allInThreadHaveKeyword", "someInThreadHaveKeyword"):
        sort = [{"property": name}]
        t.error("Email/query", "invalidArguments", "unsupportedSort", filter={"inMailbox": t.mailbox()}, sort=sort)


@case("4.4.2", "must")
def has_keyword_sorts(t: Toolkit) -> None:
    """ "hasKeyword" - This value MUST be considered true if the Email has the keyword given as an additional "keyword"
    property on the Comparator object, or false otherwise.

    Flagged mail does not stand on top.
    """
    box = t.mailbox()
    ids = t.emails(box, *(t.message() for _ in range(3)), keywords=[{}, FLAGGED, {}])

    check.same(ordered(t, box, "hasKeyword", keyword="$flagged")[-1], ids[1], "the last one")
    check.same(
        ordered(t, box, "hasKeyword", keyword="$flagged", isAscending=False)[0], ids[1], "the first one, falling"
    )


@case("4.4.2", "must")
def all_in_thread_have_keyword_sorts(t: Toolkit) -> None:
    """ "allInThreadHaveKeyword" - This value MUST be considered true for the Email if *all* of the Emails in the same
    Thread have the keyword given as an additional "keyword" property on the Comparator object.

    Conversations stand in the wrong place.
    """
    box = t.mailbox()
    mixed, full = pairs(t, box)
    order = ordered(t, box, "allInThreadHaveKeyword", keyword="$flagged")

    check.same([set(order[:2]) == set(mixed), set(order[2:]) == set(full)], [True, True], "mixed before full")


@case("4.4.2", "must")
def some_in_thread_have_keyword_sorts(t: Toolkit) -> None:
    """ "someInThreadHaveKeyword" - This value MUST be considered true for the Email if *any* of the Emails in the same
    Thread have the keyword given as an additional "keyword" property on the Comparator object.

    Conversations stand in the wrong place.
    """
    box = t.mailbox()
    mixed, full = pairs(t, box)
    order = ordered(t, box, "someInThreadHaveKeyword", keyword="$answered")

    check.same([set(order[:2]) == set(mixed), set(order[2:]) == set(full)], [True, True], "without before with")


@case("4.4.2", "may")
def advertised_sorts_are_supported(t: Toolkit) -> None:
    """The server MAY support sorting based on other properties as well.

    Clients that choose from the list get errors.
    """
    options = t.session["accounts"][t.account]["accountCapabilities"][MAIL].get("emailQuerySortOptions") or []
    check.applies(options, "the server advertises no sort options")
    box = t.mailbox()
    t.emails(box, t.message(), t.message())
    for name in options:
        more = {"keyword": "$flagged"} if "Keyword" in name else {}
        t.call("Email/query", filter={"inMailbox": box}, sort=[{"property": name, **more}])


@case("4.4.3", "must")
def collapsed_threads_show_their_first_email_only(t: Toolkit) -> None:
    """When "collapseThreads" is true, then after filtering and sorting the Email list, the list is further winnowed by
    removing any Emails for a Thread id that has already been seen (when passing through the list sequentially).

    Conversations are listed once for each message.
    """
    box = t.mailbox()
    (one, two), (three, four) = pairs(t, box)
    sort = [{"property": "receivedAt", "isAscending": False}, {"property": "hasKeyword", "keyword": "$answered"}]
    here = {"inMailbox": box}
    answer = t.call("Email/query", filter=here, sort=sort, collapseThreads=True, calculateTotal=True)

    check.same([answer["ids"], answer["total"]], [[two, four], 2], "the newest of each, and the total")
    rising = [{"property": "receivedAt"}, {"property": "hasKeyword", "keyword": "$answered"}]
    check.same(t.query("Email", filter=here, sort=rising, collapseThreads=True), [one, three], "the oldest of each")
    check.same(t.query("Email", filter=here, sort=sort, collapseThreads=True, position=1), [four], "the second page")
    unread = {"operator": "AND", "conditions": [here, {"notKeyword": "$flagged"}]}
    check.same(t.query("Email", filter=unread, sort=sort, collapseThreads=True), [one], "of those that match")


@case("4.4.3", "must")
def an_anchor_finds_its_place_among_collapsed_threads(t: Toolkit) -> None:
    """the list is further winnowed by removing any Emails for a Thread id that has already been seen

    Clients cannot open a list of conversations at a message.
    """
    box = t.mailbox()
    (_, two), (_, four) = pairs(t, box)
    sort = [{"property": "receivedAt", "isAscending": False}, {"property": "hasKeyword", "keyword": "$answered"}]
    answer = t.call(
        "Email/query", filter={"inMailbox": box}, sort=sort, collapseThreads=True, anchor=four, anchorOffset=-1
    )

    check.same([answer["ids"], answer["position"]], [[two, four], 0], "ids and position")


@case("8620 5.5", "must")
def queries_of_one_mailbox_do_not_see_another(t: Toolkit) -> None:
    """ "unsupportedFilter": The "filter" is syntactically valid, but the server cannot process it.

    Folders show mail of others.
    """
    answer = t.calls(("Email/query", {"filter": {"inMailbox": "no-such-mailbox"}}))[0]
    if answer[0] == "error":
        check.one_of(answer[1]["type"], ("invalidArguments", "unsupportedFilter"), "the type of the error")
    else:
        check.same(answer[1]["ids"], [], "ids")
