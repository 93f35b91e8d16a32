"""Counters, heads and threads after each thing that can happen to an email."""

from __future__ import annotations

import pytest

from jmap.models import Tombstone
from jmap.store import changes, current_state
from mail.models import Email, RetainedEmail
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = pytest.mark.django_db


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


@pytest.mark.rfc(8621, "2")
def test_a_delivery_counts_in_its_mailbox(room):
    room.deliver("a")

    assert room.counts("inbox") == (1, 1, 1, 1)
    check(room.account.pk)


@pytest.mark.rfc(8621, "2")
def test_an_unread_email_makes_its_thread_unread_in_every_mailbox_of_the_thread(room):
    room.deliver("a", boxes=("archive",), keywords=("$seen",))
    room.deliver("b", references=("a",))

    assert room.counts("archive") == (1, 0, 1, 1)
    check(room.account.pk)


@pytest.mark.rfc(8621, "2")
def test_an_email_only_in_trash_makes_its_thread_unread_in_trash_alone(room):
    room.deliver("a", keywords=("$seen",))
    room.deliver("b", references=("a",), boxes=("trash",))

    assert room.counts("inbox") == (1, 0, 1, 0)
    assert room.counts("trash") == (1, 1, 1, 1)


@pytest.mark.rfc(8621, "2")
def test_an_email_in_trash_and_inbox_makes_its_thread_unread_in_both(room):
    room.deliver("a", boxes=("inbox", "trash"))

    assert room.counts("inbox")[3] == room.counts("trash")[3] == 1


@pytest.mark.rfc(8621, "4.1.1")
def test_reading_the_last_unread_email_of_a_thread_reads_the_thread_everywhere(room):
    first = room.deliver("a", boxes=("archive",), keywords=("$seen",))
    second = room.deliver("b", references=("a",))

    room.place(second.id, keywords=("$seen", "custom"))

    assert first.thread_id == second.thread_id
    assert room.counts("archive")[3] == room.counts("inbox")[3] == 0
    check(room.account.pk)


@pytest.mark.rfc(8621, "4.1.1")
def test_moving_the_newest_email_of_a_thread_makes_the_next_one_the_head(room):
    room.deliver("a", minutes=1)
    newest = room.deliver("b", references=("a",), minutes=2)

    room.place(newest.id, boxes=("archive",))

    check(room.account.pk)


@pytest.mark.rfc(8621, "3")
def test_the_same_ids_under_another_subject_are_another_thread(room):
    first = room.deliver("a", subject="Lunch")
    second = room.deliver("b", references=("a",), subject="Dinner")
    reply = room.deliver("c", references=("a",), subject="Re: Lunch")

    assert first.thread_id == reply.thread_id != second.thread_id


@pytest.mark.rfc(8621, "3")
def test_a_late_link_gives_the_smaller_thread_new_ids_and_leaves_tombstones(room):
    big = [room.deliver("a", minutes=1), room.deliver("b", references=("a",), minutes=2)]
    small = room.deliver("x", keywords=("$flagged", "blue"), boxes=("archive",), minutes=3)
    before = current_state(room.account.pk, "Email")

    link = room.deliver("l", references=("a", "x"), minutes=4)

    assert link.thread_id == big[0].thread_id
    assert not Email.objects.filter(pk=small.id).exists()
    again = Email.objects.get(flagged=True)
    assert (again.thread_id, again.blob_id) == (big[0].thread_id, small.blob_id)
    assert Tombstone.objects.filter(type="Thread", object_id=small.thread_id).exists()
    span = changes(Email, "Email", room.account.pk, before, None)
    assert span.destroyed == [small.id]
    assert set(span.created) == {link.id, again.pk}
    assert not RetainedEmail.objects.exists()
    check(room.account.pk)


@pytest.mark.rfc(8621, "3")
def test_threads_stay_apart_where_a_draft_would_change_its_id(room):
    room.deliver("a")
    room.deliver("b", references=("a",))
    draft = room.deliver("x", keywords=("$draft",), boxes=("drafts",))

    room.deliver("l", references=("a", "x"))

    assert Email.objects.get(pk=draft.id).thread_id == draft.thread_id
    check(room.account.pk)


@pytest.mark.rfc(8621, "3")
def test_a_batch_in_the_wrong_order_is_one_thread_without_any_merge(room):
    added = room.deliver_all(
        [
            ("c", ("a", "b"), "Re: Tea", ("inbox",), (), 3),
            ("b", ("a",), "Re: Tea", ("inbox",), (), 2),
            ("a", (), "Tea", ("inbox",), (), 1),
        ]
    )

    assert len({email.thread_id for email in added}) == 1
    assert not Tombstone.objects.filter(type="Email").exists()
    check(room.account.pk)


@pytest.mark.rfc(8620, "5.2")
def test_destroying_leaves_tombstones_for_email_and_thread_and_keeps_the_blob(room):
    email = room.deliver("a")

    room.destroy(email.id)

    assert {t.type for t in Tombstone.objects.all()} == {"Email", "Thread"}
    assert RetainedEmail.objects.get().blob_id == email.blob_id
    assert room.counts("inbox") == (0, 0, 0, 0)
    check(room.account.pk)


@pytest.mark.rfc(8620, "5.3")
def test_an_update_that_changes_nothing_moves_no_state(room):
    email = room.deliver("a", keywords=("$seen",))
    before = current_state(room.account.pk, "Email")

    room.place(email.id, keywords=("$seen",))

    assert current_state(room.account.pk, "Email") == before


@pytest.mark.rfc(8621, "1.5")
def test_a_flag_changes_no_email_delivery_state(room):
    email = room.deliver("a")
    before = current_state(room.account.pk, "EmailDelivery")

    room.place(email.id, keywords=("$seen",))

    assert current_state(room.account.pk, "EmailDelivery") == before
