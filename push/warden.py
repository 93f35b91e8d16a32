"""The warden: whoever is served for long is looked at again, at once when told that access changed, and regularly.

Rules kept here:
- credentials that no longer hold end what they opened; so it does not matter how they were changed;
- while the database is out of reach nobody is thrown out;
- looking is done in slices on the hub's thread, so that news go in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any

from django.db import Error

from jmap.auth.verify import Refused
from jmap.edge.problems import Problem
from push.conf import push_options
from push.hub import Hub
from push.listener import NOT_ALLOWED, Listener
from push.news import AccessNews, News
from push.visitor import Visitor

log = logging.getLogger("jmap.push")

SLICE = 50


@dataclass(slots=True, eq=False)
class Watched:
    """A stream, and what to do when the visitor's accounts have changed."""

    visitor: Visitor
    listener: Listener
    moved: Callable[[frozenset[int]], None]


class Warden:
    """One beside each hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.watched: dict[Listener, Watched] = {}
        self._counts: Counter[object] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        hub.hearers.append(self._told)
        self.start(self._rounds())

    def close(self, why: str) -> None:
        """End all that is watched."""
        for task in self._tasks:
            task.cancel()
        for listener in self.watched:
            listener.end(why)

    def watch(self, watched: Watched) -> None:
        """Look after a stream. Raises Problem where its user has too many."""
        user = watched.visitor.verified.user_key
        if self._counts[user] >= push_options().max_streams:
            raise Problem(429, "You have more streams open than the server allows.", [(b"retry-after", b"30")])
        self._counts[user] += 1
        self.watched[watched.listener] = watched

    def leave(self, listener: Listener) -> None:
        """Look after it no more."""
        watched = self.watched.pop(listener, None)
        if watched is not None:
            user = watched.visitor.verified.user_key
            self._counts[user] -= 1
            if not self._counts[user]:
                del self._counts[user]

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something beside everything else."""
        task = self._hub.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _told(self, news: News) -> None:
        if not isinstance(news, AccessNews):
            return
        users = set(news.user_keys)
        chosen = {each for each in self.watched.values() if str(each.visitor.verified.user_key) in users}
        for key in news.account_keys:
            account = self._hub.accounts.get(key)
            for listener in account.listeners if account else ():
                if listener in self.watched:
                    chosen.add(self.watched[listener])
        if chosen:
            self.start(self._look_at(list(chosen)))

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(push_options().recheck)
            await self._look_at(list(self.watched.values()))

    async def _look_at(self, chosen: list[Watched]) -> None:
        for start in range(0, len(chosen), SLICE):
            some = chosen[start : start + SLICE]
            try:
                verdicts = await self._hub.run(_judge, [each.visitor for each in some])
            except Error as error:
                log.warning("credentials could not be looked at: %s", type(error).__name__)
                return
            except Exception as error:
                log.error("looking at credentials failed: %s", type(error).__name__)
                return
            for watched, verdict in zip(some, verdicts, strict=True):
                self._apply(watched, verdict)

    def _apply(self, watched: Watched, verdict: frozenset[int] | None) -> None:
        if watched.listener not in self.watched:
            return
        if not verdict:
            watched.listener.end(NOT_ALLOWED)
        elif verdict != watched.visitor.accounts:
            watched.visitor.accounts = verdict
            watched.moved(verdict)


def _judge(visitors: Iterable[Visitor]) -> list[frozenset[int] | None]:
    """The accounts of each visitor, None where credentials no longer hold."""
    verdicts: list[frozenset[int] | None] = []
    for visitor in visitors:
        try:
            verdicts.append(visitor.check())
        except Refused:
            verdicts.append(None)
    return verdicts
