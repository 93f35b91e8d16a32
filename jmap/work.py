"""Work that waits in rows: queues by name, the function that does their work, and the port that wakes a worker.

Rules kept here:
- rows in the database are the queue; waking only shortens the wait, so a lost call costs time and never work;
- ``wake`` speaks after the commit, never raises and never blocks: whoever wrote the rows is done;
- a queue's function may run anywhere, twice or beside itself without harm; one that fails is logged and runs again.

    work.register("outbox", relay.run)      # AppConfig.ready of the app that owns the rows
    work.wake("outbox")                     # in the transaction that writes them
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import close_old_connections, transaction
from django.utils.module_loading import import_string

from jmap.conf import OptionsReader

log = logging.getLogger("jmap.work")


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """How workers hear of new rows: ``JMAP["WORK"]``."""

    waker: str = "jmap.work.ring"
    """Dotted path of ``(queue) -> None``: the default rings for the threads of this process."""


work_options = OptionsReader(WorkOptions, section="WORK")

_queues: dict[str, Callable[[], object]] = {}

INTERVAL = 15.0
"""Seconds after which a queue is looked at though nobody rang: rows fall due, and calls get lost."""

stopping = threading.Event()
"""Set when this process is about to end: a queue's function ends after what it has begun."""


def register(queue: str, run: Callable[[], object]) -> None:
    """Name the function that works through a queue's rows; call it from ``AppConfig.ready``."""
    _queues[queue] = run


def queues() -> list[str]:
    """The names of all queues."""
    return list(_queues)


def run(queue: str) -> bool:
    """Work through a queue once; tells whether it came to an end. An unknown queue is one that this site lacks."""
    work = _queues.get(queue)
    if work is None:
        log.warning("there is no queue named %s", queue)
        return False
    try:
        work()
    except Exception:
        log.exception("the queue %s failed", queue)
        return False
    return True


def wake(queue: str) -> None:
    """Tell a worker, after the commit of this transaction, that rows wait."""
    transaction.on_commit(lambda: tell(queue), robust=True)


def tell(queue: str) -> None:
    """Tell a worker at once; whatever goes wrong is logged, since rows wait for the next look anyway."""
    try:
        waker: Callable[[str], None] = import_string(work_options().waker)
        waker(queue)
    except Exception:
        log.exception("no worker could be told that %s has rows", queue)


# ------------------------------------------------------------------------------------------ the threads of this process

_bell = threading.Condition()
_rung: set[str] = set()


def ring(queue: str) -> None:
    """The default waker: whoever waits in this process works through the queue now."""
    with _bell:
        _rung.add(queue)
        _bell.notify_all()


def wait(timeout: float | None = None) -> set[str]:
    """The queues that were rung for since the last call, as soon as there is one; none after ``timeout`` seconds."""
    with _bell:
        _bell.wait_for(lambda: _rung or stopping.is_set(), timeout)
        rung = set(_rung)
        _rung.clear()
    return rung


def serve(interval: float = INTERVAL) -> None:
    """Work through queues as they are rung for, and through all of them now and then, until ``stopping`` is set."""
    looked = -interval
    while not stopping.is_set():
        pause = looked + interval - time.monotonic()
        rung = wait(pause) if pause > 0 else set(_queues)
        if pause <= 0:
            looked = time.monotonic()
        for queue in sorted(rung & _queues.keys()):
            close_old_connections()
            run(queue)


def stop() -> None:
    """Let every ``serve`` of this process come to its end."""
    stopping.set()
    with _bell:
        _bell.notify_all()
