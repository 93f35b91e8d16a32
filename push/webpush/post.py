"""One POST to a push service (RFC 8030 §5), to an address that was judged before.

Rules kept here: the connection goes to the address that ``guard`` gave, the certificate is checked against the name;
no redirect is followed, no proxy of the environment used; of an answer only its head is read, and not for long.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from push.webpush import guard

TIMEOUT = 10.0
DEADLINE = 20.0
"""Seconds for all of it, however slowly somebody answers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, 0 where there was none, and in how many seconds the push service wants to hear of us again."""

    status: int
    retry_after: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the message was taken."""
        return 200 <= self.status < 300


class _Pinned(http.client.HTTPSConnection):
    """Connects to the first of some addresses that answers, whatever the name resolves to by now."""

    def __init__(self, host: str, port: int, addresses: list[str]) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, timeout=TIMEOUT, context=self._tls)
        self._addresses = addresses

    def connect(self) -> None:
        plain = self._first_that_answers()
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def _first_that_answers(self) -> socket.socket:
        for address in self._addresses[:-1]:
            with contextlib.suppress(OSError):
                return socket.create_connection((address, self.port), TIMEOUT / 2)
        return socket.create_connection((self._addresses[-1], self.port), TIMEOUT)

    def cut(self) -> None:
        """End it from another thread."""
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def post(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Send a message and tell what came of it. Raises guard.Forbidden."""
    host, port, path = guard.split(url)
    try:
        connection = _Pinned(host, port, guard.resolve(host, port))
    except OSError:
        return Answer(0)
    watch = threading.Timer(DEADLINE, connection.cut)
    watch.daemon = True
    watch.start()
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return Answer(response.status, _seconds(response.getheader("Retry-After")))
    except (OSError, http.client.HTTPException):
        return Answer(0)
    finally:
        watch.cancel()
        connection.close()


def _seconds(value: str | None) -> float:
    """Retry-After as seconds (RFC 9110 §10.2.3), 0 where it says nothing that is understood."""
    if value is None:
        return 0.0
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
