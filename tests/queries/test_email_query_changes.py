"""Email/queryChanges is exact: from any state of the past, the splice equals a fresh query (RFC 8620 §5.6)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jmap.models import TypeState
from jmap.protocol.errors import MethodError
from jmap.store import writing
from mail.queries import conditions as asked
from mail.queries import email_changes, emails
from mail.queries.conditions import EmailQuery, HasKeyword, InMailbox, SortKey, Text
from mail.services import emails as services
from mail.services.ledger import Placement
from tests.queries.questions import queries
from tests.queries.world import World, splice

pytestmark = pytest.mark.django_db

RELAXED = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
OLDEST_FIRST = (SortKey("received_at"),)


@pytest.fixture(params=[3, 4])
def world(request: pytest.FixtureRequest) -> World:
    """An account with forty steps of past."""
    return World(seed=request.param, steps=40)


def state(world: World, query: EmailQuery, moment: int) -> str:
    """The queryState that a client got at a moment of the past."""
    suffix = emails.run(world.account, query).query_state.partition(".")[2] if query.uses_index else ""
    return world.past[moment][0] + (f".{suffix}" if suffix else "")


@RELAXED
@given(data=st.data())
@pytest.mark.rfc(8620, "5.6")
@pytest.mark.rfc(8621, "4.5")
def test_the_splice_of_any_past_list_equals_a_fresh_query(world: World, data: st.DataObject) -> None:
    query = data.draw(queries(world.mailboxes))
    moment = data.draw(st.integers(0, len(world.past) - 1))
    old, new = world.past[moment][1].answer(query), world.past[-1][1].answer(query)

    changes = email_changes.run(world.account, query, state(world, query, moment))

    assert splice(old, changes.removed, changes.added) == new
    assert changes.added == sorted(changes.added)
    assert len(set(changes.removed)) == len(changes.removed)
    assert changes.new_state == state(world, query, len(world.past) - 1)
    assert changes.total == (len(new) if query.calculate_total else None)


@RELAXED
@given(data=st.data())
@pytest.mark.rfc(8620, "5.6")
def test_a_list_of_immutable_things_may_end_at_up_to_id(world: World, data: st.DataObject) -> None:
    query = data.draw(queries(world.mailboxes).filter(lambda query: query.is_immutable))
    moment = data.draw(st.integers(0, len(world.past) - 1))
    old, new = world.past[moment][1].answer(query), world.past[-1][1].answer(query)
    up_to = data.draw(st.sampled_from(old or [1]))
    cached = old[: old.index(up_to) + 1] if old else []

    changes = email_changes.run(world.account, query, state(world, query, moment), up_to=up_to)

    kept = splice(cached, changes.removed, [item for item in changes.added if item[0] <= len(cached) + 1000])
    end = new.index(up_to) + 1 if up_to in new else 0
    assert kept[:end] == new[:end]
    assert not end or all(index < end for index, _ in changes.added)


@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("collapse", [False, True])
def test_a_plain_folder_tells_nothing_but_what_moved(world: World, collapse: bool) -> None:
    for mailbox, (since, before) in product(world.mailboxes, world.past):
        query = EmailQuery(InMailbox(mailbox), collapse_threads=collapse)
        old, new = before.answer(query), world.past[-1][1].answer(query)

        changes = email_changes.run(world.account, query, since)

        assert set(changes.removed) == set(old) - set(new)
        assert changes.added == [(new.index(email), email) for email in new if email not in old]


@pytest.mark.rfc(8620, "5.6")
def test_a_flag_is_no_change_of_a_plain_folder(world: World) -> None:
    query = EmailQuery(InMailbox(world.mailboxes[0]), collapse_threads=True)
    before = emails.run(world.account, query)
    [email, *_] = before.ids
    with writing(world.account) as writer:
        now = services.placements(world.account, [email])[email]
        services.update(writer, {email: Placement(now.mailboxes, now.keywords ^ {"$seen"})})

    changes = email_changes.run(world.account, query, before.query_state)

    assert (changes.removed, changes.added) == ([], [])
    assert changes.new_state != before.query_state


@pytest.mark.rfc(8620, "5.6")
def test_up_to_id_is_ignored_where_a_mailbox_decides(world: World) -> None:
    query = EmailQuery(InMailbox(world.mailboxes[0]), sort=OLDEST_FIRST)
    since = world.past[10][0]
    whole = email_changes.run(world.account, query, since)
    first = emails.run(world.account, query).ids[0]

    changes = email_changes.run(world.account, query, since, up_to=first)

    assert (changes.removed, changes.added) == (whole.removed, whole.added)


@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("filtered", [False, True])
def test_more_changes_than_asked_for_are_too_many(world: World, filtered: bool) -> None:
    box = InMailbox(world.mailboxes[0])
    query = EmailQuery(asked.And((box, HasKeyword("$flagged"))) if filtered else box)
    since = world.past[5][0]
    changes = email_changes.run(world.account, query, since)
    many = len(changes.removed) + len(changes.added)

    exactly = email_changes.run(world.account, query, since, max_changes=many)

    assert exactly.added == changes.added
    with pytest.raises(MethodError, match="more than"):
        email_changes.run(world.account, query, since, max_changes=many - 1)


@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("since", ["", "nonsense", "1-999999", "2-3"])
def test_a_state_that_was_never_ours_cannot_be_calculated_from(world: World, since: str) -> None:
    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        email_changes.run(world.account, EmailQuery(), since)


@pytest.mark.rfc(8620, "5.6")
def test_a_state_before_the_kept_history_cannot_be_calculated_from(world: World) -> None:
    TypeState.objects.filter(account_id=world.account).update(history_modseq=10**6)

    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        email_changes.run(world.account, EmailQuery(), world.past[5][0])


@pytest.mark.rfc(8620, "5.6")
def test_a_search_by_another_index_cannot_be_calculated_from(world: World) -> None:
    query = EmailQuery(Text("text", "apple"))

    with pytest.raises(MethodError, match="search index"):
        email_changes.run(world.account, query, f"{world.past[-1][0]}.0-0")


@pytest.mark.rfc(8620, "5.6")
def test_a_mailbox_that_went_takes_its_emails_out_of_the_list(world: World) -> None:
    mailbox = world.mailboxes[0]
    query = EmailQuery(InMailbox(mailbox))
    before = emails.run(world.account, query)
    with writing(world.account) as writer:
        services.destroy(writer, before.ids)
        from mail.models import Mailbox

        Mailbox.objects.filter(pk=mailbox).delete()

    changes = email_changes.run(world.account, query, before.query_state)

    assert sorted(changes.removed) == sorted(before.ids)
    assert changes.added == []


@pytest.mark.parametrize("collapse", [False, True])
@pytest.mark.own("the number of statements does not depend on the mailbox")
def test_the_changes_of_a_folder_take_few_statements(world: World, collapse: bool) -> None:
    query = EmailQuery(InMailbox(world.mailboxes[0]), collapse_threads=collapse, calculate_total=True)

    with CaptureQueriesContext(connection) as done:
        changes = email_changes.run(world.account, query, world.past[5][0])

    assert changes.added
    assert len(done) <= 7, [one["sql"] for one in done.captured_queries]


@pytest.mark.own("the number of statements does not depend on the mailbox")
def test_no_change_takes_one_statement(world: World) -> None:
    query = replace(EmailQuery(), filter=InMailbox(world.mailboxes[0]))

    with CaptureQueriesContext(connection) as done:
        changes = email_changes.run(world.account, query, world.past[-1][0])

    assert (changes.removed, changes.added) == ([], [])
    assert len(done) == 1
