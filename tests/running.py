"""Runs the site's own commands as a person would, in a process of their own with a clean environment."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60

OWN_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "SSL_CERT_FILE", "MAIL_CORPUS")
"""What commands under test inherit; everything else of the site's configuration is said by the test."""


def environment(data_dir: Path, **variables: str) -> dict[str, str]:
    """The environment of a command that keeps its data in the folder."""
    inherited = {name: os.environ[name] for name in OWN_VARIABLES if name in os.environ}
    own = {"DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1", "LMTP_PORT": str(free_port())}
    return {**inherited, **own, **variables}


def manage(*arguments: str, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """Run a management command to its end, without a terminal."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=START_SECONDS,
    )


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def own_database(folder: Path, name: str) -> Iterator[str]:
    """The URL of a database for one site, of the kind that the suite runs on; it goes with the block."""
    if os.environ.get("TEST_DATABASE") != "postgres":
        yield f"sqlite:///{folder / 'site.sqlite3'}"
        return
    server = urlsplit(os.environ["TEST_POSTGRES_URL"])
    database = f"jmap_{name}_{secrets.token_hex(4)}"
    with psycopg.connect(urlunsplit(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database} TEMPLATE template0")
        try:
            yield urlunsplit(server._replace(path=f"/{database}"))
        finally:
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


def own_broker(database: int) -> str:
    """The URL of a broker for one site: a database of the suite's Redis, by a number that no other test uses.

    Workers of two sites on one would take each other's calls. Empty where there is no Redis.
    """
    url = os.environ.get("TEST_REDIS_URL")
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}")) if url else ""


@contextlib.contextmanager
def process(
    command: list[str], port: int, log: Path, variables: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A server for the time of a block, from when it accepts connections; its output goes to the log."""
    with open(log, "wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=dict(variables), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not accepts(port):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield server
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGTERM)
        server.wait(START_SECONDS)


def serve(
    port: int, log: Path, variables: Mapping[str, str]
) -> contextlib.AbstractContextManager["subprocess.Popen[bytes]"]:
    """``manage.py serve`` on the port."""
    return process([sys.executable, "manage.py", "serve"], port, log, {**variables, "PORT": str(port)})


def accepts(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
