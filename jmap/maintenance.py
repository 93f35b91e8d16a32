"""What a server does for itself from time to time: a register of chores, run by a thread, a command or Celery.

Rules kept here: a chore may run anywhere, twice or beside itself without harm; one that fails is logged and hinders no
other; whoever schedules them needs to know none of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger("jmap.maintenance")

_chores: dict[str, Callable[[], object]] = {}


def register(name: str, chore: Callable[[], object]) -> None:
    """Add a chore; call it from ``AppConfig.ready``."""
    _chores[name] = chore


def run() -> dict[str, bool]:
    """Run every chore once; tells which of them came to an end."""
    done = {}
    for name, chore in _chores.items():
        try:
            chore()
            done[name] = True
        except Exception:
            log.exception("the chore %s failed", name)
            done[name] = False
    return done
