"""Long work on mail commits in slices, and a delivery waits no longer than for one (design rule of the store)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from django.db import connections

from jmap import store
from jmap.ids import encode
from jmap.store import writing
from mail.importers.entry import Entry, Folder, key_of
from mail.models import Email, Mailbox
from mail.services import emails, importing, mailboxes
from tests.mail.email.conftest import alice, people
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

__all__ = ["alice", "people"]

pytestmark = pytest.mark.own("long work commits in slices, and others write in between")


def entries(count: int) -> list[Entry]:
    """Messages of one folder."""
    moment, folder = datetime(2026, 1, 1, tzinfo=UTC), Folder(("Old",))
    return [
        Entry(key_of(str(n)), (folder,), frozenset(), lambda n=n: message(f"s{n}"), lambda data: moment)
        for n in range(count)
    ]


def sizes_of_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[int]:
    """How many emails each call of a service was given, filled while the test runs."""
    sizes: list[int] = []
    real = getattr(emails, name)

    def counted(writer, given, *args):
        sizes.append(len(list(given)))
        return real(writer, given, *args)

    monkeypatch.setattr(emails, name, counted)
    return sizes


@pytest.mark.django_db
def test_an_import_adds_no_more_than_a_slice_in_one_transaction(monkeypatch):
    room = Mailroom.open()
    sizes = sizes_of_calls(monkeypatch, "add")

    importing.take_in(room.account, b"s" * 32, entries(120))

    assert sizes == [50, 50, 20]


@pytest.mark.django_db
def test_what_is_large_makes_a_slice_by_itself(monkeypatch):
    room = Mailroom.open()
    sizes = sizes_of_calls(monkeypatch, "add")
    monkeypatch.setattr(importing, "SLICE_OCTETS", len(message("s0")) * 2)

    importing.take_in(room.account, b"s" * 32, entries(7))

    assert sizes == [3, 3, 1]


@pytest.mark.django_db
@pytest.mark.rfc(8621, "2.5")
def test_a_mailbox_is_emptied_in_slices_before_it_is_destroyed(alice, monkeypatch):
    importing.take_in(alice.account, b"s" * 32, entries(450))
    sizes = sizes_of_calls(monkeypatch, "destroy")
    gone = encode("m", Mailbox.objects.get(account=alice.account, name="Old").pk)

    answer = alice.call("Mailbox/set", destroy=[gone], onDestroyRemoveEmails=True)

    assert answer["destroyed"] == [gone]
    assert [size for size in sizes if size] == [200, 200, 50]
    check(alice.account.pk)


class Deliveries(threading.Thread):
    """Writes to another account, again and again, and notes how many slices ended while each write waited."""

    def __init__(self, account_id: int, slices: list[int]) -> None:
        super().__init__(daemon=True)
        self.account_id, self.slices = account_id, slices
        self.begun, self.enough = threading.Event(), threading.Event()
        self.waited: list[int] = []

    def run(self) -> None:
        while not self.enough.is_set():
            before = len(self.slices)
            with writing(self.account_id):
                self.waited.append(len(self.slices) - before)
            self.begun.set()
        connections.close_all()


def slices_waited_for(monkeypatch: pytest.MonkeyPatch, other: Mailroom, work: Callable[[], object]) -> list[int]:
    """For each write that somebody else did during the work: how many slices were committed while it waited."""
    ended: list[int] = []
    real = store.writing

    @contextmanager
    def noted(account_id, **options):
        with real(account_id, **options) as writer:
            yield writer
        ended.append(account_id)

    for module in (store, importing):
        monkeypatch.setattr(module, "writing", noted)
    deliveries = Deliveries(other.account.pk, ended)
    deliveries.start()
    assert deliveries.begun.wait(30)
    work()
    deliveries.enough.set()
    deliveries.join(30)
    assert len(ended) > 5
    return deliveries.waited


@pytest.mark.scale
@pytest.mark.django_db(transaction=True)
def test_who_writes_during_an_import_or_a_destruction_waits_for_no_more_than_two_slices(monkeypatch):
    room, other = Mailroom.open(), Mailroom.open()

    imported = slices_waited_for(monkeypatch, other, lambda: importing.take_in(room.account, b"s" * 32, entries(3_000)))
    monkeypatch.undo()
    key = Mailbox.objects.get(account=room.account, name="Old").pk

    def empty() -> None:
        left = mailboxes.SLICE
        while left == mailboxes.SLICE:
            with store.writing_slice(room.account.pk) as writer:
                left = mailboxes.empty_slice(writer, key)

    destroyed = slices_waited_for(monkeypatch, other, empty)

    # One is running when it asks, and another may begin before it looks again.
    assert max(imported) <= 2
    assert max(destroyed) <= 2
    assert len(destroyed) > 5
    assert not Email.objects.filter(account=room.account).exists()
