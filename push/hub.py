"""The hub of a process: the last state of each account and type that somebody listens to, and who is told.

Rules kept here:
- what goes out is never older than what went out before, however news arrive;
- news are hints: a gap between them, or a difference that the regular look at the database finds, makes the hub read
  the states of that account again;
- a listener that does not take its changes finds them merged into one map, so memory stays bounded;
- everything but ``tell`` happens on the event loop's thread, so there is no lock; the database is asked on a thread of
  the hub's own, whose connection sees what other connections commit.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from django.db import Error, connection

from jmap.edge.threads import WorkerPool
from push import sql
from push.conf import push_options
from push.listener import Listener
from push.news import AccessNews, News, StateNews

log = logging.getLogger("jmap.push")

FILE_POLL = 2.0
"""Seconds between looks at whether a SQLite file has changed."""


class Account:
    """What is known of an account: the last modseq of each type, and up to which modseq nothing is missing."""

    __slots__ = ("complete", "epoch", "is_known", "key", "listeners", "types")

    def __init__(self, key: int) -> None:
        self.key = key
        self.epoch = 0
        self.complete = -1
        self.is_known = False
        self.types: dict[str, int] = {}
        self.listeners: set[Listener] = set()

    def learn(self, epoch: int, types: dict[str, int]) -> dict[str, int]:
        """Take in states; those that were not known yet."""
        if epoch < self.epoch:
            return {}
        if epoch > self.epoch:
            self.epoch, self.complete, self.types = epoch, -1, {}
        fresh = {name: modseq for name, modseq in types.items() if modseq > self.types.get(name, -1)}
        self.types.update(fresh)
        return fresh


class Hub:
    """One for each event loop that serves streams."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.accounts: dict[int, Account] = {}
        self.hearers: list[Callable[[News], None]] = []
        """Told of all news, whoever listens to the account; they neither block nor raise."""
        self._pool = WorkerPool(1, "jmap-push")
        self._to_read: dict[int, list[asyncio.Future[None]]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._version: int | None = None
        self._looked = 0.0
        self._watching = loop.create_task(self._keep_looking())

    def close(self) -> None:
        """Stop looking."""
        self._watching.cancel()
        if self._reading is not None:
            self._reading.cancel()
        self._pool.close()

    async def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run something on the hub's thread, with its connection."""
        return await self._pool.run("push", _with_a_good_connection, function, *arguments)

    # ------------------------------------------------------------------------------------------------------- listeners

    async def add(self, listener: Listener, accounts: Iterable[int]) -> None:
        """Tell the listener of these accounts from now on; returns when their states are known."""
        unread = []
        for key in accounts:
            account = self.accounts.get(key)
            if account is None:
                account = self.accounts[key] = Account(key)
            account.listeners.add(listener)
            listener.accounts[key] = account
            if account.complete < 0:
                unread.append(key)
        if unread:
            await self.read(unread)

    def remove(self, listener: Listener, accounts: Iterable[int] | None = None) -> None:
        """Tell the listener no more; of these accounts, or at all."""
        for key in list(listener.accounts if accounts is None else accounts):
            account = listener.accounts.pop(key)
            listener.pending.pop(key, None)
            account.listeners.discard(listener)
            if not account.listeners:
                del self.accounts[key]

    # ------------------------------------------------------------------------------------------------------------ news

    def tell(self, news: News) -> None:
        """Take news from any thread."""
        try:
            self.loop.call_soon_threadsafe(self.take, news)
        except RuntimeError:
            log.debug("the event loop has ended")

    def take(self, news: News) -> None:
        """Pass news on to those whom they concern."""
        for hear in self.hearers:
            hear(news)
        if isinstance(news, AccessNews):
            return
        account = self.accounts.get(news.account_id)
        if account is None:
            return
        self._spread(account, account.learn(news.epoch, dict(news.types)))
        if news.epoch != account.epoch or news.until <= account.complete:
            return
        if news.since <= account.complete:
            account.complete = news.until
        else:
            self._read_soon(news)

    def _spread(self, account: Account, fresh: dict[str, int]) -> None:
        if fresh:
            for listener in tuple(account.listeners):
                listener.offer(account.key, fresh)

    def _read_soon(self, news: StateNews) -> None:
        self._to_read.setdefault(news.account_id, [])
        self._start_reading()

    # --------------------------------------------------------------------------------------------------------- reading

    async def read(self, accounts: Iterable[int]) -> None:
        """Read the states of accounts; those asked for at the same time share a statement."""
        done = self.loop.create_future()
        keys = list(accounts)
        for key in keys:
            self._to_read.setdefault(key, []).append(done)
        self._start_reading()
        await done

    def _start_reading(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = self.loop.create_task(self._read_all())

    async def _read_all(self) -> None:
        while self._to_read:
            asked, self._to_read = self._to_read, {}
            waiting = {id(done): done for each in asked.values() for done in each}
            try:
                found = await self.run(sql.states_of, list(asked))
            except Exception as error:
                for done in waiting.values():
                    if not done.done():
                        done.set_exception(error)
                if not isinstance(error, Error):
                    raise
                log.warning("states could not be read: %s", type(error).__name__)
                return
            for key, (epoch, modseq, types) in found.items():
                self._learn(key, epoch, modseq, types)
            for done in waiting.values():
                if not done.done():
                    done.set_result(None)

    def _learn(self, key: int, epoch: int, modseq: int, types: dict[str, int]) -> None:
        account = self.accounts.get(key)
        if account is None:
            return
        fresh = account.learn(epoch, types)
        if account.is_known:
            self._spread(account, fresh)
        account.is_known = True
        if epoch == account.epoch:
            account.complete = max(account.complete, modseq)

    async def _keep_looking(self) -> None:
        """Compare accounts that are listened to with the database, for as long as the hub lives."""
        pause = FILE_POLL
        while True:
            await asyncio.sleep(pause)
            if not self.accounts:
                continue
            try:
                await self._look()
            except Error as error:
                log.warning("accounts could not be looked at: %s", type(error).__name__)
            except Exception as error:
                log.error("looking at accounts failed: %s", type(error).__name__)

    async def _look(self) -> None:
        version = await self.run(sql.file_version)
        is_due = time.monotonic() - self._looked >= push_options().poll
        if not is_due and (version is None or version == self._version):
            return
        self._version = version
        await self.look()

    async def look(self) -> None:
        """Compare now, for instance after the subscription to news was away."""
        self._looked = time.monotonic()
        marks: dict[int, tuple[int, int]] = await self.run(sql.marks_of, list(self.accounts))
        behind = [
            key
            for key, (epoch, modseq) in marks.items()
            if (account := self.accounts.get(key)) is not None and (epoch, modseq) > (account.epoch, account.complete)
        ]
        if behind:
            await self.read(behind)


def _with_a_good_connection(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run it, and once more on a new connection where the old one is broken."""
    try:
        return function(*arguments)
    except Error:
        connection.close()
        return function(*arguments)
