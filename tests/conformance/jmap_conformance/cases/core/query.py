"""/query (RFC 8620 §5.5)."""

from jmap_conformance import check
from jmap_conformance.case import CORE, MAIL, topic
from jmap_conformance.toolkit import Toolkit, unique

case = topic("core/query", 8620, MAIL)

BY_DATE = [{"property": "receivedAt", "isAscending": True}]


def ten(t: Toolkit) -> tuple[str, list[str]]:
    """A mailbox with ten emails, and their ids by date."""
    box = t.mailbox()
    dates = [f"2024-03-{day:02}T12:00:00Z" for day in range(1, 11)]
    return box, t.emails(box, *(t.message(f"number {n}") for n in range(10)), receivedAt=dates)


def page(t: Toolkit, box: str, **arguments: object) -> list[str]:
    """The ids of a page over the ten."""
    return t.query("Email", filter={"inMailbox": box}, sort=BY_DATE, **arguments)


@case("5.5", "must")
def a_page_begins_at_its_position(t: Toolkit) -> None:
    """The zero-based index of the first id in the full list of results to return.

    Lists skip records, or show them twice.
    """
    box, ids = ten(t)

    for position, limit in ((0, 3), (3, 3), (9, 3), (0, 10), (0, 100), (4, 1)):
        answer = t.call("Email/query", filter={"inMailbox": box}, sort=BY_DATE, position=position, limit=limit)
        check.same(answer["ids"], ids[position : position + limit], f"ids at {position} of {limit}")
        check.same(answer["position"], position, "position")


@case("5.5", "must")
def a_negative_position_counts_from_the_end(t: Toolkit) -> None:
    """Specifically, the negative value MUST be added to the total number of results given the filter, and if still
    negative, it's clamped to "0".

    Clients cannot show the end of a list.
    """
    box, ids = ten(t)

    for position in (-1, -3, -10):
        check.same(page(t, box, position=position), ids[position:], f"ids at {position}")
    answer = t.call("Email/query", filter={"inMailbox": box}, sort=BY_DATE, position=-50, limit=2)
    check.same([answer["ids"], answer["position"]], [ids[:2], 0], "ids and position at -50")
    answer = t.call("Email/query", filter={"inMailbox": box}, sort=BY_DATE, position=-3, limit=2)
    check.same([answer["ids"], answer["position"]], [ids[7:9], 7], "ids and position at -3")


@case("5.5", "must")
def a_position_behind_the_end_gives_nothing(t: Toolkit) -> None:
    """If "position" is >= "total", this MUST be the empty list.

    Clients that scroll to the end loop.
    """
    box, _ = ten(t)

    for position in (10, 11, 1000):
        check.same(page(t, box, position=position), [], f"ids at {position}")


@case("5.5", "must")
def an_anchor_finds_its_place(t: Toolkit) -> None:
    """If an "anchor" argument is given, the anchor is looked for in the results after filtering and sorting. If found,
    the "anchorOffset" is then added to its index. If the resulting index is now negative, it is clamped to 0.

    Clients cannot open a list at a record.
    """
    box, ids = ten(t)

    for index, offset, wanted in ((5, 0, 5), (5, -2, 3), (5, 3, 8), (0, -1, 0), (9, 1, 10), (2, -7, 0), (9, 0, 9)):
        answer = t.call(
            "Email/query", filter={"inMailbox": box}, sort=BY_DATE, anchor=ids[index], anchorOffset=offset, limit=2
        )
        check.same(answer["ids"], ids[wanted : wanted + 2], f"ids at anchor {index} with offset {offset}")
        if answer["ids"]:
            check.same(answer["position"], wanted, "position")


@case("5.5", "may")
def an_anchor_offset_may_be_negative(t: Toolkit) -> None:
    """This MAY be negative.

    Clients cannot show what stands before a record.
    """
    box, ids = ten(t)

    check.same(page(t, box, anchor=ids[4], anchorOffset=-1, limit=3), ids[3:6], "ids")


@case("5.5", "must")
def an_anchor_beats_a_position(t: Toolkit) -> None:
    """If an "anchor" is specified, any position argument supplied by the client MUST be ignored.

    Clients that always send a position get the wrong page.
    """
    box, ids = ten(t)

    check.same(page(t, box, anchor=ids[4], position=8, limit=2), ids[4:6], "ids")


@case("5.5", "must")
def an_offset_without_an_anchor_is_ignored(t: Toolkit) -> None:
    """If no "anchor" is supplied, any "anchorOffset" argument MUST be ignored.

    Clients that always send an offset get the wrong page.
    """
    box, ids = ten(t)

    check.same(page(t, box, position=2, anchorOffset=3, limit=2), ids[2:4], "ids")


@case("5.5", "must")
def an_anchor_that_is_not_among_the_results_is_told(t: Toolkit) -> None:
    """If the anchor is not found, the call is rejected with an "anchorNotFound" error.

    Clients show the wrong page.
    """
    box, _ = ten(t)
    elsewhere = t.email()

    for anchor in (elsewhere, "no-such"):
        t.error("Email/query", "anchorNotFound", filter={"inMailbox": box}, anchor=anchor)


@case("5.5", "must")
def a_negative_limit_is_refused(t: Toolkit) -> None:
    """If a negative value is given, the call MUST be rejected with an "invalidArguments" error.

    Mistakes of clients stay hidden.
    """
    t.error("Email/query", "invalidArguments", filter={"inMailbox": t.mailbox()}, limit=-1)


@case("5.5", "may")
def a_limit_of_the_server_is_told(t: Toolkit) -> None:
    """The server MAY choose to enforce a maximum "limit" argument.

    Clients take a page for the whole list.
    """
    box, _ = ten(t)
    answer = t.call("Email/query", filter={"inMailbox": box}, limit=2**53 - 1)
    if "limit" in answer and answer["limit"] is not None:
        check.is_unsigned(answer["limit"], "limit", 1)
        check.that(len(answer["ids"]) <= answer["limit"], "more ids than the limit")
    else:
        check.same(len(answer["ids"]), 10, "the number of ids")


@case("5.5", "must")
def a_limit_that_was_kept_is_not_told(t: Toolkit) -> None:
    """This is only returned if the server set a limit or used a different limit than that given in the request.

    Clients believe that their page was cut.
    """
    answer = t.call("Email/query", filter={"inMailbox": t.mailbox()}, limit=5)

    check.one_of(answer.get("limit"), (None,), "limit")


@case("5.5", "must")
def the_total_is_told_when_asked_for(t: Toolkit) -> None:
    """The total number of Foos in the results (given the "filter").

    Scroll bars are wrong.
    """
    box, _ = ten(t)
    for position, limit in ((0, 3), (9, 5), (20, 5)):
        answer = t.call("Email/query", filter={"inMailbox": box}, calculateTotal=True, position=position, limit=limit)
        check.same(answer.get("total"), 10, f"total at {position}")


@case("5.5", "must")
def the_total_is_not_told_unasked(t: Toolkit) -> None:
    """This argument MUST be omitted if the "calculateTotal" request argument is not true.

    Servers count for nothing.
    """
    for arguments in ({}, {"calculateTotal": False}):
        check.that(
            "total" not in t.call("Email/query", filter={"inMailbox": t.mailbox()}, **arguments), "total is told"
        )


@case("5.5", "must", alone=True)
def the_query_state_changes_with_the_results(t: Toolkit) -> None:
    """This string MUST change if the results of the query (i.e., the matching ids and their sort order) have changed.

    Clients show an old list.
    """
    box, ids = ten(t)
    arguments = {"filter": {"inMailbox": box}, "sort": BY_DATE}
    states = [t.call("Email/query", **arguments)["queryState"]]
    t.email(box)
    states.append(t.call("Email/query", **arguments)["queryState"])
    t.destroy("Email", ids[0])
    states.append(t.call("Email/query", **arguments)["queryState"])

    check.that(len(set(states)) == 3, f"states repeat: {check.show(states)}")


@case("5.5", "may")
def the_query_state_is_a_string(t: Toolkit) -> None:
    """The queryState string MAY change if something has changed on the server, which means the results may have changed
    but the server doesn't know for sure.

    Clients cannot keep the state.
    """
    answer = t.call("Email/query", filter={"inMailbox": t.mailbox()})

    check.is_string(answer["queryState"], "queryState")
    check.that(isinstance(answer["canCalculateChanges"], bool), "canCalculateChanges is no boolean")


@case("5.5", "must")
def operators_combine_conditions(t: Toolkit) -> None:
    """This MUST be one of the following strings:

    Searches find the wrong records.
    """
    box = t.mailbox()
    ids = t.emails(
        box, *(t.message() for _ in range(4)), keywords=[{}, {"a": True}, {"b": True}, {"a": True, "b": True}]
    )
    a, b, here = {"hasKeyword": "a"}, {"hasKeyword": "b"}, {"inMailbox": box}

    def found(*conditions: object, operator: str) -> list[str]:
        inner = {"operator": operator, "conditions": list(conditions)}
        return t.query("Email", filter={"operator": "AND", "conditions": [here, inner]})

    check.same_set(found(a, b, operator="AND"), [ids[3]], "AND")
    check.same_set(found(a, b, operator="OR"), ids[1:], "OR")
    check.same_set(found(a, b, operator="NOT"), [ids[0]], "NOT")
    check.same_set(found({"operator": "NOT", "conditions": [a]}, b, operator="AND"), [ids[2]], "AND of NOT")
    check.same_set(found({"operator": "NOT", "conditions": [a]}, operator="NOT"), [ids[1], ids[3]], "NOT of NOT")


@case("5.5", "must")
def an_unknown_operator_is_refused(t: Toolkit) -> None:
    """This MUST be one of the following strings:

    Mistakes of clients find everything or nothing.
    """
    here = {"inMailbox": t.mailbox()}
    for operator in ("XOR", "and", "", 1):
        broken = {"operator": operator, "conditions": [here]}
        t.error("Email/query", "invalidArguments", "unsupportedFilter", filter=broken)


@case("5.5", "must")
def a_condition_has_no_operator(t: Toolkit) -> None:
    """It MUST NOT have an "operator" property.

    A condition with a slip is taken for an operator, or the reverse.
    """
    box = t.mailbox()
    t.error("Email/query", "invalidArguments", "unsupportedFilter", filter={"operator": "AND", "inMailbox": box})


@case("5.5", "must")
def a_filter_that_is_not_known_is_refused(t: Toolkit) -> None:
    """ "unsupportedFilter": The "filter" is syntactically valid, but the server cannot process it.

    Clients show everything for what they searched.
    """
    t.error("Email/query", "unsupportedFilter", "invalidArguments", filter={"noSuchCondition": 1})
    t.error("Mailbox/query", "unsupportedFilter", "invalidArguments", filter={"noSuchCondition": 1})


@case("5.5", "must")
def a_sort_that_is_not_known_is_refused(t: Toolkit) -> None:
    """ "unsupportedSort": The "sort" is syntactically valid, but it includes a property the server does not support
    sorting on or a collation method it does not recognise.

    Clients show an order that is none.
    """
    here = {"inMailbox": t.mailbox()}
    t.error("Email/query", "unsupportedSort", filter=here, sort=[{"property": "noSuchProperty"}])
    collation = {"property": "subject", "collation": "i;no-such"}
    t.error("Email/query", "unsupportedSort", filter=here, sort=[collation])


@case("5.5", "must")
def every_advertised_collation_is_taken(t: Toolkit) -> None:
    """The algorithms the server supports are advertised in the capabilities object returned with the Session object

    Clients that choose from the list get errors.
    """
    for collation in t.session["capabilities"][CORE]["collationAlgorithms"]:
        sort = [{"property": "name", "collation": collation}]
        t.call("Mailbox/query", filter={"parentId": t.mailbox()}, sort=sort)


@case("5.5", "must")
def equal_records_keep_their_order_between_calls(t: Toolkit) -> None:
    """If all comparators are the same (this includes the case where an empty array or null is given as the "sort"
    argument), the sort order is server dependent, but it MUST be stable between calls to "Foo/query".

    Pages overlap, records are lost between them.
    """
    box = t.mailbox()
    t.emails(box, *(t.message("same") for _ in range(9)), receivedAt="2024-01-01T00:00:00Z")
    for sort in (None, [], BY_DATE, [{"property": "subject"}]):
        first = t.query("Email", filter={"inMailbox": box}, sort=sort)
        paged = [
            each
            for at in range(0, 9, 2)
            for each in t.query("Email", filter={"inMailbox": box}, sort=sort, position=at, limit=2)
        ]
        check.same(paged, first, f"the pages sorted by {check.show(sort)}")


@case("5.5", "must")
def the_first_comparator_counts_most(t: Toolkit) -> None:
    """Lists the names of properties to compare between two Foo records, and how to compare them, to determine which
    comes first in the sort. If two Foo records have an identical value for the first comparator, the next comparator
    will be considered, and so on.

    Lists are in no order that anybody asked for.
    """
    box = t.mailbox()
    sizes = [t.message(body="x" * length + "\r\n") for length in (10, 10, 500, 500)]
    dates = ["2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z", "2024-01-04T00:00:00Z", "2024-01-03T00:00:00Z"]
    messages = [each.replace(b"conformance", b"x" * 11) for each in sizes]
    ids = t.emails(box, *messages, receivedAt=dates)
    found = {each["id"]: each["size"] for each in t.call("Email/get", ids=ids, properties=["size"])["list"]}
    wanted = sorted(range(4), key=lambda n: (-found[ids[n]], dates[n]))
    sort = [{"property": "size", "isAscending": False}, {"property": "receivedAt", "isAscending": True}]

    check.same(t.query("Email", filter={"inMailbox": box}, sort=sort), [ids[n] for n in wanted], "ids")


@case("5.5", "must")
def ascending_is_the_default(t: Toolkit) -> None:
    """If true, sort in ascending order. If false, reverse the comparator's results to sort in descending order.

    Lists stand on their head.
    """
    box, ids = ten(t)

    check.same(t.query("Email", filter={"inMailbox": box}, sort=[{"property": "receivedAt"}]), ids, "by default")
    falling = [{"property": "receivedAt", "isAscending": False}]
    check.same(t.query("Email", filter={"inMailbox": box}, sort=falling), ids[::-1], "descending")


def names_in_order(t: Toolkit, *names: str) -> list[str]:
    """The names as Mailbox/query sorts them."""
    parent = t.mailbox()
    created = t.call(
        "Mailbox/set", create={f"m{n}": {"name": name, "parentId": parent} for n, name in enumerate(names)}
    )
    check.same(len(created.get("created") or {}), len(names), "the number of mailboxes made")
    ids = t.query("Mailbox", filter={"parentId": parent}, sort=[{"property": "name"}])
    found = {each["id"]: each["name"] for each in t.call("Mailbox/get", ids=ids, properties=["name"])["list"]}
    return [found[each] for each in ids]


@case("5.5", "must")
def the_default_collation_knows_unicode(t: Toolkit) -> None:
    """It MUST be unicode-aware.

    Names with accents or in other scripts stand where nobody finds them.
    """
    order = names_in_order(t, "Ä", "ä1", "Ω", "ω1")

    check.same(order, ["Ä", "ä1", "Ω", "ω1"], "the order of names")


@case("5.5", "may")
def the_collation_may_follow_the_language(t: Toolkit) -> None:
    """It MAY be selected based on an Accept-Language header in the request (as defined in [RFC7231], Section 5.3.5) or
    out-of-band information about the user's language/locale.

    A language that the server does not know breaks the query.
    """
    call = ["Mailbox/query", {"accountId": t.account, "sort": [{"property": "name"}]}, "0"]
    exchange = t.jmap.post({"using": [CORE, MAIL], "methodCalls": [call]}, {"Accept-Language": "sv, zz;q=0.1"})

    check.same(exchange.json["methodResponses"][0][0], "Mailbox/query", "the response")


@case("5.5", "should")
def the_default_collation_ignores_case(t: Toolkit) -> None:
    """It SHOULD be case insensitive where such a concept makes sense for a language/locale.

    Names in capitals stand apart from the others.
    """
    check.same(names_in_order(t, "b", "A", "c", "B1", "a1"), ["A", "a1", "b", "B1", "c"], "the order of names")


@case("5.5", "should")
def the_default_collation_folds_width_and_case_of_every_script(t: Toolkit) -> None:
    """Where the user's language is unknown, it is RECOMMENDED to follow the advice in Section 5.2.3 of [RFC8264].

    Names in capitals stand apart from the others.
    """
    check.same(names_in_order(t, "д", "В", "а"), ["а", "В", "д"], "the order of Cyrillic names")


@case("5.5", "must")
def queries_name_their_account(t: Toolkit) -> None:
    """The id of the account used for the call.

    Clients of several accounts mix them up.
    """
    check.same(t.call("Mailbox/query", filter={"name": unique()})["accountId"], t.account, "accountId")
