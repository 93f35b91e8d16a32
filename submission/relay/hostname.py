"""What this server calls itself: in EHLO, Received, and reports."""

from __future__ import annotations

import functools
import re
import socket

from submission.conf import submission_options

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


@functools.lru_cache(maxsize=1)
def _machine() -> str:
    name = socket.getfqdn()
    return name if _NAME.fullmatch(name) else "localhost"


def hostname() -> str:
    """The option ``HOSTNAME``, otherwise what the machine is called."""
    return submission_options().hostname or _machine()
