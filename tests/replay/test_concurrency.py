"""Several people write at once while others follow by /changes and /queryChanges: in the end everybody has the same."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest
from django.db import connections

from tests.mail.email.conftest import Person, _person
from tests.replay.client import TYPES, look, question, splice
from tests.replay.history import House, letter
from tests.store.invariants import check

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE = 120
NAMES = itertools.count()


def apart(work: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    """The same work, with a database connection of its own that is closed after it."""

    def run() -> Any:
        try:
            return work(*arguments)
        finally:
            connections.close_all()

    return run


def write(house: House, seed: int, steps: int) -> None:
    """Do one thing after the other. An object that somebody else was quicker with may be refused, never a call."""
    chance = Random(seed)
    for _ in range(steps):
        house.take(chance)


@dataclass
class Follower:
    """Somebody who polls: ids by type, and the ids of some lists."""

    house: House
    person: Person
    queries: list[dict[str, Any]]
    states: dict[str, str] = field(default_factory=dict)
    ids: dict[str, set[str]] = field(default_factory=dict)
    lists: list[tuple[str, list[str]]] = field(default_factory=list)

    def begin(self) -> None:
        """See everything once."""
        first = look(self.house, self.person, self.queries, [])
        self.states, self.lists = first.states, first.lists
        self.ids = {name: set(first.objects[name]) for name in TYPES}

    def poll(self, limit: int) -> None:
        """Catch up."""
        for name in TYPES:
            more = True
            while more:
                page = self.house.call(self.person, f"{name}/changes", sinceState=self.states[name], maxChanges=limit)
                self.ids[name] = (self.ids[name] | set(page["created"])) - set(page["destroyed"])
                self.states[name], more = page["newState"], page["hasMoreChanges"]
        for number, (query, (state, ids)) in enumerate(zip(self.queries, self.lists, strict=True)):
            changes = self.house.call(self.person, "Email/queryChanges", **query, sinceQueryState=state)
            self.lists[number] = (changes["newQueryState"], splice(ids, changes["removed"], changes["added"]))

    def follow(self, done: threading.Event) -> None:
        """Poll until nobody writes any more, and once again."""
        limit = 1
        while not done.is_set():
            self.poll(limit)
            limit = limit % 4 + 1
        self.poll(1)


def live(seed: int, writers: int, steps: int) -> None:
    """Writers and followers at once; in the end the followers have what is there."""
    house = House.open(_person, f"c{next(NAMES)}")
    for number in range(8):
        house.owner.deliver(letter("abcdefgh"[number], (), "Tea", number), day=number + 1)
    chance = Random(seed)
    queries = [question(chance, house.boxes) for _ in range(6)]
    followers = [Follower(house, person, queries) for person in (house.owner, house.guest)]
    for follower in followers:
        follower.begin()
    done = threading.Event()
    with ThreadPoolExecutor(writers + len(followers)) as pool:
        following = [pool.submit(apart(follower.follow, done)) for follower in followers]
        try:
            writing = [pool.submit(apart(write, house, seed * 100 + number, steps)) for number in range(writers)]
            for job in writing:
                job.result(PATIENCE)
        finally:
            done.set()
        for job in following:
            job.result(PATIENCE)

    for follower in followers:
        last = look(house, follower.person, queries, [])
        assert follower.states == last.states
        assert follower.ids == {name: set(last.objects[name]) for name in TYPES}
        assert follower.lists == last.lists
    check(house.owner.account.pk)
    check(house.guest.account.pk)


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
def test_who_follows_while_others_write_ends_with_what_is_there() -> None:
    live(seed=1, writers=3, steps=12)


@pytest.mark.scale
@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("seed", range(2, 8))
def test_many_writers_and_long_histories_end_the_same(seed: int) -> None:
    live(seed, writers=5, steps=60)
