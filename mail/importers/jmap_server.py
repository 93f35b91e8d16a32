"""The line to another JMAP server: its session, method calls and downloads (RFC 8620 §2, §3, §6.2).

Rules kept here:
- one connection is kept and made again when it drops or the server is busy; credentials go to its host alone;
- certificates are checked; an error that a person can mend is a SourceError in words.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import logging
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from mail.importers.entry import MessageUnreadable, SourceError

log = logging.getLogger("mail.import")

CORE, MAIL = "urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"
TIMEOUT_SECONDS = 120
PAUSES = (0.0, 1.0, 3.0, 9.0, 27.0)
"""Seconds before each attempt to ask again."""
_BUSY = (429, 503)
_MOST_REDIRECTS = 5
_LONGEST_WAIT = 60.0
_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks: a user with a password, or a bearer token."""

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    @property
    def header(self) -> str:
        """The value of Authorization."""
        if self.token:
            return f"Bearer {self.token}"
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class MethodFailed(SourceError):
    """A method call was answered by an error; ``type`` is its type (RFC 8620 §3.6.2)."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        self.type = str(error.get("type"))
        super().__init__(f"{method} failed: {self.type} {error.get('description') or ''}".rstrip())


class JmapServer:
    """One account of a server. Raises SourceError where it cannot be reached or lets nobody in."""

    def __init__(self, url: str, credentials: Credentials, ca_file: str | None = None) -> None:
        parts = urlsplit(url if "//" in url else f"https://{url}")
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise SourceError(f"{url} is not the address of a JMAP server")
        self._scheme, self._host, self._port = parts.scheme, parts.hostname, parts.port
        self._authorization = credentials.header
        self._user = credentials.user
        self._context = ssl.create_default_context(cafile=ca_file)
        self._connection: http.client.HTTPConnection | None = None
        self._is_up = False
        start = parts.path if parts.path not in ("", "/") else "/.well-known/jmap"
        self._session = self._read_session(start)
        self._is_up = True
        self.account_id = self._account()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self._scheme}://{self._host}" + (f":{self._port}" if self._port else "")

    @property
    def max_objects(self) -> int:
        """How many objects one call may ask for."""
        limits = self._session.get("capabilities", {}).get(CORE, {})
        return max(1, min(int(limits.get("maxObjectsInGet", 100)), 500))

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one call. Raises MethodFailed and SourceError."""
        request = {
            "using": [CORE, MAIL],
            "methodCalls": [[method, {"accountId": self.account_id, **arguments}, "0"]],
        }
        answer = self._ask(self._session["apiUrl"], json.dumps(request).encode())
        try:
            name, found, _ = answer["methodResponses"][0]
        except (ValueError, KeyError, IndexError, TypeError) as error:
            raise SourceError(f"{self._host} answers {method} by something that is not JMAP") from error
        if name == "error":
            raise MethodFailed(method, found)
        return found

    def download(self, blob_id: str) -> Iterator[bytes]:
        """The octets of a blob in pieces; they begin anew, with an empty piece first, where the line drops.

        Raises MessageUnreadable where the server has none.
        """
        url = str(self._session["downloadUrl"])
        names = {"accountId": self.account_id, "blobId": blob_id, "name": "message.eml", "type": "message/rfc822"}
        for name, value in names.items():
            url = url.replace(f"{{{name}}}", quote(value, safe=""))
        for pause in (*PAUSES, None):
            try:
                yield b""
                response = self._open("GET", url, None)
                if response.status in _BUSY and pause is not None:
                    raise http.client.HTTPException(f"{response.status} {response.reason}")
                if response.status not in (200, 401):
                    response.read()
                    raise MessageUnreadable(f"the server answers {response.status} {response.reason}")
                self._check(response)
                if response.length is None and not response.chunked and not _ends_by_closing(response):
                    raise http.client.HTTPException("the head came short")
                while piece := response.read(_PIECE):
                    yield piece
                if response.length:
                    # Read in pieces, a body that was cut short is not told by itself.
                    raise http.client.IncompleteRead(b"", response.length)
                return
            except (OSError, http.client.HTTPException) as error:
                self._drop(error, pause)

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read_session(self, path: str) -> dict[str, Any]:
        url = urljoin(self.origin, path)
        for _ in range(_MOST_REDIRECTS):
            response = self._until_answered("GET", url, None)
            body = response.read()
            if response.status not in (301, 302, 303, 307, 308):
                break
            url = urljoin(url, response.headers.get("Location", ""))
        self._check(response)
        try:
            session = json.loads(body)
            session["apiUrl"], session["downloadUrl"] = (
                urljoin(url, session[name]) for name in ("apiUrl", "downloadUrl")
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{url} is no JMAP session") from error
        return session

    def _account(self) -> str:
        found = (self._session.get("primaryAccounts") or {}).get(MAIL)
        if not isinstance(found, str):
            raise SourceError(f"{self._user} has no mail account at {self._host}")
        return found

    def _ask(self, url: str, body: bytes) -> Any:
        """The JSON that a request is answered by; asked again where it comes short."""
        for pause in (*PAUSES, None):
            try:
                response = self._until_answered("POST", url, body)
                data = response.read()
                self._check(response)
                return json.loads(data)
            except (OSError, ValueError, http.client.HTTPException) as error:
                self._drop(error, pause)
        raise AssertionError

    def _until_answered(self, method: str, url: str, body: bytes | None) -> http.client.HTTPResponse:
        """A response that is not that of a busy server."""
        for pause in (*PAUSES, None):
            try:
                response = self._open(method, url, body)
            except (OSError, http.client.HTTPException) as error:
                self._drop(error, pause)
                continue
            if response.status not in _BUSY or pause is None:
                return response
            response.read()
            asked = response.headers.get("Retry-After", "")
            time.sleep(min(float(asked) if asked.isdigit() else pause, _LONGEST_WAIT))
        raise AssertionError

    def _open(self, method: str, url: str, body: bytes | None) -> http.client.HTTPResponse:
        parts = urlsplit(url)
        if (parts.scheme, parts.hostname, parts.port) != (self._scheme, self._host, self._port):
            raise SourceError(f"{self.origin} sends us to {parts.scheme}://{parts.netloc}: name that server instead")
        if self._connection is None:
            self._connection = (
                http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_SECONDS, context=self._context)
                if self._scheme == "https"
                else http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
            )
        headers = {"Authorization": self._authorization, "Accept": "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        self._connection.request(method, target, body=body, headers=headers)
        return self._connection.getresponse()

    def _drop(self, error: Exception, pause: float | None) -> None:
        """Hang up and wait a while. Raises SourceError where it was tried often enough, or never works."""
        if isinstance(error, ssl.SSLCertVerificationError):
            reason = error.verify_message
            raise SourceError(f"the certificate of {self._host} cannot be trusted: {reason}") from error
        if pause is None or (isinstance(error, OSError) and error.errno == -2):
            raise SourceError(f"{self._host} cannot be reached: {_reason(error)}") from error
        log.info("the line to %s dropped (%s); trying again in %s seconds", self._host, type(error).__name__, pause)
        with contextlib.suppress(OSError):
            self.close()
        time.sleep(pause)

    def _check(self, response: http.client.HTTPResponse) -> None:
        if response.status == 401:
            raise SourceError(f"{self._host} refuses the login of {self._user}")
        if response.status != 200:
            raise SourceError(f"{self._host} answers {response.status} {response.reason}")


def _ends_by_closing(response: http.client.HTTPResponse) -> bool:
    """Whether the server said that a body of no told length ends with the connection."""
    return response.version == 10 or response.headers.get("Connection", "").lower() == "close"


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
