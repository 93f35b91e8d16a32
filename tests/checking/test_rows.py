"""Each kind of fault among the rows: planted, found, mended, and not there any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jmap.models import Tombstone
from jmap.protocol.errors import MethodError
from jmap.store import changes, current_state, known_since
from mail.models import Domain, Email, Mailbox, Membership, Thread
from mail.search import backend as search
from tests.checking.conftest import findings, kinds
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("what is wrong in the store is found and mended")]

MEMBER, EMAIL = "jmap_mail_membership", "jmap_mail_email"

PLANTED = {
    "wrong-mailbox-counter": [
        "UPDATE jmap_mail_mailbox SET total_emails = total_emails + 1 WHERE role = 'inbox'",
        "UPDATE jmap_mail_mailbox SET unread_emails = unread_emails + 1 WHERE role = 'archive'",
        "UPDATE jmap_mail_mailbox SET total_threads = 7 WHERE role = 'drafts'",
        "UPDATE jmap_mail_mailbox SET unread_threads = 0 WHERE role = 'trash'",
    ],
    "wrong-day-count": [
        "UPDATE jmap_mail_daycount SET members = members + 1",
        "UPDATE jmap_mail_daycount SET heads = heads + 1 WHERE mailbox_key > 0",
        "DELETE FROM jmap_mail_daycount",
        "INSERT INTO jmap_mail_daycount (account_id, mailbox_key, day, members, heads)"
        " SELECT account_id, id, -3, 1, 1 FROM jmap_mail_mailbox WHERE role = 'inbox'",
    ],
    "wrong-thread-mailbox": [
        "UPDATE jmap_mail_threadmailbox SET size = size + 1",
        "DELETE FROM jmap_mail_threadmailbox",
        "INSERT INTO jmap_mail_threadmailbox (account_id, thread_id, mailbox_id, size)"
        " SELECT account_id, 987654, id, 1 FROM jmap_mail_mailbox WHERE role = 'inbox'",
    ],
    "wrong-thread-counter": [
        "UPDATE jmap_mail_thread SET size = size + 1",
        "UPDATE jmap_mail_thread SET unread_live = unread_live + 1",
        "UPDATE jmap_mail_thread SET unread_trash = unread_trash + 1",
        "INSERT INTO jmap_mail_thread (account_id, created_modseq, modseq, size, unread_live, unread_trash)"
        " SELECT id, 1, 1, 1, 1, 0 FROM jmap_core_account",
    ],
    "dangling-reference": [
        "INSERT INTO jmap_mail_threadreference (account_id, key, thread_id) SELECT account_id, key, 987654"
        " FROM jmap_mail_threadreference",
    ],
    "wrong-thread-head": [
        "UPDATE jmap_mail_membership SET is_head = NOT is_head",
        "UPDATE jmap_mail_membership SET is_head = false",
    ],
    "wrong-usage": [
        "UPDATE jmap_mail_quota SET emails = emails + 1",
        "UPDATE jmap_mail_quota SET octets = 0",
        "DELETE FROM jmap_mail_quota",
    ],
    "wrong-domain-usage": ["UPDATE jmap_mail_domain SET emails = 9", "UPDATE jmap_mail_domain SET octets = 9"],
    "missing-content": ["DELETE FROM jmap_mail_emailcontent"],
    "wrong-search-entry": [
        "DELETE FROM jmap_mail_searchtext",
        "UPDATE jmap_mail_searchtext SET version = 0",
    ],
    "wrong-keyword-mark": [
        "UPDATE jmap_mail_email SET has_other_keywords = NOT has_other_keywords",
        "DELETE FROM jmap_mail_emailkeyword",
    ],
    "membership-differs": [
        "UPDATE jmap_mail_membership SET flagged = true",
        "UPDATE jmap_mail_membership SET received_at = (SELECT min(received_at) FROM jmap_mail_membership)",
        "UPDATE jmap_mail_membership SET thread_id = (SELECT max(id) FROM jmap_mail_thread)",
    ],
    "membership-without-email": [
        "INSERT INTO jmap_mail_membership (account_id, mailbox_id, email_id, thread_id, received_at, is_head, seen,"
        " flagged, answered, draft, forwarded, created_modseq, keyword_modseq) SELECT account_id, mailbox_id, 987654,"
        " thread_id, received_at, false, seen, flagged, answered, draft, forwarded, created_modseq, keyword_modseq"
        " FROM jmap_mail_membership WHERE email_id = (SELECT min(email_id) FROM jmap_mail_membership)",
    ],
    "membership-without-mailbox": [
        "UPDATE jmap_mail_membership SET mailbox_id = 987654"
        " WHERE mailbox_id = (SELECT id FROM jmap_mail_mailbox WHERE role = 'archive')",
    ],
    "email-without-mailbox": [
        "DELETE FROM jmap_mail_membership WHERE email_id = (SELECT min(id) FROM jmap_mail_email)",
        "DELETE FROM jmap_mail_membership",
    ],
    "leftover": [
        "INSERT INTO jmap_mail_emailcontent (email_id, properties, \"index\", version) VALUES (987654, '', '', 0)",
        "INSERT INTO jmap_mail_emailkeyword (account_id, email_id, keyword) SELECT id, 987654, 'x'"
        " FROM jmap_core_account",
        "INSERT INTO jmap_mail_searchtext (email_id, account_id, tokens, version) SELECT 987654, id, '', 1"
        " FROM jmap_core_account",
    ],
}
"""Kind of fault to the statements that bring it about."""


@pytest.mark.parametrize(("kind", "statement"), [(kind, one) for kind, many in PLANTED.items() for one in many])
def test_it_is_found_then_mended_then_gone(
    room: Mailroom, damage: Callable[..., None], kind: str, statement: str
) -> None:
    damage(statement)

    looked = findings(room)
    mended = findings(room, mend=True)

    assert kind in kinds(looked.lasting)
    assert kind in kinds([finding.fault for finding in mended.findings])
    assert mended.lasting == []
    assert findings(room).findings == []
    check(room.account.pk)


def test_a_healthy_account_has_no_fault(room: Mailroom) -> None:
    other = Mailroom.open()
    other.deliver("z", boxes=("trash", "inbox"), minutes=-40_000_000)

    assert findings(room, other).findings == []


def test_looking_changes_nothing(room: Mailroom, damage: Callable[..., None]) -> None:
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE role = 'inbox'")
    before = current_state(room.account.pk, "Mailbox")

    findings(room)

    assert room.counts("inbox")[0] == 77
    assert current_state(room.account.pk, "Mailbox") == before


def test_clients_hear_of_a_mended_counter(room: Mailroom, damage: Callable[..., None]) -> None:
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE role = 'inbox'")
    since = current_state(room.account.pk, "Mailbox")

    findings(room, mend=True)

    assert changes(Mailbox, "Mailbox", room.account.pk, since, None).updated == [room.boxes["inbox"]]


def test_an_email_that_was_nowhere_is_in_the_inbox(room: Mailroom, damage: Callable[..., None]) -> None:
    email = room.deliver("lost", subject="Lost", boxes=("archive",))
    damage("DELETE FROM jmap_mail_membership WHERE email_id = %s", email.id)

    findings(room, mend=True)

    assert Membership.objects.get(email_id=email.id).mailbox_id == room.boxes["inbox"]


def test_clients_hear_that_an_email_of_which_only_the_membership_was_left_is_gone(
    room: Mailroom, damage: Callable[..., None]
) -> None:
    damage(PLANTED["membership-without-email"][0])

    findings(room, mend=True)

    assert Tombstone.objects.filter(type="Email", object_id=987654).count() == 1


def test_a_thread_without_emails_leaves_a_tombstone(room: Mailroom, damage: Callable[..., None]) -> None:
    damage(PLANTED["wrong-thread-counter"][3])
    empty = Thread.objects.latest("pk")
    since = current_state(room.account.pk, "Thread")

    findings(room, mend=True)

    assert changes(Thread, "Thread", room.account.pk, since, None).destroyed == [empty.pk]


@pytest.mark.parametrize("kind", ["wrong-thread-head", "membership-differs", "email-without-mailbox"])
def test_lists_that_were_wrong_are_fetched_anew(room: Mailroom, damage: Callable[..., None], kind: str) -> None:
    damage(PLANTED[kind][0])
    since = current_state(room.account.pk, "Email")

    findings(room, mend=True)

    with pytest.raises(MethodError, match="cannotCalculateChanges"):
        known_since(room.account.pk, "Email", since)
    assert known_since(room.account.pk, "Email", current_state(room.account.pk, "Email"))


def test_what_was_not_indexed_is_found_by_search_again(room: Mailroom, damage: Callable[..., None]) -> None:
    email = room.deliver("tea", subject="Oolong")
    damage("DELETE FROM jmap_mail_searchtext WHERE email_id = %s", email.id)

    findings(room, mend=True)

    assert search.matching_ids(room.account.pk, "subject", "oolong") == [email.id]


def test_one_account_is_mended_and_the_others_are_not_looked_at(room: Mailroom, damage: Callable[..., None]) -> None:
    other = Mailroom.open()
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE role = 'inbox'")

    mended = findings(room, mend=True)

    assert kinds(mended.lasting) == set()
    assert other.counts("inbox")[0] == 77


def test_a_domain_is_counted_over_all_its_accounts(room: Mailroom, damage: Callable[..., None]) -> None:
    Mailroom.open().deliver("x")
    damage("UPDATE jmap_mail_domain SET octets = 1, emails = 1")

    findings(room, mend=True)

    assert Domain.objects.get().emails == Email.objects.count()


def test_a_walk_in_slices_finds_what_one_walk_finds(
    room: Mailroom, damage: Callable[..., None], monkeypatch: Any
) -> None:
    for number in range(7):
        room.deliver(f"more{number}", subject=f"More {number}")
    damage("DELETE FROM jmap_mail_emailcontent")
    monkeypatch.setattr("mail.services.reindexing.SLICE", 2)

    mended = findings(room, mend=True)

    assert len([one for one in mended.findings if one.fault.kind == "missing-content"]) == 12
    check(room.account.pk)
