"""Listens for what a server sends: a small SMTP server, and an endpoint for pushes."""

from __future__ import annotations

import http.server
import itertools
import re
import socketserver
import ssl
import threading
from typing import ClassVar

from jmap_conformance.adapters import Pushed, Submitted

EXTENSIONS = ("8BITMIME", "SMTPUTF8", "DSN", "SIZE 104857600", "PIPELINING", "ENHANCEDSTATUSCODES")


class _Session(socketserver.StreamRequestHandler):
    """One SMTP connection; every recipient is taken but those whose address begins with ``refused``."""

    server: SmtpSink

    def say(self, *lines: str) -> None:
        """Reply."""
        for line in lines:
            self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        """Talk until the client leaves."""
        self.say("220 sink ESMTP")
        message = Submitted("", [], b"")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            text = line.decode("utf-8", "replace").strip()
            if verb == b"EHLO":
                self.say("250-sink", *(f"250-{each}" for each in EXTENSIONS[:-1]), f"250 {EXTENSIONS[-1]}")
            elif verb == b"MAIL":
                message = Submitted(_address(text), [], b"", _parameters(text))
                self.say("250 2.1.0 ok")
            elif verb == b"RCPT":
                if _address(text).startswith("refused"):
                    self.say("550 5.1.1 no such person")
                else:
                    message.recipients.append(_address(text))
                    self.say("250 2.1.5 ok")
            elif verb == b"DATA":
                self.say("354 go")
                lines = []
                while (each := self.rfile.readline()) not in (b".\r\n", b""):
                    lines.append(each[1:] if each.startswith(b".") else each)
                message.data = b"".join(lines)
                self.server.received.append(message)
                self.say("250 2.0.0 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


def _address(text: str) -> str:
    found = re.search(r"<([^>]*)>", text)
    return found[1] if found else ""


def _parameters(text: str) -> dict[str, str]:
    pairs = (each.partition("=") for each in text.rpartition(">")[2].split())
    return {name.upper(): value for name, _, value in pairs}


class SmtpSink(socketserver.ThreadingTCPServer):
    """Takes mail and keeps it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        super().__init__((host, port), _Session)
        self.received: list[Submitted] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Endpoint(http.server.BaseHTTPRequestHandler):
    """A request of a push; the path says which endpoint is meant."""

    endpoints: ClassVar[dict[str, PushEndpoint]] = {}

    def do_POST(self) -> None:
        """Keep it."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        endpoint = self.endpoints.get(self.path)
        if endpoint is not None:
            endpoint.received.append(Pushed({key.lower(): value for key, value in self.headers.items()}, body))
        self.send_response(endpoint.status if endpoint else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class PushEndpoint:
    """One URL that pushes are sent to."""

    def __init__(self, url: str, path: str) -> None:
        self.url = url
        self.status = 201
        self.received: list[Pushed] = []
        self._path = path
        _Endpoint.endpoints[path] = self

    def requests(self) -> list[Pushed]:
        """Every request so far."""
        return list(self.received)

    def answer(self, status: int) -> None:
        """What later requests are answered with."""
        self.status = status

    def close(self) -> None:
        """Later requests are answered with 404."""
        _Endpoint.endpoints.pop(self._path, None)


class PushListener:
    """An HTTP(S) server for endpoints."""

    def __init__(self, host: str, port: int, url: str, certificate: str = "", key: str = "") -> None:
        self._server = http.server.ThreadingHTTPServer((host, port), _Endpoint)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key or None)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._url = url.format(port=self._server.server_address[1])
        self._numbers = itertools.count(1)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def endpoint(self) -> PushEndpoint:
        """A new endpoint."""
        path = f"/push/{next(self._numbers)}"
        return PushEndpoint(self._url.rstrip("/") + path, path)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
