"""Admission to a resource: the user's rate and a slot in flight, or the error that says which limit holds.

Rules kept here: what is advertised is what is enforced (RFC 8620 §2); a slot is given back the moment the work has
ended, before the client has all of its answer, so that a client which keeps to the limits is never refused.
"""

from __future__ import annotations

import math
from typing import Any

from jmap.edge.http import Headers
from jmap.edge.problems import Problem
from jmap.limits import Lease, Rate, Taken, limit_store
from jmap.limits.stores import request_rate
from jmap.protocol.request import limit_error

MAX_DOWNLOADS = 64
"""Downloads of one user under way at once; more than any client opens."""

MAX_LOGINS_WAITING = 500


def enter_api(user_key: Any, max_concurrent: int) -> tuple[Lease, Headers]:
    """A slot for an API request, and the headers that tell the rate. Raises RequestError, Problem."""
    store, rate = limit_store(), request_rate()
    taken = store.take(f"requests {user_key}", rate)
    headers = rate_headers(rate, taken)
    if not taken.allowed:
        retry = (b"retry-after", b"%d" % max(1, math.ceil(taken.retry_after)))
        raise Problem(429, "You send requests faster than the server allows.", [*headers, retry])
    lease = store.acquire(f"api {user_key}", max_concurrent)
    if lease is None:
        raise limit_error("maxConcurrentRequests", "More requests at once than the server allows.")
    return lease, headers


def enter_upload(user_key: Any, max_concurrent: int) -> Lease:
    """A slot for an upload. Raises RequestError."""
    lease = limit_store().acquire(f"upload {user_key}", max_concurrent)
    if lease is None:
        raise limit_error("maxConcurrentUpload", "More uploads at once than the server allows.")
    return lease


def enter_download(user_key: Any, max_concurrent: int) -> Lease:
    """A slot for a download. Raises Problem."""
    lease = limit_store().acquire(f"download {user_key}", max_concurrent)
    if lease is None:
        raise Problem(429, "More downloads at once than the server allows.", [(b"retry-after", b"1")])
    return lease


def rate_headers(rate: Rate, taken: Taken) -> Headers:
    """RateLimit and RateLimit-Policy as the IETF's httpapi working group drafts them."""
    wait = math.ceil(taken.retry_after) if not taken.allowed else 0
    return [
        (b"ratelimit-policy", b'"requests";q=%d;w=%d' % (rate.burst, rate.period)),
        (b"ratelimit", b'"requests";r=%d;t=%d' % (taken.remaining, wait)),
    ]
