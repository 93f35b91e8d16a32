"""Folders of a source become mailboxes, whatever they are called and wherever they lie."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mail.importers.entry import Entry, Folder, key_of
from mail.models import Mailbox
from mail.services import importing
from mail.services.folders import mended_name
from mail.services.mailboxes import MAX_NAME_OCTETS, name_fault
from tests.importing.portrait import portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

pytestmark = [pytest.mark.django_db, pytest.mark.own("no folder stops an import")]


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


def entry(name: str, *folders: Folder, keywords: tuple[str, ...] = ()) -> Entry:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    return Entry(key_of(name), folders, frozenset(keywords), lambda: message(name), lambda data: moment)


def take_in(room: Mailroom, *entries: Entry, **options) -> importing.Tally:
    return importing.take_in(room.account, b"s" * 32, entries, **options)


@pytest.mark.parametrize("name", ["", "\0\x07", "ü" * 200, "ü" * 199 + "!", "a\nb", "\ud800", "e\u0301", "Plain"])
def test_a_name_is_mended_to_one_that_a_mailbox_can_have_and_always_to_the_same(name):
    mended = mended_name(name)

    assert name_fault(mended) is None
    assert mended == mended_name(name)
    assert len(mended.encode()) <= MAX_NAME_OCTETS


def test_two_long_names_stay_two(room):
    tally = take_in(room, entry("a", Folder(("x" * 300 + "1",))), entry("b", Folder(("x" * 300 + "2",))))

    assert Mailbox.objects.filter(account=room.account, name__startswith="xxx").count() == 2
    assert len(tally.notes) == 2
    assert all("has a name that no mailbox can have" in note for note in tally.notes)


def test_a_role_that_the_source_tells_comes_before_the_name(room):
    take_in(
        room,
        entry("a", Folder(("[Gmail]", "Papierkorb"), "trash")),
        entry("b", Folder(("Sent Items",))),
        entry("c", Folder(("Sent Items", "2019"))),
        entry("d", Folder(("Deep", "Trash"))),
    )

    assert {(("Trash",),), (("Sent",),), (("Sent", "2019"),), (("Deep", "Trash"),)} == {
        tuple(mailboxes) for _, mailboxes, _, _ in portrait(room.account).emails
    }


def test_an_exact_source_gives_no_name_a_role_and_keeps_mailboxes_apart(room):
    room.deliver("mine", boxes=("archive",))
    old, named = Folder(("Old",), "archive", is_exact=True), Folder(("Archive",), is_exact=True)

    tally = take_in(room, entry("a", old), entry("b", named), folders=[old, named], adopt=True)

    assert Mailbox.objects.get(account=room.account, role="archive").total_emails == 2
    apart = Mailbox.objects.get(account=room.account, name__startswith="Archive~")
    assert (apart.total_emails, apart.role) == (1, None)
    assert "'Archive' cannot become mailbox 'Archive' there" in "".join(tally.notes)
    check(room.account.pk)


def test_mailboxes_and_keywords_beyond_what_an_email_may_have_are_told(room):
    folders = [Folder((f"f{number}",)) for number in range(203)]

    tally = take_in(room, entry("a", *folders, keywords=("fine", "Not*Fine")))

    ((_, mailboxes, keywords, _),) = portrait(room.account).emails
    assert (len(mailboxes), keywords) == (200, {"fine"})
    assert list(tally.notes) == ["a message of f0 has more mailboxes or other keywords than an email may have here"]


def test_two_imports_of_one_source_at_a_time_double_nothing(room):
    """The other one commits between the look into the journal and the slice."""
    late = entry("a", Folder(("x",)))

    def overtaken():
        take_in(room, late)
        return message("a")

    tally = take_in(room, Entry(late.key, late.folders, late.keywords, overtaken, late.received_at))

    assert (tally.imported, tally.known) == (0, 1)
    assert portrait(room.account).emails.total() == 1
