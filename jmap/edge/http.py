"""The head of a request and a whole reply, the same for every edge, and the headers that every reply carries.

Rules kept here:
- CORS is open to the origins of ``JMAP["EDGE"]["CORS_ORIGINS"]`` on every resource and every status, a 401 too, but
  never with credentials of the browser's own (RFC 8620 §8, Fetch §3.2);
- answers about a user are never cached (RFC 8620 §2);
- nothing that is answered here is ever shown as a page, so it may do nothing as one.
"""

from __future__ import annotations

import functools
import itertools
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.signals import setting_changed
from django.http.request import split_domain_port, validate_host

from jmap.conf import jmap_options
from jmap.edge.options import edge_options
from jmap.edge.proxies import Proxies

Headers = list[tuple[bytes, bytes]]

ALLOW_METHODS = b"GET, HEAD, POST, OPTIONS"
ALLOW_HEADERS = b"authorization, content-type, accept, accept-language, last-event-id, range, if-none-match, if-range"
EXPOSE_HEADERS = (
    b"WWW-Authenticate, Content-Disposition, Content-Language, Content-Length, Content-Range, Accept-Ranges, ETag, "
    b"RateLimit, RateLimit-Policy, Retry-After, X-Request-Id"
)
NO_STORE = (b"cache-control", b"no-cache, no-store, must-revalidate")

_REQUEST_ID = re.compile(r"[0-9A-Za-z._-]{1,64}", re.ASCII)
_PROCESS = secrets.token_hex(4)
_COUNTER = itertools.count(1)


@dataclass(slots=True)
class Head:
    """What a request says before its body. Header names are lowercase; fields given twice are joined by commas."""

    method: str
    path: str
    query: str
    headers: Mapping[bytes, bytes]
    address: str
    scheme: str
    host: str
    prefix: str
    """Where the protocol's resources are mounted, ``/jmap`` in the ready-made site."""
    request_id: str

    @property
    def site(self) -> str:
        """Scheme, host and prefix, which every address of the Session object starts with."""
        return f"{self.scheme}://{self.host}{self.prefix}"

    def optional(self, name: bytes) -> str | None:
        """A header's value, None where it is absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def base(self) -> str:
        """The scheme and host that the client used."""
        return f"{self.scheme}://{self.host}"

    def text(self, name: bytes) -> str:
        """A header's value, empty where it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(slots=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""


@functools.cache
def proxies() -> Proxies:
    """The trusted proxies of the settings."""
    return Proxies(jmap_options().trusted_proxies)


def request_id(given: bytes | None, peer: str) -> str:
    """The id under which a request is logged: a trusted proxy's, or a new one."""
    if given and _REQUEST_ID.fullmatch(given.decode("latin-1")) and proxies().trusts(peer):
        return given.decode("latin-1")
    return f"{_PROCESS}-{next(_COUNTER):x}"


@functools.lru_cache(maxsize=1_000)
def host_is_allowed(host: str) -> bool:
    """Whether ALLOWED_HOSTS has the name in a Host header."""
    allowed = settings.ALLOWED_HOSTS
    if settings.DEBUG and not allowed:
        allowed = [".localhost", "127.0.0.1", "[::1]"]
    name, _port = split_domain_port(host)
    return bool(name) and validate_host(name, allowed)


@functools.lru_cache(maxsize=1_000)
def _common(origin: bytes | None, is_https: bool) -> tuple[tuple[bytes, bytes], ...]:
    headers: Headers = [
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"access-control-expose-headers", EXPOSE_HEADERS),
    ]
    origins = edge_options().cors_origins
    if "*" in origins:
        headers.append((b"access-control-allow-origin", b"*"))
    else:
        headers.append((b"vary", b"Origin"))
        if origin is not None and origin.decode("latin-1") in origins:
            headers.append((b"access-control-allow-origin", origin))
    if is_https and settings.SECURE_HSTS_SECONDS:
        headers.append((b"strict-transport-security", b"max-age=%d" % settings.SECURE_HSTS_SECONDS))
    return tuple(headers)


def common_headers(head: Head) -> Headers:
    """What every reply carries."""
    origin = head.headers.get(b"origin")
    return [*_common(origin, head.scheme == "https"), (b"x-request-id", head.request_id.encode())]


def preflight(head: Head) -> Reply:
    """The answer to OPTIONS, which comes without credentials (Fetch §4.8)."""
    headers = [
        (b"allow", ALLOW_METHODS),
        (b"access-control-allow-methods", ALLOW_METHODS),
        (b"access-control-allow-headers", ALLOW_HEADERS),
        (b"access-control-max-age", b"86400"),
    ]
    if head.headers.get(b"access-control-request-private-network") == b"true":
        headers.append((b"access-control-allow-private-network", b"true"))
    return Reply(204, headers)


def is_same_origin(head: Head) -> bool:
    """Whether the page behind a request that carries a cookie is our own (the CSRF rule of this edge)."""
    origin = head.text(b"origin")
    if origin:
        return origin == head.base or origin in settings.CSRF_TRUSTED_ORIGINS
    site = head.text(b"sec-fetch-site")
    return site in {"same-origin", "none"} or (not site and head.method in {"GET", "HEAD"})


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"JMAP", "ALLOWED_HOSTS", "DEBUG", "SECURE_HSTS_SECONDS"}:
        proxies.cache_clear()
        host_is_allowed.cache_clear()
        _common.cache_clear()


setting_changed.connect(_forget, dispatch_uid="jmap.edge.http")
