"""What is remembered, for how long, and what a client with an older state is told."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from jmap import history, maintenance
from jmap.models import Account, Tombstone
from jmap.protocol.errors import MethodError
from jmap.store import changes, current_state, writing
from jmapsite import housekeeping
from mail.models import Email, FormerMembership, RetainedEmail
from mail.services import retention
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = pytest.mark.django_db
LATER = timedelta(days=400)


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


@pytest.mark.rfc(8620, "5.2")
def test_a_state_before_the_kept_history_cannot_be_calculated_from(room):
    room.deliver("kept")
    gone = room.deliver("gone")
    old = current_state(room.account.pk, "Email")
    room.destroy(gone.id)
    history.purge()

    history.purge(timezone.now() + LATER)

    assert not Tombstone.objects.exists()
    assert not FormerMembership.objects.exists()
    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        changes(Email, "Email", room.account.pk, old, None)
    check(room.account.pk)


@pytest.mark.rfc(8620, "5.2")
def test_a_client_that_is_up_to_date_stays_so_when_history_is_purged(room):
    room.destroy(room.deliver("gone").id)
    history.purge()
    now = current_state(room.account.pk, "Email")

    history.purge(timezone.now() + LATER)

    assert changes(Email, "Email", room.account.pk, now, None).new_state == now


@pytest.mark.rfc(8620, "5.2")
def test_a_purge_of_older_history_does_not_open_what_was_ended_since(room):
    room.deliver("a")
    history.purge()
    room.deliver("b")
    wrong = current_state(room.account.pk, "Email")
    with writing(room.account.pk) as writer:
        history.end(writer, "Email")

    history.purge(timezone.now() + LATER)

    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        changes(Email, "Email", room.account.pk, wrong, None)


@pytest.mark.rfc(8620, "5.2")
def test_changes_after_the_mark_are_remembered(room):
    gone = room.deliver("gone")
    history.purge()
    since = current_state(room.account.pk, "Email")
    room.destroy(gone.id)

    history.purge(timezone.now() + LATER)

    assert changes(Email, "Email", room.account.pk, since, None).destroyed == [gone.id]


@pytest.mark.rfc(8620, "5.2")
def test_a_state_of_another_epoch_cannot_be_calculated_from(room):
    room.deliver("a")
    state = current_state(room.account.pk, "Email")
    Account.objects.filter(pk=room.account.pk).update(epoch=2)

    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        changes(Email, "Email", room.account.pk, state, None)


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.parametrize("state", ["", "1", "1-", "-1", " 1-0", "1-0 ", "01-0", "1-00", "0x1-0", "1-0-0", "1-٠"])
def test_a_state_that_was_never_given_out_cannot_be_calculated_from(room, state):
    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        changes(Email, "Email", room.account.pk, state, None)


@pytest.mark.own("a destroyed email is kept for its time, then purged")
def test_a_destroyed_email_is_kept_for_its_time(room):
    room.destroy(room.deliver("gone").id)

    early = retention.purge_retained()
    late = retention.purge_retained(timezone.now() + LATER)

    assert (early, late) == (0, 1)
    assert not RetainedEmail.objects.exists()


@pytest.mark.own("a chore that fails hinders no other")
def test_a_chore_that_fails_hinders_no_other(monkeypatch):
    monkeypatch.setattr(maintenance, "_chores", {"bad": lambda: 1 / 0, "good": lambda: None})

    assert maintenance.run() == {"bad": False, "good": True}


@pytest.mark.own("every chore runs from the command line")
def test_every_chore_runs_from_the_command_line(capsys):
    call_command("maintain")

    said = capsys.readouterr().out.strip().split(", ")
    assert {"blobs: done", "history: done", "destroyed emails: done", "push tickets: done"} <= set(said)
    assert all(chore.endswith(": done") for chore in said)


@pytest.mark.own("one process at a time keeps house")
def test_one_process_at_a_time_keeps_house(tmp_path, monkeypatch):
    monkeypatch.setattr(housekeeping.maintenance, "run", dict)
    lock = tmp_path / "lock"
    with lock.open("a") as held:
        housekeeping.fcntl.flock(held, housekeeping.fcntl.LOCK_EX)
        busy = housekeeping.run_once(lock)

    assert (busy, housekeeping.run_once(lock)) == (False, True)
