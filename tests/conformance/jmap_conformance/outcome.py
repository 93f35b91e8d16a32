"""How a case ends.

Rules kept here: what was not looked at is never called passed. A case that lacks an account, an adapter or time is
*not run*; one about something that the server does not offer is *not applicable*; one that breaks down for a reason
that is no answer of the server is an *error* of the suite, and counts as a failure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PASSED, FAILED, ERROR, NOT_RUN, NOT_APPLICABLE = "passed", "failed", "error", "not run", "not applicable"
STATUSES = (PASSED, FAILED, ERROR, NOT_RUN, NOT_APPLICABLE)
BAD = frozenset({FAILED, ERROR})


class Failure(Exception):
    """The server did not do what the requirement asks for."""


class NotRun(Exception):
    """The case needs something that this run was not given."""


class NotApplicable(Exception):
    """The server does not offer, or is free not to do, what the case is about."""


@dataclass
class Result:
    """The end of one case: status, a sentence that explains it, seconds, and the exchanges of a failure."""

    id: str
    status: str
    message: str = ""
    seconds: float = 0.0
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    curl: str = ""
