"""Several writers at once: the lock comes before the first read, and readers never miss a change."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from jmap.store import changes, current_state, reading, writing
from mail.models import Email, Mailbox
from mail.services import emails
from mail.services.emails import Placement
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60


def _in_thread(work: Callable[[], None]) -> Callable[[], None]:
    """The same work, with a database connection of its own that is closed after it."""

    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    return run


@pytest.mark.rfc(8620, "5.1")
def test_a_writer_that_waited_for_the_lock_reads_what_the_other_wrote():
    room = Mailroom.open()
    locked, release = threading.Event(), threading.Event()
    newer, older = room.new("a", minutes=2), room.new("b", references=("a",), minutes=1)

    def first() -> None:
        with writing(room.account.pk) as writer:
            locked.set()
            release.wait(PATIENCE)
            emails.add(writer, [newer])

    def second() -> None:
        locked.wait(PATIENCE)
        threading.Timer(0.2, release.set).start()
        with writing(room.account.pk) as writer:
            emails.add(writer, [older])

    with ThreadPoolExecutor(2) as pool:
        for job in [pool.submit(_in_thread(first)), pool.submit(_in_thread(second))]:
            job.result(PATIENCE)

    assert room.counts("inbox") == (2, 2, 1, 1)
    check(room.account.pk)


@pytest.mark.rfc(8620, "5.2")
def test_many_writers_keep_the_books_and_a_reader_misses_nothing():
    room = Mailroom.open()
    for number in range(6):
        room.deliver(f"m{number}", minutes=number)
    since = current_state(room.account.pk, "Email")
    known = set(Email.objects.values_list("pk", flat=True))
    done = threading.Event()

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for step in range(12):
            _random_write(room, dice, f"w{seed}-{step}")

    def follow() -> str:
        state = since
        while True:
            last = done.is_set()
            with reading():
                span = changes(Email, "Email", room.account.pk, state, 3)
            known.update(span.created)
            known.difference_update(span.destroyed)
            state = span.new_state
            if last and not span.has_more:
                connections.close_all()
                return state

    with ThreadPoolExecutor(5) as pool:
        reader = pool.submit(follow)
        for job in [pool.submit(_in_thread(lambda seed=seed: write(seed))) for seed in range(4)]:
            job.result(PATIENCE)
        done.set()
        state = reader.result(PATIENCE)

    assert known == set(Email.objects.values_list("pk", flat=True))
    assert state == current_state(room.account.pk, "Email")
    check(room.account.pk)


def _random_write(room: Mailroom, dice: random.Random, name: str) -> None:
    kind = dice.choice(["deliver", "flag", "move", "destroy"])
    if kind == "deliver":
        room.deliver(name, references=(f"m{dice.randrange(6)}",), minutes=dice.randrange(5_000))
        return
    with writing(room.account.pk) as writer:
        keys = list(Email.objects.filter(account=room.account).values_list("pk", flat=True))
        chosen = dice.sample(keys, min(len(keys), 2))
        if kind == "destroy":
            emails.destroy(writer, chosen[:1])
            return
        wanted = {}
        for key, was in emails.placements(room.account.pk, chosen).items():
            if kind == "flag":
                wanted[key] = Placement(was.mailboxes, was.keywords ^ {"$seen"})
            else:
                wanted[key] = Placement(frozenset({room.boxes[dice.choice(["inbox", "trash"])]}), was.keywords)
        emails.update(writer, wanted)


@pytest.mark.rfc(8620, "5.1")
def test_a_snapshot_shows_one_moment_while_others_write():
    room = Mailroom.open()
    room.deliver("a")

    def deliver() -> None:
        room.deliver("b")

    with reading():
        state = current_state(room.account.pk, "Email")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_in_thread(deliver)).result(PATIENCE)
        inside = (current_state(room.account.pk, "Email"), Email.objects.count(), room.counts("inbox")[0])
    assert inside == (state, 1, 1)
    assert Email.objects.count() == 2


@pytest.mark.rfc(8620, "5.1")
def test_the_lock_is_the_first_statement_of_a_write(django_assert_num_queries):
    room = Mailroom.open()

    with django_assert_num_queries(3) as seen, writing(room.account.pk):
        pass

    statements = [query["sql"] for query in seen.captured_queries]
    lock = "FOR NO KEY UPDATE" if connection.vendor == "postgresql" else "UPDATE jmap_core_account"
    assert lock in statements[1]
    assert Mailbox.objects.filter(account=room.account).exists()
