"""The hub by itself: what reaches a listener, in which order, and what happens when news are lost."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from push import hub as hub_module
from push.hub import Hub
from push.listener import Listener, Pace
from push.news import AccessNews, StateNews, from_octets, merged, state_news, to_octets
from push.position import MAX_LENGTH, from_text, to_text

World = dict[int, tuple[int, int, dict[str, int]]]


@contextlib.asynccontextmanager
async def a_hub(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    """A hub over a database that is a dictionary: account to epoch, modseq, modseqs of types."""
    monkeypatch.setattr(hub_module.sql, "states_of", lambda keys: {key: world[key] for key in keys if key in world})
    monkeypatch.setattr(hub_module.sql, "marks_of", lambda keys: {key: world[key][:2] for key in keys if key in world})
    monkeypatch.setattr(hub_module.sql, "file_version", lambda: None)
    running = Hub(asyncio.get_running_loop())
    try:
        yield running
    finally:
        running.close()


def play(world: World, monkeypatch: pytest.MonkeyPatch, scene: Callable[[Hub], Awaitable[None]]) -> None:
    """Run a scene with a hub over the world."""

    async def run() -> None:
        async with a_hub(world, monkeypatch) as running:
            await scene(running)

    asyncio.run(run())


def news(since: int, until: int, epoch: int = 1, **types: int) -> StateNews:
    """News of account 1."""
    return StateNews(1, epoch, since, until, types)


@pytest.mark.rfc(8620, "7.1")
def test_what_is_older_than_what_was_told_is_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub) -> None:
        listener = Listener(None)
        await hub.add(listener, [1])

        hub.take(news(5, 8, Email=8))
        first = listener.take()
        hub.take(news(2, 4, Email=3, Mailbox=4))
        second = listener.take()

        assert first == {"ub": {"Email": "1-8"}}
        assert second == {"ub": {"Mailbox": "1-4"}}

    play({1: (1, 2, {"Email": 2})}, monkeypatch, scene)


@pytest.mark.own("a restored backup is newer than everything before it")
def test_a_later_epoch_wins_whatever_its_modseqs_are(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub) -> None:
        listener = Listener(None)
        await hub.add(listener, [1])

        hub.take(news(3, 4, epoch=2, Email=4))
        hub.take(news(9, 10, epoch=1, Email=10))

        assert listener.take() == {"ub": {"Email": "2-4"}}

    play({1: (1, 9, {"Email": 9})}, monkeypatch, scene)


@pytest.mark.own("news are hints: a gap makes the hub read")
def test_lost_news_are_found_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    world: World = {1: (1, 2, {"Email": 2})}

    async def scene(hub: Hub) -> None:
        listener = Listener(None)
        await hub.add(listener, [1])
        world[1] = (1, 6, {"Email": 6, "Mailbox": 4})

        hub.take(news(4, 6, Email=6))  # those of 2 to 4 were lost
        told = listener.take()
        while not listener.pending:
            await listener.wait(5)

        assert told == {"ub": {"Email": "1-6"}}
        assert listener.take() == {"ub": {"Mailbox": "1-4"}}

    play(world, monkeypatch, scene)


@pytest.mark.own("news are hints: what nobody told is found by looking")
def test_a_change_that_nobody_told_is_found_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    world: World = {1: (1, 2, {"Email": 2})}

    async def scene(hub: Hub) -> None:
        listener = Listener(None)
        await hub.add(listener, [1])
        world[1] = (1, 3, {"Email": 3})

        await hub.look()

        assert listener.take() == {"ub": {"Email": "1-3"}}

    play(world, monkeypatch, scene)


@pytest.mark.own("a position never claims more than was told")
def test_a_position_taken_inside_a_gap_brings_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world: World = {1: (1, 2, {"Email": 2})}

    async def scene(hub: Hub) -> None:
        listener, again = Listener(None), Listener(None)
        await hub.add(listener, [1])
        hub.take(news(4, 6, Email=6))
        listener.take()
        position = listener.position()
        hub.remove(listener)
        world[1] = (1, 6, {"Email": 6, "Mailbox": 4})

        await hub.add(again, [1])
        again.catch_up(from_text(position), [1])

        assert again.take()["ub"]["Mailbox"] == "1-4"

    play(world, monkeypatch, scene)


@pytest.mark.own("the last states are right in whatever order news arrive, and however many are lost")
@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_news_ends_with_the_last_states(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    dice = random.Random(seed)
    world: World = {1: (1, 0, {})}
    told: dict[str, str] = {}

    async def scene(hub: Hub) -> None:
        listener = Listener(None)
        await hub.add(listener, [1])
        waiting, modseq, states = [], 0, {}
        for _ in range(40):
            since = modseq
            names = dice.sample(["Email", "Mailbox", "Thread", "EmailDelivery"], dice.randrange(1, 4))
            for name in names:
                modseq += 1
                states[name] = modseq
            waiting.append(news(since, modseq, **{name: states[name] for name in names}))
        world[1] = (1, modseq, states)
        dice.shuffle(waiting)
        for each in waiting[: dice.randrange(10, 41)]:
            hub.take(each)
            if dice.random() < 0.3:
                remember(listener)
            if dice.random() < 0.2:
                await asyncio.sleep(0)
        await hub.look()
        remember(listener)

        assert told == {name: f"1-{reached}" for name, reached in states.items()}
        assert from_text(listener.position()) == {1: (1, modseq)}

    def remember(listener: Listener) -> None:
        for name, state in listener.take().get("ub", {}).items():
            assert int(state[2:]) > int(told.get(name, "1-0")[2:]), "an older state was told after a newer one"
            told[name] = state

    play(world, monkeypatch, scene)


@pytest.mark.own("a client that takes nothing costs no memory")
def test_what_waits_for_a_slow_reader_is_merged_into_one_map(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub) -> None:
        slow, other = Listener(None), Listener(frozenset({"Email"}))
        await hub.add(slow, [1, 2])
        await hub.add(other, [1])

        for modseq in range(1, 10_001):
            hub.take(news(modseq - 1, modseq, Email=modseq))
            other.take()

        assert slow.pending == {1: {"Email": 10_000}}

    play({1: (1, 0, {}), 2: (1, 0, {})}, monkeypatch, scene)


@pytest.mark.own("the hub remembers only what somebody listens to")
def test_nothing_is_left_of_an_account_that_nobody_listens_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(hub: Hub) -> None:
        first, second = Listener(None), Listener(None)
        await hub.add(first, [1])
        await hub.add(second, [1, 2])
        hub.remove(first)
        both = set(hub.accounts)
        hub.remove(second)

        assert (both, hub.accounts) == ({1, 2}, {})

    play({1: (1, 0, {}), 2: (1, 0, {})}, monkeypatch, scene)


@pytest.mark.own("a burst is coalesced, its first change is not delayed")
def test_the_first_of_a_burst_waits_for_nothing_and_the_next_ever_longer() -> None:
    pace, now, gaps = Pace(), 1_000.0, []
    for _ in range(8):
        gaps.append(pace.wait(now))
        now += gaps[-1]
        pace.went(now)
    later = pace.wait(now + 60)

    assert gaps == pytest.approx([0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert later == 0


@pytest.mark.rfc(8620, "7.3")
def test_a_position_is_the_same_after_it_travelled() -> None:
    position = {1: (1, 0), 77: (3, 12345), 2**62: (2**40, 2**62)}

    assert from_text(to_text(position)) == position


@pytest.mark.rfc(8620, "7.3")
def test_a_position_of_very_many_accounts_keeps_those_that_changed_last() -> None:
    position = {key: (1, key) for key in range(1, 5_000)}

    text = to_text(position)

    assert len(text) <= MAX_LENGTH
    assert max(from_text(text)) == 4_999


@pytest.mark.own("news travel as one message")
def test_news_are_the_same_after_they_travelled() -> None:
    both = [news(3, 5, Email=5, Thread=4), AccessNews(("7", "b1c0"), (3,))]

    assert [from_octets(to_octets(each)) for each in both] == both
    assert from_octets(b"\xff") is from_octets(b"{}") is from_octets(b"[1]") is None


@pytest.mark.own("merged news hide no gap")
def test_merged_news_cover_only_what_follows_on_each_other() -> None:
    assert merged(news(1, 3, Email=3), news(3, 5, Email=5, Thread=4)) == news(1, 5, Email=5, Thread=4)
    assert merged(news(1, 3, Email=3), news(4, 5, Thread=5)) == news(4, 5, Email=3, Thread=5)
    assert merged(news(4, 5, Thread=5), news(1, 3, Email=3)) == news(4, 5, Email=3, Thread=5)


@pytest.mark.own("states that are not ours announce nothing")
def test_news_are_made_of_states() -> None:
    assert state_news(1, {"Email": "2-7", "Odd": "x"}, 5, 7) == news(5, 7, epoch=2, Email=7)
    assert state_news(1, {"Odd": "x"}, 5, 7) is None
