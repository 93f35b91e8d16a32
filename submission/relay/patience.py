"""When something is tried again (RFC 5321 §4.5.4.1).

Rules kept here: soon at first, since most delays are short (greylisting), then less and less often; not all at the same
moment; a clock that was set does not end a life early: giving up takes attempts as well as time.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

RECIPIENT = (60, 300, 900, 1_800, 3_600, 7_200, 14_400)
"""Seconds after the first, second, … failed attempt for a recipient; the last one stays."""
ROUTE = (5, 15, 30, 60, 120, 300, 600)
"""The same for a server that cannot be reached at all."""
MISSING_ROUTE = 900
"""Seconds until a message without a way out is looked at again; a smarthost that is made wakes it at once."""
MIN_ATTEMPTS = 3
"""So often at least something is tried before it is given up, whatever the clock says."""

LONGEST = timedelta(seconds=RECIPIENT[-1] * 2)
"""What waits longer than this was put off by a clock that is not right any more."""


def next_attempt(now: datetime, attempts: int, steps: tuple[int, ...] = RECIPIENT) -> datetime:
    """When to try again after so many failed attempts."""
    seconds = steps[min(max(attempts, 1), len(steps)) - 1]
    return now + timedelta(seconds=seconds * random.uniform(0.8, 1.2))


def is_expired(now: datetime, expires_at: datetime, attempts: int) -> bool:
    """Whether to give up after so many attempts."""
    return now >= expires_at and attempts >= MIN_ATTEMPTS
