"""The queues of the embedded server: threads of its process work through them.

Rules kept here: with a broker configured Celery does the work, and no thread is started; a server that is told to end
lets its threads finish what they have begun, since a message cut off in the middle is sent again.
"""

from __future__ import annotations

import atexit
import threading
import time

from jmap import work

PATIENCE = 20.0
"""Seconds that the end of the process waits for its threads."""


def start(number: int) -> None:
    """Work through the queues in the background for as long as this process lives."""
    threads = [threading.Thread(target=work.serve, name=f"queue-{n}", daemon=True) for n in range(number)]
    for thread in threads:
        thread.start()
    atexit.register(_finish, threads)


def _finish(threads: list[threading.Thread]) -> None:
    work.stop()
    deadline = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
