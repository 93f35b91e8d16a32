"""The chores of the embedded server: a thread of one of its processes runs them every hour.

Rules kept here: of several worker processes the one that holds the lock file does the work, and a killed one
releases it
by dying; the thread never keeps the server from stopping and never raises.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from pathlib import Path

from django.db import close_old_connections, connection

from jmap import maintenance

log = logging.getLogger("jmap.maintenance")

INTERVAL = 3_600.0
FIRST = 60.0
"""Seconds after the start, so that a server that is only tried out does nothing of the kind."""


def start(data_dir: Path) -> None:
    """Run the chores in the background for as long as this process lives."""
    threading.Thread(
        target=_keep_house, args=(data_dir / "housekeeping.lock",), name="housekeeping", daemon=True
    ).start()


def _keep_house(lock: Path, stop: threading.Event | None = None) -> None:
    waiting = stop or threading.Event()
    pause = FIRST
    while not waiting.wait(pause):
        pause = INTERVAL
        try:
            run_once(lock)
        except OSError as error:
            log.error("the chores could not be run: %s", error)


def run_once(lock: Path) -> bool:
    """Run the chores unless another process is at it; tells whether they ran."""
    with lock.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        close_old_connections()
        try:
            maintenance.run()
        finally:
            connection.close()
        return True
