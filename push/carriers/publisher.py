"""Does something with news in a thread, such as publishing them, so that whoever committed does not wait.

Rules kept here: what waits is merged by account, so memory is bounded; a process that ends publishes what waits first,
for a short time; what cannot be sent is dropped, since it is a hint.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable

from push.news import AccessNews, News, StateNews, merged

log = logging.getLogger("jmap.push")

FAREWELL = 2.0
"""Seconds that the end of a process waits for the last news to go out."""


class Publisher:
    """``send`` is given what waits; it may block and raise, and is called in one thread only."""

    def __init__(self, send: Callable[[list[News]], object]) -> None:
        self._send = send
        self._changed = threading.Condition()
        self._states: dict[int, StateNews] = {}
        self._access: list[AccessNews] = []
        self._is_sending = False
        self._thread: threading.Thread | None = None
        self._warned = 0.0

    def put(self, news: News) -> None:
        """Publish soon."""
        with self._changed:
            if isinstance(news, AccessNews):
                self._access.append(news)
            else:
                earlier = self._states.get(news.account_id)
                self._states[news.account_id] = news if earlier is None else merged(earlier, news)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="jmap-news", daemon=True)
                self._thread.start()
                atexit.register(self._finish)
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._is_sending = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._states or self._access)
                waiting: list[News] = [*self._access, *self._states.values()]
                self._access, self._states = [], {}
                self._is_sending = True
            try:
                self._send(waiting)
            except Exception as error:
                if not self._warned or time.monotonic() - self._warned > 60:
                    self._warned = time.monotonic()
                    log.warning("some hear of changes later: %s", type(error).__name__)

    def _finish(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not (self._states or self._access or self._is_sending), FAREWELL)
