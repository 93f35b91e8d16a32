"""The one endpoint behind every edge: (principal, octets) to octets, and the Session object (RFC 8620 §2, §3).

Rules kept here:
- it runs in a thread that has its own database connection, and leaves that connection usable;
- a broken connection is noticed by the query that loads the principal, which is tried twice; a request that has begun
  is never run again;
- what goes wrong unexpectedly is logged by type and place, never with content.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connection
from django.utils.translation import override

from jmap.auth.principal import UserPrincipal
from jmap.auth.verify import Verified, verifier
from jmap.conf import jmap_options
from jmap.edge import encode, extensions
from jmap.edge.http import NO_STORE, Head, Headers, Reply
from jmap.edge.options import limits
from jmap.edge.problems import Problem
from jmap.protocol import session as protocol_session
from jmap.protocol.dispatch import answer
from jmap.protocol.errors import RequestError
from jmap.protocol.request import Request, parse_request
from jmap.registry import registry
from jmap.store import OrmBackend

log = logging.getLogger("jmap.edge")

BACKEND = OrmBackend()
MAX_SESSIONS = 2_000


@dataclass(frozen=True, slots=True)
class SessionText:
    """A Session object as octets, and its state."""

    body: bytes
    state: str
    etag: bytes


class SessionCache:
    """Session objects by principal and address; a principal whose content changed is another one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._texts: OrderedDict[tuple[Any, str], tuple[UserPrincipal, SessionText]] = OrderedDict()

    def text(self, principal: UserPrincipal, site: str) -> SessionText:
        """The Session object for a principal that reaches the server at ``site``, scheme to prefix."""
        key = (principal.key, site)
        found = self._texts.get(key)
        if found is not None and found[0] is principal:
            return found[1]
        session = protocol_session.session(principal, registry, limits(), urls(site))
        body = encode.dumps(session)
        text = SessionText(body, session["state"], b'"%s"' % hashlib.sha256(body).hexdigest()[:32].encode())
        with self._lock:
            self._texts[key] = (principal, text)
            self._texts.move_to_end(key)
            while len(self._texts) > MAX_SESSIONS:
                self._texts.popitem(last=False)
        return text


sessions = SessionCache()


def urls(site: str) -> protocol_session.Urls:
    """The addresses that the Session object names (RFC 8620 §2)."""
    return protocol_session.Urls(
        api=f"{site}/api",
        upload=f"{site}/upload/{{accountId}}/",
        download=f"{site}/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}",
        event_source=extensions.event_source(site),
        capabilities=extensions.capabilities(site),
    )


def api(principal: UserPrincipal, body: bytes, site: str) -> bytes:
    """The octets of the Response for the octets of a Request (RFC 8620 §3). Raises RequestError."""
    return encode.dumps(respond(principal, parse_request(body, limits(), registry.capabilities), site))


def respond(principal: UserPrincipal, request: Request, site: str) -> dict[str, Any]:
    """The Response for a Request (RFC 8620 §3.4)."""
    return answer(
        request,
        principal=principal,
        registry=registry,
        backend=BACKEND,
        limits=limits(),
        session_state=lambda: sessions.text(principal, site).state,
        strict_using=jmap_options().strict_using,
        report=report,
    )


def require_json(head: Head) -> None:
    """Refuse a request that was not sent as JSON (RFC 8620 §3.1). Raises RequestError."""
    if head.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
        raise RequestError("notJSON", "The content type of the request is not application/json.", 415)


def api_reply(octets: bytes, language: str, rate: Headers) -> Reply:
    """A Response as HTTP sends it."""
    headers = [(b"content-type", b"application/json"), (b"content-language", language.encode()), NO_STORE, *rate]
    return Reply(200, headers, octets)


def session_of(principal: UserPrincipal, site: str) -> SessionText:
    """The Session object of somebody who has an account. Raises Problem 403 for others: clients take an empty list of
    accounts for lost mail.
    """
    if not principal.accounts:
        raise Problem(403, "You are signed in, but there is no account that you may use.")
    return sessions.text(principal, site)


def session_reply(text: SessionText, head: Head) -> Reply:
    """A Session object as HTTP sends it."""
    headers = [(b"content-type", b"application/json"), NO_STORE, (b"etag", text.etag)]
    given = head.headers.get(b"if-none-match", b"")
    if given and text.etag in {tag.strip().removeprefix(b"W/") for tag in given.split(b",")}:
        return Reply(304, headers)
    return Reply(200, headers, text.body)


def as_principal(verified: Verified, language: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """Load the principal, then run ``work(principal, …)`` in the language, and leave the connection clean.

    Raises Refused where the credentials no longer hold, Problem where the database is out of reach, and what ``work``
    raises by design.
    """
    try:
        principal = verified.current_principal()
    except Error:
        connection.close()
        try:
            principal = verified.current_principal()
        except Error as error:
            report(error, "principal")
            raise unavailable() from None
    was_atomic = connection.in_atomic_block
    try:
        with override(language):
            return work(principal, *arguments)
    except (OperationalError, InterfaceError) as error:
        report(error, work.__name__)
        raise unavailable() from None
    finally:
        if connection.in_atomic_block and not was_atomic:
            connection.close()


def verify(header: bytes, address: str) -> Verified:
    """Look credentials up. Raises Refused, TooManyFailures, Problem where the database is out of reach."""
    found: Verified = looked_up(verifier.verify, header, address)
    return found


def looked_up(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function finds in the database; asked twice where the connection is broken.

    Raises Problem where the database is out of reach, and what the function raises by design.
    """
    try:
        return function(*arguments)
    except Error:
        connection.close()
        try:
            return function(*arguments)
        except Error as error:
            report(error, "log-in")
            raise unavailable() from None


def unavailable() -> Problem:
    """The answer while the database is out of reach."""
    return Problem(503, "The server cannot reach its storage. Try again later.", [(b"retry-after", b"5")])


def report(error: BaseException, where: str) -> None:
    """Log what nobody expected, without the words of the error, which may be somebody's.

    A connection to the database that may be broken is dropped.
    """
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("%s failed with %s\n%s", where, type(error).__name__, frames)
    if isinstance(error, Error) and not connection.in_atomic_block:
        connection.close()
