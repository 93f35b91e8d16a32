"""One connection to a server: bounded reads and writes of lines, over plain TCP or TLS.

Rules kept here:
- a phase has a deadline, whatever trickles in meanwhile: a server that drips an octet a minute holds nobody up;
- while it waits, and while it writes, ``tick`` is called every few seconds, so that a lease can be renewed without a
  thread; what ``tick`` raises ends the session;
- a server certificate is always verified, against the system's authorities or those of a given file.
"""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import time
from collections.abc import Callable
from typing import NoReturn

from submission.smtp.replies import MAX_LINE, MAX_LINES, ConnectFailed, Reply, ReplyParser, SessionLost, temporary

TICK = 5.0
"""Seconds between two calls of ``tick``, at most."""
_READ = 4_096

Tick = Callable[[], None]


@functools.lru_cache(maxsize=64)
def tls_context(authorities: str) -> ssl.SSLContext:
    """The context that verifies a server; ``authorities`` are PEM certificates, "" for the system's.

    Raises ssl.SSLError where they cannot be read.
    """
    context = ssl.create_default_context(cadata=authorities or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


class Connection:
    """A socket with deadlines."""

    def __init__(self, host: str, port: int, tick: Tick) -> None:
        self.host = host
        self.port = port
        self.tick = tick
        self.is_encrypted = False
        self._socket: socket.socket | None = None
        self._buffer = bytearray()

    # ---------------------------------------------------------------------------------------------------- open and shut

    def connect(self, timeout: float) -> None:
        """Open the connection. Raises ConnectFailed."""
        try:
            self._socket = socket.create_connection((self.host, self.port), timeout=timeout)
        except TimeoutError:
            raise ConnectFailed(temporary("4.4.1", f"{self.name} does not answer")) from None
        except OSError as error:
            raise ConnectFailed(temporary("4.4.1", f"{self.name} cannot be reached: {_reason(error)}")) from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def start_tls(self, authorities: str, timeout: float) -> None:
        """Encrypt, and verify the server. Raises ConnectFailed; plain text that came before is never read."""
        assert self._socket is not None
        # What was sent ahead of the handshake may be an attacker's (the hole behind CVE-2011-0411).
        self._buffer.clear()
        self._socket.settimeout(timeout)
        try:
            self._socket = tls_context(authorities).wrap_socket(self._socket, server_hostname=self.host)
        except OSError as error:
            self.close()
            raise ConnectFailed(temporary("4.7.5", f"no TLS with {self.name}: {_reason(error)}")) from None
        self.is_encrypted = True

    def close(self) -> None:
        """Hang up; may be called twice."""
        opened, self._socket = self._socket, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.close()

    @property
    def is_open(self) -> bool:
        """Whether nobody hung up, as far as we know."""
        return self._socket is not None

    @property
    def name(self) -> str:
        """Host and port, for people."""
        return f"{self.host}:{self.port}"

    # ------------------------------------------------------------------------------------------------------ read, write

    def write(self, data: bytes, timeout: float) -> None:
        """Send octets. Raises SessionLost where the server takes no more of them within ``timeout`` seconds."""
        rest = memoryview(data)
        deadline = time.monotonic() + timeout
        while rest:
            opened = self._waiting(deadline)
            try:
                rest = rest[opened.send(rest) :]
            except TimeoutError:
                self._check(deadline, "takes no more octets")
            except OSError as error:
                self._lost(f"hung up: {_reason(error)}")

    def read_reply(self, timeout: float) -> Reply:
        """The next reply. Raises SessionLost where none came in ``timeout`` seconds, or something else did."""
        return self.read_lines(timeout)[0]

    def read_lines(self, timeout: float) -> tuple[Reply, list[str]]:
        """The next reply, and the texts of its lines, of which EHLO makes a list."""
        deadline = time.monotonic() + timeout
        parser = ReplyParser()
        try:
            while not parser.feed(self._line(deadline)):
                pass
        except ValueError as error:
            self._lost(f"said {error}", "4.5.0")
        return parser.reply(), parser.lines

    def _line(self, deadline: float) -> bytes:
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                return line.removesuffix(b"\r")
            if len(self._buffer) > MAX_LINE:
                raise ValueError(f"a line of more than {MAX_LINE} octets")
            opened = self._waiting(deadline)
            try:
                data = opened.recv(_READ)
            except TimeoutError:
                self._check(deadline, "does not answer")
                continue
            except OSError as error:
                self._lost(f"hung up: {_reason(error)}")
            if not data:
                self._lost("hung up")
            self._buffer += data
            if len(self._buffer) > MAX_LINE * MAX_LINES:
                raise ValueError("octets without end")

    def _waiting(self, deadline: float) -> socket.socket:
        """The socket, set to wait until the next tick or the deadline."""
        if self._socket is None:
            self._lost("hung up")
        self.tick()
        self._check(deadline, "is too slow")
        self._socket.settimeout(max(0.001, min(TICK, deadline - time.monotonic())))
        return self._socket

    def _check(self, deadline: float, what: str) -> None:
        if time.monotonic() >= deadline:
            self._lost(what)

    def _lost(self, what: str, enhanced: str = "4.4.2") -> NoReturn:
        self.close()
        raise SessionLost(temporary(enhanced, f"{self.name} {what}"))


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "the handshake failed").lower().replace("_", " ")
    return error.strerror or str(error) or type(error).__name__
