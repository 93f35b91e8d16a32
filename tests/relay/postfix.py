"""Postfix as a smarthost: it takes mail over TLS from those with a password, and writes bounces itself.

Postfix asks another process who may log in (the protocol of Dovecot's authentication); that is a thread here. What it
accepts it hands on to the server that a test names, and so do its bounces.
"""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.postfix import running_postfix
from tests.relay.certificates import make_certificate

USER, PASSWORD = "ada@a.example", "correct horse"

LINES = """
myhostname = smarthost.example
relayhost = [127.0.0.1]:{onward}
smtp_tls_security_level = none
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions =
smtpd_forbid_bare_newline = yes
"""


@dataclass(frozen=True)
class SmarthostPostfix:
    """A running Postfix: its port, and the certificate to trust."""

    port: int
    authorities: str


class _Auth(socketserver.StreamRequestHandler):
    """Dovecot's authentication protocol, as far as Postfix speaks it."""

    def handle(self) -> None:
        self.wfile.write(b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00\nDONE\n")
        for line in self.rfile:
            words = line.decode().rstrip("\n").split("\t")
            if words[0] == "AUTH":
                given = next((word[5:] for word in words if word.startswith("resp=")), "")
                known = base64.b64decode(given).decode().split("\0")[1:] == [USER, PASSWORD]
                answer = f"OK\t{words[1]}\tuser={USER}\n" if known else f"FAIL\t{words[1]}\n"
                self.wfile.write(answer.encode())


@contextlib.contextmanager
def authenticating() -> Iterator[int]:
    """Whom Postfix asks about passwords: the port where it listens."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Auth) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def smarthost(folder: Path, onward: int) -> Iterator[SmarthostPostfix]:
    """A smarthost for the time of a block; ``onward``: the port of this machine that it hands everything on to."""
    certificate, key = make_certificate(folder)
    with authenticating() as auth:
        lines = LINES.format(onward=onward, certificate=certificate, key=key, auth=auth)
        with running_postfix(lines) as postfix:
            yield SmarthostPostfix(postfix.port, certificate.read_text())
