"""A bounded pool of threads for synchronous work, fair between users.

Rules kept here:
- a thread lives as long as its pool and keeps its database connection, which it closes at the end;
- one user runs in at most a quarter of the threads at once, and those who wait are served in turn;
- all bookkeeping happens on the event loop's thread, so there is no lock;
- ``finished`` is called when the work has ended, even where nobody waits for its result any more.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

from django.db import connections

_Job = tuple["asyncio.Future[Any]", Any, Callable[..., Any], tuple[Any, ...], Callable[[], None] | None]


class WorkerPool:
    """Threads of one event loop."""

    def __init__(self, size: int, name: str) -> None:
        self.loop = asyncio.get_running_loop()
        self.share = max(1, size // 4)
        self._name = name
        self._size = size
        self._idle = size
        self._unstarted = size
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._running: dict[Any, int] = {}
        self._waiting: OrderedDict[Any, deque[_Job]] = OrderedDict()

    def run(
        self, key: Any, function: Callable[..., Any], *arguments: Any, finished: Callable[[], None] | None = None
    ) -> asyncio.Future[Any]:
        """Run the function in a thread on behalf of ``key``; the future gives its result or exception."""
        job = (self.loop.create_future(), key, function, arguments, finished)
        if self._idle and self._running.get(key, 0) < self.share:
            self._start(job)
        else:
            self._waiting.setdefault(key, deque()).append(job)
        return job[0]

    def close(self) -> None:
        """Let the threads end after what they do now."""
        for _ in range(self._size - self._unstarted):
            self._jobs.put(None)

    def _start(self, job: _Job) -> None:
        self._idle -= 1
        self._running[job[1]] = self._running.get(job[1], 0) + 1
        if self._unstarted > self._idle:
            self._unstarted -= 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        self._jobs.put(job)

    def _work(self) -> None:
        """What a thread does for life."""
        while (job := self._jobs.get()) is not None:
            error: BaseException | None = None
            result = None
            try:
                result = job[2](*job[3])
            except BaseException as caught:  # handed to whoever waits
                error = caught
            try:
                self.loop.call_soon_threadsafe(self._done, job, result, error)
            except RuntimeError:  # the loop was closed: nobody waits any more
                return
            del job, result, error
        connections.close_all()

    def _done(self, job: _Job, result: Any, error: BaseException | None) -> None:
        future, key, _function, _arguments, finished = job
        if finished is not None:
            finished()
        self._idle += 1
        count = self._running[key] - 1
        if count:
            self._running[key] = count
        else:
            del self._running[key]
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        if self._waiting:
            self._start_next()

    def _start_next(self) -> None:
        for key, jobs in self._waiting.items():
            if self._running.get(key, 0) >= self.share:
                continue
            job = jobs.popleft()
            if jobs:
                self._waiting.move_to_end(key)
            else:
                del self._waiting[key]
            self._start(job)
            return
