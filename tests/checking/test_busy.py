"""A check of a store that is being written to gives no false alarm, and mending it loses nothing."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from jmap.store import writing
from mail.models import Email
from mail.services import emails
from tests.checking.conftest import findings
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 60
STEPS = 15


def write(room: Mailroom, seed: int) -> None:
    """What users and senders do, one thing after the other."""
    dice = random.Random(seed)
    try:
        for step in range(STEPS):
            keys = list(Email.objects.filter(account=room.account).values_list("pk", flat=True))
            box = dice.choice(["inbox", "archive", "trash"])
            some = dice.sample(keys, min(len(keys), 3))
            match dice.randrange(3):
                case 0:
                    references = tuple(f"{seed}-{dice.randrange(step + 1)}" for _ in range(2))
                    room.deliver(f"{seed}-{step}", references=references, boxes=(box,), minutes=dice.randrange(9_000))
                case 1:
                    with writing(room.account.pk) as writer:
                        present = emails.placements(room.account.pk, some)
                        moved = emails.Placement(
                            frozenset({room.boxes[box]}), frozenset(dice.sample(["$seen", "$flagged", "x"], 2))
                        )
                        emails.update(writer, dict.fromkeys(present, moved))
                case 2:
                    room.destroy(*some[:1])
    finally:
        connections.close_all()


@pytest.mark.own("a healthy store gives no false alarm, however busy it is")
def test_nothing_is_wrong_with_a_store_that_is_written_to() -> None:
    room, other = Mailroom.open(), Mailroom.open()
    for number in range(12):
        room.deliver(f"{number}", minutes=number)
    done = threading.Event()
    found = []

    def look() -> int:
        runs = 0
        try:
            while not done.is_set() or not runs:
                found.extend(findings(room, other, mend=True).findings)
                runs += 1
        finally:
            connections.close_all()
        return runs

    with ThreadPoolExecutor(4) as pool:
        looking = pool.submit(look)
        for job in [pool.submit(write, one, seed) for seed, one in enumerate((room, room, other))]:
            job.result(PATIENCE)
        done.set()
        runs = looking.result(PATIENCE)

    assert runs
    assert [finding.fault for finding in found] == []
    check(room.account.pk)
    check(other.account.pk)
