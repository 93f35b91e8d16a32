"""A push service for tests: takes messages over TLS; a device opens them with a library that is not ours."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import http_ece
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def unpadded(octets: bytes) -> str:
    """URL-safe base64."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@dataclass
class Device:
    """A browser's end: its keys, and what it makes of what arrives."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = b"sixteen octets!!"

    @property
    def keys(self) -> dict[str, str]:
        """What a client tells the server."""
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        return {"p256dh": unpadded(point), "auth": unpadded(self.auth)}

    def read(self, body: bytes) -> Any:
        """The message in an encrypted body."""
        return json.loads(http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth))


@dataclass
class Arrival:
    """One POST."""

    path: str
    headers: dict[str, str]
    body: bytes


class PushService(ThreadingHTTPServer):
    """Remembers what arrives; answers 201, or what ``answers`` says next."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.arrived: list[Arrival] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        self.authority = certificate
        self._news = threading.Condition()

    def url(self, name: str = "device") -> str:
        """A push resource."""
        return f"https://localhost:{self.server_address[1]}/{name}"

    def take(self, arrival: Arrival) -> tuple[int, dict[str, str]]:
        """Remember a message; what to answer."""
        with self._news:
            self.arrived.append(arrival)
            self._news.notify_all()
            return self.answers.pop(0) if self.answers else (201, {})

    def wait_for(self, count: int, seconds: float = 20) -> list[Arrival]:
        """The messages, once there are so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.arrived) >= count, seconds), self.arrived
            return list(self.arrived)


class _Handler(BaseHTTPRequestHandler):
    server: PushService

    def do_POST(self) -> None:
        """Take a message."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, extra = self.server.take(Arrival(self.path, headers, body))
        self.send_response_only(status)
        for name, value in {"Content-Length": "0", **extra}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def certificate_for_localhost(folder: Path) -> tuple[Path, Path]:
    """A certificate that trusts itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "push-certificate.pem", folder / "push-key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@contextlib.contextmanager
def push_service(folder: Path) -> Iterator[PushService]:
    """A push service for the time of a block."""
    with PushService(*certificate_for_localhost(folder)) as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield service
        finally:
            service.shutdown()
            thread.join()
