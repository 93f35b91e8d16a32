"""Destroyed emails that come back under new ids, while they are still kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jmap.blobs.service import key_of
from jmap.blobs.storage import default_store
from jmap.store import changes, current_state, writing
from mail.models import Email, Mailbox, RetainedEmail
from mail.search import backend as search
from mail.services import emails, mailboxes, quotas, restoring
from tests.store.invariants import check
from tests.store.mailroom import EPOCH, Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("a destroyed email can be restored while it is kept")]
EVER = EPOCH - timedelta(days=1_000)


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


def remove_mailbox(room: Mailroom, box: str) -> None:
    """Destroy a mailbox together with the emails in it."""
    with writing(room.account.pk) as writer:
        present = mailboxes.load(room.account.pk, None, owned=True)
        mailboxes.apply(writer, None, present, {}, {}, [room.boxes[box]], remove_emails=True)


def test_it_comes_back_under_a_new_id_as_it_was(room):
    old = room.deliver("a", subject="Tea", boxes=("archive", "sent"), keywords=("$seen", "mine"), minutes=7)
    room.destroy(old.id)
    since = current_state(room.account.pk, "Email")

    tally = restoring.restore(room.account, EVER)

    (email,) = Email.objects.all()
    placement = emails.placements(room.account.pk, [email.pk])[email.pk]
    assert (tally.restored, tally.over_quota, tally.missing) == (1, 0, 0)
    assert email.pk != old.id
    assert placement.mailboxes == {room.boxes["archive"], room.boxes["sent"]}
    assert placement.keywords == {"$seen", "mine"}
    assert email.received_at == EPOCH + timedelta(minutes=7)
    assert search.matching_ids(room.account.pk, "subject", "tea") == [email.pk]
    assert changes(Email, "Email", room.account.pk, since, None).created == [email.pk]
    assert not RetainedEmail.objects.exists()
    check(room.account.pk)


def test_it_finds_its_thread_again(room):
    first = room.deliver("a")
    reply = room.deliver("b", references=("a",))
    room.destroy(reply.id)

    restoring.restore(room.account, EVER)

    assert set(Email.objects.values_list("thread_id", flat=True)) == {first.thread_id}


def test_what_lost_its_mailbox_comes_back_into_the_inbox(room):
    room.deliver("a", boxes=("archive",))
    remove_mailbox(room, "archive")

    restoring.restore(room.account, EVER)

    assert room.counts("inbox") == (1, 1, 1, 1)
    check(room.account.pk)


def test_an_account_without_an_inbox_gets_one(room):
    room.deliver("a")
    remove_mailbox(room, "inbox")

    restoring.restore(room.account, EVER)

    assert Mailbox.objects.get(role="inbox").total_emails == 1
    check(room.account.pk)


def test_only_what_was_destroyed_since_comes_back(room):
    room.destroy(room.deliver("a").id)
    between = timezone.now()
    room.destroy(room.deliver("b").id)

    tally = restoring.restore(room.account, between)

    assert tally.restored == RetainedEmail.objects.count() == 1


def test_what_does_not_fit_the_quota_stays_kept(room):
    room.destroy(room.deliver("a").id, room.deliver("b").id)
    quotas.limit_account(room.account, max_emails=1, max_octets=None)

    tally = restoring.restore(room.account, EVER)

    assert (tally.restored, tally.over_quota) == (1, 1)
    assert RetainedEmail.objects.count() == 1
    check(room.account.pk)


def test_what_lost_its_octets_stays_kept_and_hinders_nothing(room):
    lost, fine = room.deliver("a"), room.deliver("b")
    room.destroy(lost.id, fine.id)
    default_store().delete(key_of(RetainedEmail.objects.get(email_key=lost.id).blob))

    tally = restoring.restore(room.account, EVER)

    assert (tally.restored, tally.missing) == (1, 1)
    assert RetainedEmail.objects.get().email_key == lost.id


def test_more_than_a_slice_comes_back_whole(room, monkeypatch):
    monkeypatch.setattr(restoring, "SLICE", 2)
    room.destroy(*[room.deliver(f"m{number}").id for number in range(5)])

    first = restoring.restore(room.account, EVER, most=3)
    rest = restoring.restore(room.account, EVER)

    assert (first.restored, rest.restored) == (3, 2)
    check(room.account.pk)


def test_the_command_says_what_came_back(room, capsys):
    room.destroy(room.deliver("a").id)

    call_command("restore_mail", room.account.name, "--since", "2026-01-01", verbosity=0)

    assert capsys.readouterr().out == "1 restored\n"


def test_the_command_knows_a_date_when_it_sees_one(room):
    with pytest.raises(CommandError, match="not a date: 2026-02-31"):
        call_command("restore_mail", room.account.name, "--since", "2026-02-31")
