"""After any history, every older state leads by /changes and /queryChanges to what a fresh request shows."""

from __future__ import annotations

import itertools
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mail.email.conftest import _person
from tests.replay.client import (
    MAILBOX_QUESTIONS,
    TYPES,
    Moment,
    check_beginning,
    check_list,
    follow,
    look,
    question,
)
from tests.replay.history import House
from tests.store.invariants import check

pytestmark = pytest.mark.django_db
NAMES = itertools.count()
RELAXED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}


def ids_never_return(moments: list[Moment]) -> None:
    """What has gone is never seen again under its id."""
    for name in TYPES:
        gone: set[str] = set()
        before: set[str] = set()
        for moment in moments:
            now = set(moment.objects[name])
            gone |= before - now
            assert not gone & now
            before = now


def replay(chance: Random, steps: int, questions: int, looks: int) -> None:
    """Live through a history, then come back with the caches of some of its moments."""
    house = House.open(_person, str(next(NAMES)))
    queries = [question(chance, house.boxes) for _ in range(questions)]
    seen: list[tuple[Moment, Moment]] = []
    done = []
    for _ in range(steps):
        seen.append(tuple(look(house, one, queries, MAILBOX_QUESTIONS) for one in (house.owner, house.guest)))  # type: ignore[arg-type]
        done.append(house.take(chance))
    people = (house.owner, house.guest)
    last = tuple(look(house, one, queries, MAILBOX_QUESTIONS) for one in people)

    check(house.owner.account.pk)
    check(house.guest.account.pk)
    ids_never_return([mine for mine, _ in (*seen, last)])
    for moment in chance.sample(seen, min(looks, len(seen))):
        whose = chance.randrange(2)
        person, old, new = people[whose], moment[whose], last[whose]
        for name in TYPES:
            limit = chance.choice([1, 1, 2, 5, None])
            state, known = follow(house, person, name, old.states[name], old.objects[name], new.objects[name], limit)
            assert (state, known) == (new.states[name], new.objects[name]), (name, done)
        for query, before, after in zip(queries, old.lists, new.lists, strict=True):
            check_list(house, person, "Email/queryChanges", query, before, after)
            check_beginning(house, person, query, before, after, chance)
        for query, before, after in zip(MAILBOX_QUESTIONS, old.mailbox_lists, new.mailbox_lists, strict=True):
            check_list(house, person, "Mailbox/queryChanges", query, before, after)


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
@pytest.mark.rfc(8621, "2.4")
@pytest.mark.rfc(8621, "4.5")
@settings(max_examples=8, **RELAXED)
@given(chance=st.randoms(use_true_random=False), steps=st.integers(4, 16))
def test_every_older_state_leads_to_what_is_there_now(chance: Random, steps: int) -> None:
    replay(chance, steps, questions=5, looks=3)


@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("seed", range(2))
def test_a_long_history_can_be_replayed_from_its_moments(seed: int) -> None:
    replay(Random(seed), steps=40, questions=6, looks=4)


@pytest.mark.scale
@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
@settings(max_examples=100, **RELAXED)
@given(chance=st.randoms(use_true_random=False), steps=st.integers(4, 20))
def test_every_older_state_of_many_histories_leads_to_what_is_there_now(chance: Random, steps: int) -> None:
    replay(chance, steps, questions=5, looks=3)


@pytest.mark.scale
@pytest.mark.rfc(8620, "5.2")
@pytest.mark.rfc(8620, "5.6")
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_long_histories_can_be_replayed_from_their_moments(seed: int) -> None:
    replay(Random(seed), steps=120, questions=10, looks=8)
