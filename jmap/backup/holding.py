"""A hold on deletions for as long as a backup takes, however long that is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections

from jmap.backup.errors import BackupError
from jmap.blobs import collector

SECONDS = 3_600
"""How long the hold outlives a backup that was killed."""
RENEW = 600.0


@contextmanager
def held(reason: str, every: float = RENEW) -> Iterator[Callable[[], None]]:
    """Keep all octets while inside; what is given raises BackupError once the hold was lost."""
    done, lost = threading.Event(), threading.Event()

    def keep(hold: collector.Hold) -> None:
        try:
            while not done.wait(every):
                hold.renew()
        except (LookupError, DatabaseError):
            lost.set()
        finally:
            # This thread's own.
            connections.close_all()

    def check() -> None:
        if lost.is_set():
            raise BackupError("the hold on deletions was lifted meanwhile, so octets may be missing: run it again")

    with collector.hold(reason, SECONDS) as hold:
        keeper = threading.Thread(target=keep, args=[hold], name="backup-hold", daemon=True)
        keeper.start()
        try:
            yield check
        finally:
            done.set()
            keeper.join()
