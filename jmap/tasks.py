"""The Celery tasks of the core: names for plain functions, so that workers and ``beat`` can run them.

Rules kept here: a broker only wakes somebody up. ``send`` is the waker of a site with Celery: it hands the call to a
thread, since a broker that is away takes a second to say so, and what cannot be sent is found by ``beat``.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from celery import shared_task

from jmap import maintenance, work

log = logging.getLogger("jmap.work")

QUIET = 60.0
"""Seconds between two complaints that the broker is away."""


@shared_task(name="jmap.maintain", ignore_result=True)
def maintain() -> None:
    """Run every chore once (see ``jmap.maintenance``)."""
    maintenance.run()


@shared_task(name="jmap.work", ignore_result=True)
def work_through(queue: str) -> None:
    """Work through a queue (see ``jmap.work``)."""
    work.run(queue)


@shared_task(name="jmap.work.all", ignore_result=True)
def work_through_all() -> None:
    """Work through every queue: for ``beat``, every few seconds."""
    for queue in work.queues():
        work.run(queue)


def send(queue: str) -> None:
    """Wake a Celery worker (``JMAP["WORK"]["WAKER"]``); returns at once and never raises."""
    _sender.send(queue)


class _Sender:
    """A thread that speaks to the broker; a queue that is named again before it was spoken of is named once."""

    def __init__(self) -> None:
        self._bell = threading.Condition()
        self._names: set[str] = set()
        self._thread: threading.Thread | None = None
        self._complained = -QUIET

    def send(self, queue: str) -> None:
        with self._bell:
            self._names.add(queue)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="wake workers", daemon=True)
                self._thread.start()
            self._bell.notify()

    def _run(self) -> None:
        while True:
            with self._bell:
                self._bell.wait_for(lambda: self._names)
                names, self._names = self._names, set()
            for name in sorted(names):
                self._send(name)

    def _send(self, queue: str) -> None:
        try:
            work_through.apply_async((queue,), retry=False, ignore_result=True)
        except Exception as error:
            if time.monotonic() - self._complained >= QUIET:
                self._complained = time.monotonic()
                log.warning("the broker cannot be reached, so workers look by themselves: %s", type(error).__name__)


_sender = _Sender()
os.register_at_fork(after_in_child=lambda: globals().update(_sender=_Sender()))
