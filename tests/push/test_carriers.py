"""Carriers: news reach the hubs of other processes, and a carrier that is lost costs time alone."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from push import hub as hub_module
from push.carriers import carrier, sockets
from push.carriers.ports import Carrier
from push.carriers.publisher import Publisher
from push.carriers.redis import RedisCarrier
from push.carriers.sockets import SocketCarrier
from push.hub import Hub
from push.news import AccessNews, News, StateNews

SECONDS = 10

Make = Callable[[], Carrier]


@pytest.fixture(params=["sockets", "redis", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes a carrier, as another process would have it."""
    if request.param == "sockets":
        # Longer than the address of a Unix socket may be.
        folder = tmp_path / ("x" * 100)
        yield lambda: SocketCarrier(folder)
    elif request.param == "redis":
        url = os.environ.get("TEST_REDIS_URL")
        if not url:
            pytest.skip("TEST_REDIS_URL names no Redis: run under `scripts/services.py run redis -- ...`")
        yield lambda: RedisCarrier(url)
    else:
        if os.environ.get("TEST_DATABASE") != "postgres":
            pytest.skip("the suite runs on SQLite")
        from push.carriers.postgres import PostgresCarrier

        request.getfixturevalue("db")
        made: list[PostgresCarrier] = []

        def one() -> PostgresCarrier:
            made.append(PostgresCarrier())
            return made[-1]

        yield one
        for each in made:
            if each._sender is not None:
                each._sender.close()  # the test's database is dropped soon


@asynccontextmanager
async def subscribed(make: Make, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[list[News], asyncio.Event]]:
    """What a hub is told that subscribes by a carrier of its own; the event is set whenever it looks or hears."""
    heard: list[News] = []
    happened = asyncio.Event()
    monkeypatch.setattr(hub_module.sql, "marks_of", lambda keys: {})
    hub = Hub(asyncio.get_running_loop())
    hub.hearers.append(lambda news: (heard.append(news), happened.set()))  # type: ignore[func-returns-value]
    looked = asyncio.Event()
    look = hub.look

    async def look_and_say() -> None:
        await look()
        looked.set()

    hub.look = look_and_say  # type: ignore[method-assign]
    task = asyncio.create_task(make().subscribe(hub))
    try:
        await asyncio.wait_for(looked.wait(), SECONDS)
        yield heard, happened
    finally:
        task.cancel()
        hub.close()


@pytest.mark.own("news reach every process of the site")
def test_news_reach_the_hubs_of_other_processes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = [StateNews(7, 1, 3, 5, {"Email": 5}), AccessNews(("1",), (7,))]

    async def scene() -> None:
        async with (
            subscribed(make, monkeypatch) as (first, happened),
            subscribed(make, monkeypatch) as (second, also_happened),
        ):
            other = make()
            for news in sent:
                other.publish(news)
            async with asyncio.timeout(SECONDS):
                while len(first) < 2 or len(second) < 2:
                    await asyncio.wait([asyncio.ensure_future(e.wait()) for e in (happened, also_happened)],
                                       return_when=asyncio.FIRST_COMPLETED)  # fmt: skip
                    happened.clear()
                    also_happened.clear()
                    await asyncio.sleep(0)

        assert sorted(map(repr, first)) == sorted(map(repr, second)) == sorted(map(repr, sent))

    asyncio.run(scene())


@pytest.mark.own("a process that died is no hindrance")
def test_the_socket_of_a_dead_process_is_removed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(tmp_path / "1-dead.sock"))

    SocketCarrier(tmp_path).publish(StateNews(7, 1, 3, 5, {"Email": 5}))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.own("whoever commits does not wait")
def test_a_process_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stalled:
        stalled.bind(str(tmp_path / "1-stalled.sock"))

        for number in range(2_000):
            SocketCarrier(tmp_path).publish(StateNews(7, 1, number, number + 1, {"Email": number + 1}))

        assert stalled.recv(sockets.MAX_OCTETS)


@pytest.mark.own("whoever commits does not wait")
def test_a_site_without_a_folder_yet_tells_nobody(tmp_path: Path) -> None:
    SocketCarrier(tmp_path / "nothing").publish(AccessNews(("1",), ()))

    assert not (tmp_path / "nothing").exists()


@pytest.mark.own("what waits to be published is merged")
def test_what_waits_for_a_slow_network_is_merged_by_account() -> None:
    import threading

    may_go, batches, done = threading.Event(), [], threading.Event()

    def send(waiting: list[News]) -> None:
        may_go.wait(SECONDS)
        batches.append(waiting)
        if any(isinstance(news, StateNews) and news.until == 1_000 for news in waiting):
            done.set()

    publisher = Publisher(send)
    for number in range(1_000):
        publisher.put(StateNews(7, 1, number, number + 1, {"Email": number + 1}))
    may_go.set()

    assert done.wait(SECONDS)
    assert len(batches) <= 2
    assert batches[-1][-1].types == {"Email": 1_000}


@pytest.mark.own("a lost network is no reason to end")
def test_a_publisher_goes_on_after_an_error() -> None:
    import threading

    sent, tried = threading.Event(), []

    def send(waiting: list[News]) -> None:
        tried.append(waiting)
        if len(tried) == 1:
            raise ConnectionError
        sent.set()

    publisher = Publisher(send)
    publisher.put(AccessNews(("1",), ()))
    while not tried:
        pass
    publisher.put(AccessNews(("2",), ()))

    assert sent.wait(SECONDS)


@pytest.mark.own("the carrier is an option")
@pytest.mark.parametrize(
    ("options", "words"),
    [({"CARRIER": "none"}, "nothing"), ({"CARRIER": "sockets", "FOLDER": "/x"}, "/x"), ({}, "nothing")],
)
def test_the_carrier_in_force_says_how_far_it_reaches(settings: Any, options: dict[str, str], words: str) -> None:
    settings.JMAP = {**settings.JMAP, "PUSH": options}

    assert words in carrier().describe()
