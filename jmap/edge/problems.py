"""Errors of a whole request, as problem documents (RFC 8620 §3.6.1, RFC 7807), in the client's language."""

from __future__ import annotations

import math
from typing import Any

import orjson
from django.utils.translation import gettext as _
from django.utils.translation import override

from jmap.auth.headers import CHALLENGES
from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused
from jmap.edge.http import NO_STORE, Head, Headers, Reply
from jmap.edge.language import SOURCE, choose
from jmap.protocol.errors import RequestError


class Problem(Exception):
    """Ends a request with a status of HTTP's own rather than an error that JMAP names."""

    def __init__(self, status: int, detail: str, headers: Headers | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or []


def wrong_method(allowed: tuple[str, ...]) -> Problem:
    """405, with what is allowed (RFC 9110 §15.5.6)."""
    allow = ", ".join([*allowed, "OPTIONS"]).encode()
    return Problem(405, "This resource does not take that method.", [(b"allow", allow)])


def too_large_upload() -> RequestError:
    """The upload breaks maxSizeUpload (RFC 8620 §6.1)."""
    return RequestError("limit", "The upload is larger than maxSizeUpload.", 413, limit="maxSizeUpload")


def describe(error: Exception, head: Head) -> Reply:
    """The reply to an error that a request ends with; TypeError for one that is none of these."""
    language = choose(head.text(b"accept-language"))
    headers: Headers = []
    with override(language):
        if isinstance(error, RequestError):
            document = {**error.document(), "detail": _(error.detail)}
        elif isinstance(error, Refused):
            document = _document(401, _("Sign in with your user name and password, an app password or a token."))
            headers = [(b"www-authenticate", CHALLENGES.encode())]
        elif isinstance(error, TooManyFailures):
            document = _document(429, _("There were too many failed log-ins. Try again later."))
            headers = [(b"retry-after", b"%d" % max(1, math.ceil(error.retry_after)))]
        elif isinstance(error, Problem):
            document, headers = _document(error.status, _(error.detail)), error.headers
        else:
            raise TypeError from error
        if document["detail"] == str(getattr(error, "detail", "")):
            language = SOURCE  # nobody has translated that one
    body = orjson.dumps(document)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-language", language.encode()),
        NO_STORE,
        *headers,
    ]
    return Reply(document["status"], headers, body)


def _document(status: int, detail: str) -> dict[str, Any]:
    return {"type": "about:blank", "status": status, "detail": detail}
