"""/queryChanges (RFC 8620 §5.6)."""

from typing import Any

from jmap_conformance import check
from jmap_conformance.case import MAIL, topic
from jmap_conformance.outcome import NotApplicable
from jmap_conformance.toolkit import Toolkit

case = topic("core/query-changes", 8620, MAIL, alone=True)

BY_DATE = [{"property": "receivedAt", "isAscending": False}]


def begin(t: Toolkit, **arguments: Any) -> dict[str, Any]:
    """A query whose changes can be calculated."""
    answer = t.call("Email/query", **arguments)
    if not answer["canCalculateChanges"]:
        raise NotApplicable("the server says that it cannot calculate changes of this query")
    return answer


def spliced(old: list[str], removed: list[str], added: list[dict[str, Any]]) -> list[str]:
    """The old list after the changes, as the RFC says it."""
    ids = [each for each in old if each not in set(removed)]
    for item in added:
        ids.insert(item["index"], item["id"])
    return ids


def dated(t: Toolkit, box: str, *days: int, **properties: Any) -> list[str]:
    """Emails of the days."""
    dates = [f"2024-03-{day:02}T12:00:00Z" for day in days]
    return t.emails(box, *(t.message(f"day {day}") for day in days), receivedAt=dates, **properties)


@case("5.6", "must")
def changes_lead_from_the_old_results_to_the_new(t: Toolkit) -> None:
    """*splices in* (one by one in order, starting with the lowest index) all of the ids in the added array:

    Clients show a list that is wrong.
    """
    box = t.mailbox()
    ids = dated(t, box, 1, 2, 3, 4, 5)
    query = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    old = begin(t, **query)
    dated(t, box, 9, 3, 1)
    t.destroy("Email", ids[2])
    changes = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)
    new = t.call("Email/query", **query)

    check.same(spliced(old["ids"], changes["removed"], changes["added"]), new["ids"], "the splice")
    check.that(ids[2] in changes["removed"], "what was destroyed is not removed")
    check.same([changes["oldQueryState"], changes["newQueryState"]], [old["queryState"], new["queryState"]], "states")


@case("5.6", "must")
def added_is_sorted_by_index(t: Toolkit) -> None:
    """The array MUST be sorted in order of index, with the lowest index first.

    The splice gives the wrong list.
    """
    box = t.mailbox()
    dated(t, box, 10, 12, 14)
    query = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    old = begin(t, **query)
    dated(t, box, 11, 15, 9, 13)
    added = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)["added"]
    indexes = [each["index"] for each in added]

    check.same(indexes, sorted(indexes), "indexes")
    check.same(len(indexes), 4, "the number of ids added")


@case("5.6", "must")
def mutable_sorts_name_all_that_may_have_moved(t: Toolkit) -> None:
    """If the "filter" or "sort" includes a mutable property, the server MUST include all Foos in the current results
    for which this property may have changed.

    Records stand where they stood before.
    """
    box = t.mailbox()
    ids = dated(t, box, 1, 2, 3, 4)
    query = {"filter": {"inMailbox": box}, "sort": [{"property": "hasKeyword", "keyword": "$flagged"}, *BY_DATE]}
    old = begin(t, **query)
    t.patch("Email", ids[3], {"keywords/$flagged": True})
    changes = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)

    check.that(ids[3] in changes["removed"], "the email whose keyword changed is not removed")
    check.that(ids[3] in [each["id"] for each in changes["added"]], "the email whose keyword changed is not added")
    check.same(spliced(old["ids"], changes["removed"], changes["added"]), t.query("Email", **query), "the splice")


@case("5.6", "must")
def mutable_filters_let_records_come_and_go(t: Toolkit) -> None:
    """The "id" for every Foo that was in the query results in the old state and that is not in the results in the new
    state.

    Clients show what no longer matches.
    """
    box = t.mailbox()
    ids = dated(t, box, 1, 2, 3, keywords=[{"a": True}, {}, {"a": True}])
    query = {"filter": {"operator": "AND", "conditions": [{"inMailbox": box}, {"hasKeyword": "a"}]}, "sort": BY_DATE}
    old = begin(t, **query)
    t.patch("Email", ids[0], {"keywords/a": None})
    t.patch("Email", ids[1], {"keywords/a": True})
    changes = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)

    check.that(ids[0] in changes["removed"], "what no longer matches is not removed")
    check.same(spliced(old["ids"], changes["removed"], changes["added"]), [ids[2], ids[1]], "the splice")


@case("5.6", "may")
def removed_may_name_more_than_was_there(t: Toolkit) -> None:
    """If the server cannot calculate this exactly, the server MAY return the ids of extra Foos in addition that may
    have been in the old results but are not in the new results.

    Ids that are still in the results are removed and not added again.
    """
    box, other = t.mailboxes({}, {})
    ids = dated(t, box, 1, 2, 3)
    query = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    old = begin(t, **query)
    dated(t, other, 4)
    t.update("Email", ids[1], mailboxIds={other: True})
    changes = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)

    check.same(spliced(old["ids"], changes["removed"], changes["added"]), [ids[2], ids[0]], "the splice")


@case("5.6", "should")
def up_to_id_leaves_out_what_was_removed_behind_it(t: Toolkit) -> None:
    """If the sort and filter are both only on immutable properties and an "upToId" is supplied and exists in the
    results, any ids that were removed but have a higher index than "upToId" SHOULD be omitted.

    Long lists cost more than they have to.
    """
    ids, query, old = bounded(t)
    t.destroy("Email", ids[0])
    answer = t.call("Email/queryChanges", sinceQueryState=old["queryState"], upToId=ids[3], **query)

    check.same(answer["removed"], [], "removed")


@case("5.6", "should")
def up_to_id_leaves_out_what_was_added_behind_it(t: Toolkit) -> None:
    """If the sort and filter are both only on immutable properties and an "upToId" is supplied and exists in the
    results, any ids that were added but have a higher index than "upToId" SHOULD be omitted.

    Long lists cost more than they have to.
    """
    ids, query, old = bounded(t)
    box_after = {"after": "2024-03-01T00:00:00Z"}
    check.that(query["filter"] == {**box_after, "subject": query["filter"]["subject"]}, "the query of this case")
    t.email(source=t.message(query["filter"]["subject"]), receivedAt="2024-03-02T01:00:00Z")
    answer = t.call("Email/queryChanges", sinceQueryState=old["queryState"], upToId=ids[3], **query)

    check.same(answer["added"], [], "added")


def bounded(t: Toolkit) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Four emails, a query over immutable properties that finds them, newest first, and its response."""
    word = "bounded" + t.mailbox().lower().replace("-", "").replace("_", "")[-12:]
    dates = [f"2024-03-{day:02}T12:00:00Z" for day in (2, 3, 4, 5)]
    ids = t.emails(t.mailbox(), *(t.message(word) for _ in dates), receivedAt=dates)
    query = {"filter": {"after": "2024-03-01T00:00:00Z", "subject": word}, "sort": BY_DATE}
    t.eventually(lambda: len(t.query("Email", **query)) == 4, "four emails are found by their subject")
    return ids, query, begin(t, **query)


@case("5.6", "must")
def up_to_id_is_ignored_for_mutable_queries(t: Toolkit) -> None:
    """If they are not immutable, this argument is ignored.

    Changes are lost.
    """
    box = t.mailbox()
    ids = dated(t, box, 1, 2, 3, 4)
    query = {"filter": {"inMailbox": box}, "sort": [{"property": "hasKeyword", "keyword": "$flagged"}, *BY_DATE]}
    old = begin(t, **query)
    t.patch("Email", ids[0], {"keywords/$flagged": True})
    changes = t.call("Email/queryChanges", sinceQueryState=old["queryState"], upToId=old["ids"][0], **query)

    check.same(spliced(old["ids"], changes["removed"], changes["added"]), t.query("Email", **query), "the splice")


@case("5.6", "must")
def more_than_max_changes_is_told(t: Toolkit) -> None:
    """ "tooManyChanges": There are more changes than the client's "maxChanges" argument.

    Clients apply half of the changes.
    """
    box = t.mailbox()
    query = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    old = begin(t, **query)
    dated(t, box, 1, 2, 3)
    t.error("Email/queryChanges", "tooManyChanges", sinceQueryState=old["queryState"], maxChanges=2, **query)
    answer = t.call("Email/queryChanges", sinceQueryState=old["queryState"], maxChanges=50, **query)

    check.same(len(answer["added"]), 3, "the number of ids added")


@case("5.6", "must")
def the_total_is_told_only_when_asked_for(t: Toolkit) -> None:
    """This argument MUST be omitted if the "calculateTotal" request argument is not true.

    Servers count for nothing.
    """
    box = t.mailbox()
    query = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    old = begin(t, **query)
    dated(t, box, 1, 2)
    silent = t.call("Email/queryChanges", sinceQueryState=old["queryState"], **query)
    told = t.call("Email/queryChanges", sinceQueryState=old["queryState"], calculateTotal=True, **query)

    check.that("total" not in silent, "total is told")
    check.same(told.get("total"), 2, "total")


@case("5.6", "must")
def a_query_state_that_never_was_cannot_be_calculated_from(t: Toolkit) -> None:
    """ "cannotCalculateChanges": The server cannot calculate the changes from the queryState string given by the client

    Clients keep a list that is wrong.
    """
    query = {"filter": {"inMailbox": t.mailbox()}, "sort": BY_DATE}
    begin(t, **query)
    t.error(
        "Email/queryChanges", "cannotCalculateChanges", "invalidArguments", sinceQueryState="no-such-state", **query
    )


@case("5.6", "must")
def mailboxes_come_and_go_in_their_queries(t: Toolkit) -> None:
    """The id and index in the query results (in the new state) for every Foo that has been added to the results since
    the old state

    Clients show a tree of folders that is wrong.
    """
    parent = t.mailbox()
    first, second = t.mailboxes({"parentId": parent, "name": "a"}, {"parentId": parent, "name": "c"})
    query = {"filter": {"parentId": parent}, "sort": [{"property": "name"}]}
    old = t.call("Mailbox/query", **query)
    check.applies(old["canCalculateChanges"], "the server says that it cannot calculate changes of this query")
    third = t.mailbox(parentId=parent, name="b")
    t.destroy("Mailbox", first)
    changes = t.call("Mailbox/queryChanges", sinceQueryState=old["queryState"], **query)

    new = t.query("Mailbox", **query)
    check.same_set(new, [third, second], "the new results")
    check.same(spliced(old["ids"], changes["removed"], changes["added"]), new, "the splice")
