"""Email/query and Email/queryChanges as clients write them (RFC 8621 §4.4, §4.5)."""

from __future__ import annotations

from typing import Any

import pytest

import mail.datatypes  # noqa: F401  declares the data types
from jmap.ids import encode
from jmap.protocol import ports
from jmap.protocol.errors import MethodError
from jmap.protocol.filters import parse_filter, parse_sort
from mail.datatypes import email_query
from mail.datatypes.email import Email
from mail.queries import conditions as asked
from tests.queries.world import World


def read(filter: Any = None, sort: Any = None, **arguments: Any) -> asked.EmailQuery:
    """A query from JSON, as the protocol core passes it on."""
    meta = Email._meta
    wanted = ports.Query(
        parse_filter(filter, meta.filters), parse_sort(sort, meta.sorts, meta.collations), arguments=arguments
    )
    return email_query.email_query(wanted)


@pytest.mark.rfc(8621, "4.4.1")
def test_several_properties_of_a_condition_must_all_hold() -> None:
    query = read({"inMailbox": "mb", "notKeyword": "$Seen", "minSize": 5})

    assert query.mailbox == 1
    assert set(query.rest) == {asked.Not((asked.HasKeyword("$seen"),)), asked.MinSize(5)}


@pytest.mark.rfc(8621, "4.4.1")
def test_an_empty_condition_asks_nothing() -> None:
    assert read({}).conjuncts == ()


@pytest.mark.rfc(8620, "5.5")
def test_operators_nest() -> None:
    parts = [{"operator": "OR", "conditions": [{"from": "ann"}, {"to": "ann"}]}, {"operator": "NOT", "conditions": []}]
    query = read({"operator": "AND", "conditions": parts})

    assert query.filter == asked.And((asked.Or((asked.Text("from", "ann"), asked.Text("to", "ann"))), asked.Not(())))


@pytest.mark.rfc(8621, "4.4.2")
def test_a_sort_by_keyword_carries_its_keyword() -> None:
    query = read(sort=[{"property": "someInThreadHaveKeyword", "keyword": "$FLAGGED", "isAscending": False}])

    assert query.sort == (asked.SortKey("some_in_thread", False, keyword="$flagged"),)


@pytest.mark.rfc(8620, "5.5")
def test_a_collation_of_null_is_the_default() -> None:
    assert read(sort=[{"property": "subject", "collation": None}]) == read(sort=[{"property": "subject"}])


@pytest.mark.rfc(8620, "5.5")
def test_without_a_sort_the_newest_come_first() -> None:
    assert read().sort == read(sort=[]).sort == asked.NEWEST_FIRST


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("filter", "sort", "error"),
    [
        ({"inMailbox": 5}, None, "invalidArguments"),
        ({"header": []}, None, "invalidArguments"),
        ({"header": ["a", "b", "c"]}, None, "invalidArguments"),
        ({"hasKeyword": "two words"}, None, "invalidArguments"),
        ({"before": "2024-01-01T00:00:00+01:00"}, None, "invalidArguments"),
        ({"isRead": True}, None, "unsupportedFilter"),
        (None, [{"property": "preview"}], "unsupportedSort"),
        (None, [{"property": "subject", "collation": "i;basic"}], "unsupportedSort"),
        (None, [{"property": "hasKeyword"}], "invalidArguments"),
        (None, [{"property": "size", "keyword": "$seen"}], "invalidArguments"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(filter: Any, sort: Any, error: str) -> None:
    with pytest.raises(MethodError) as refused:
        read(filter, sort)

    assert refused.value.type == error


@pytest.mark.rfc(8621, "4.4.1")
def test_an_id_that_is_no_mailbox_names_an_empty_one() -> None:
    assert read({"inMailbox": "nonsense"}).filter == asked.InMailbox(asked.NO_MAILBOX)


@pytest.mark.django_db
@pytest.mark.rfc(8620, "5.6")
def test_a_query_and_its_changes_travel_as_ids() -> None:
    world = World(seed=5, steps=10)
    info = ports.AccountInfo(encode("u", world.account), world.account, "world", True, False, {})
    ctx: Any = type("Context", (), {"account": info, "snapshot": lambda self: None})()
    wanted = ports.Query(ports.Condition({"inMailbox": encode("m", world.mailboxes[0])}), (), calculate_total=True)

    page = email_query.query(ctx, wanted)
    changes = email_query.query_changes(ctx, ports.QueryChanges(wanted, world.past[0][0], None, "not-an-email"))

    assert page.ids
    assert page.total == len(page.ids)
    assert [wire for _, wire in changes.added] == list(page.ids)
    assert changes.new_query_state == page.query_state
