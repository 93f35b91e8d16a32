"""Email/query against brute force: any filter, any sort, any window (RFC 8621 §4.4, RFC 8620 §5.5)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmap.protocol.errors import MethodError
from mail.queries import conditions as asked
from mail.queries import emails, lists, texts
from mail.queries.conditions import EmailQuery, HasKeyword, InMailbox, Not, SortKey, Text
from tests.queries.questions import queries
from tests.queries.world import FIRST_DAY, World

pytestmark = pytest.mark.django_db

RELAXED = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def world() -> World:
    """An account with about sixty emails."""
    return World(seed=7, steps=30)


def by(name: str, ascending: bool = True, keyword: str = "") -> SortKey:
    return SortKey(name, ascending, keyword=keyword)


NEWEST = by("received_at", False)


@RELAXED
@given(data=st.data())
@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.rfc(8621, "4.4.2")
@pytest.mark.rfc(8621, "4.4.3")
def test_any_query_gives_what_brute_force_gives(world: World, data: st.DataObject) -> None:
    query = data.draw(queries(world.mailboxes))
    wanted = world.past[-1][1].answer(query)

    page = emails.run(world.account, query)

    assert page.ids == wanted
    assert page.total == (len(wanted) if query.calculate_total else None)


@RELAXED
@given(
    data=st.data(), position=st.integers(-80, 80), limit=st.one_of(st.none(), st.integers(0, 20)), deep=st.booleans()
)
@pytest.mark.rfc(8620, "5.5")
def test_any_position_and_limit_cut_the_same_stretch(
    world: World, data: st.DataObject, position: int, limit: int | None, deep: bool
) -> None:
    query = replace(data.draw(queries(world.mailboxes)), position=position, limit=limit)
    wanted = world.past[-1][1].answer(query)
    start = position if position >= 0 else max(0, len(wanted) + position)

    with patch.object(lists, "DEEP", 0 if deep else lists.DEEP):
        page = emails.run(world.account, query)

    assert (page.position, page.ids) == (start, wanted[start:][:limit])


@RELAXED
@given(data=st.data(), offset=st.integers(-30, 30), limit=st.one_of(st.none(), st.integers(1, 20)))
@pytest.mark.rfc(8620, "5.5")
def test_an_anchor_finds_its_place_and_an_offset_moves_from_there(
    world: World, data: st.DataObject, offset: int, limit: int | None
) -> None:
    query = data.draw(queries(world.mailboxes))
    snapshot = world.past[-1][1]
    wanted = snapshot.answer(query)
    anchor = data.draw(st.sampled_from([email.id for email in snapshot.emails]))
    anchored = replace(query, anchor=anchor, anchor_offset=offset, limit=limit)

    if anchor not in wanted:
        with pytest.raises(MethodError, match="anchorNotFound"):
            emails.run(world.account, anchored)
        return
    page = emails.run(world.account, anchored)

    start = max(0, wanted.index(anchor) + offset)
    assert (page.position, page.ids) == (start, wanted[start:][:limit])


@RELAXED
@given(data=st.data())
@pytest.mark.own("a fast path answers what the general path answers")
def test_every_fast_path_gives_what_the_general_path_gives(world: World, data: st.DataObject) -> None:
    query = data.draw(queries(world.mailboxes))
    known = emails.open_account(world.account, query)

    chosen = emails.choose(world.account, query, known)
    general = emails.whole_list(world.account, query)

    assert chosen.slice(0, None) == general.emails
    assert chosen.total() == len(general.emails)
    assert all(chosen.index_of(email) == index for index, email in enumerate(general.emails[:5]))


@RELAXED
@given(data=st.data(), position=st.integers(0, 10), limit=st.integers(1, 5))
@pytest.mark.own("a fast path answers what the general path answers")
def test_walking_gives_what_sorting_gives(world: World, data: st.DataObject, position: int, limit: int) -> None:
    """As above, where every text counts as common and every index of a sort is walked."""
    query = replace(data.draw(queries(world.mailboxes)), position=position, limit=limit)
    wanted = world.past[-1][1].answer(query)

    with (
        patch.object(texts, "RARE", -1),
        patch.object(texts, "MOST_RARE", -1),
        patch.object(emails, "STEP_COST", 0),
    ):
        page = emails.run(world.account, query)

    assert page.ids == wanted[position:][:limit]
    assert page.total == (len(wanted) if query.calculate_total else None)


@pytest.mark.rfc(8621, "4.4.1")
def test_a_mailbox_that_is_not_in_the_account_holds_nothing(world: World) -> None:
    other = World(seed=1, steps=2)

    page = emails.run(world.account, EmailQuery(InMailbox(other.mailboxes[0]), calculate_total=True))

    assert (page.ids, page.total) == ([], 0)


@pytest.mark.rfc(8620, "5.5")
def test_a_limit_of_nothing_still_tells_total_and_state(world: World) -> None:
    page = emails.run(world.account, EmailQuery(limit=0, calculate_total=True))

    assert (page.ids, page.total) == ([], len(world.past[-1][1].emails))
    assert page.query_state == world.past[-1][0]


@pytest.mark.rfc(8620, "5.5")
def test_the_state_of_a_text_search_tells_what_made_the_index(world: World) -> None:
    plain = emails.run(world.account, EmailQuery())
    searched = emails.run(world.account, EmailQuery(Text("text", "apple")))

    assert searched.query_state.startswith(f"{plain.query_state}.")


@pytest.mark.own("no date is an error")
def test_days_beyond_the_calendar_do_no_harm(world: World) -> None:
    query = EmailQuery(asked.And((asked.After(FIRST_DAY), asked.Before(FIRST_DAY + timedelta(days=2_000_000)))))

    assert len(emails.run(world.account, query).ids) == len(world.past[-1][1].emails)


FAST = {
    "a folder": (EmailQuery(limit=10, calculate_total=True), True, 1),
    "a folder, collapsed": (EmailQuery(limit=10, calculate_total=True, collapse_threads=True), True, 1),
    "a folder, oldest first": (EmailQuery(limit=10, sort=(by("received_at"),)), True, 1),
    "a folder, from its end": (EmailQuery(limit=10, position=-10), True, 3),
    "a folder, deep": (EmailQuery(limit=10, position=8), True, 3),
    "a folder, by anchor": (EmailQuery(limit=10, anchor=0), True, 5),
    "all mail": (EmailQuery(limit=10), False, 1),
    "all mail, counted": (EmailQuery(limit=10, calculate_total=True), False, 3),
    "unread": (EmailQuery(Not((HasKeyword("$seen"),)), limit=10, calculate_total=True), True, 3),
    "unread, not counted": (EmailQuery(Not((HasKeyword("$seen"),)), limit=10), False, 1),
    "flagged": (EmailQuery(HasKeyword("$flagged"), limit=10, calculate_total=True), True, 3),
    "by subject": (EmailQuery(sort=(by("subject"),), limit=2, calculate_total=True), True, 2),
    "by size": (EmailQuery(sort=(by("size", False),), limit=2, calculate_total=True), True, 2),
    "flagged first": (EmailQuery(sort=(by("has_keyword", False, "$flagged"), NEWEST), limit=10), True, 3),
    "flagged threads first": (
        EmailQuery(sort=(by("some_in_thread", False, "$flagged"), NEWEST), limit=10, collapse_threads=True),
        True,
        3,
    ),
    "a rare word": (EmailQuery(Text("text", "apple"), limit=10, calculate_total=True), False, 1),
}


@pytest.mark.parametrize(("query", "in_mailbox", "most"), FAST.values(), ids=FAST.keys())
@pytest.mark.own("the number of statements does not depend on the mailbox")
def test_a_fast_path_takes_few_statements(world: World, query: EmailQuery, in_mailbox: bool, most: int) -> None:
    box = InMailbox(world.mailboxes[0])
    if in_mailbox:
        query = replace(query, filter=box if query.filter == asked.EVERYTHING else asked.And((box, query.filter)))
    if query.anchor is not None:
        query = replace(query, anchor=world.past[-1][1].answer(query)[3])

    with patch.object(lists, "DEEP", 5), CaptureQueriesContext(connection) as done:
        page = emails.run(world.account, query)

    assert page.ids
    assert len(done) <= most, [one["sql"] for one in done.captured_queries]


@pytest.mark.rfc(8620, "5.5")
@pytest.mark.parametrize(
    ("query", "opened"),
    [
        (EmailQuery(limit=10), 0),
        (EmailQuery(Text("text", "apple"), limit=10), 0),
        (EmailQuery(limit=10, position=-10), 1),
        (EmailQuery(limit=10, collapse_threads=True), 1),
    ],
)
def test_what_takes_several_statements_is_read_in_a_snapshot(world: World, query: EmailQuery, opened: int) -> None:
    calls: list[None] = []

    emails.run(world.account, query, lambda: calls.append(None))

    assert len(calls) == opened
