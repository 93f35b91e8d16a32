"""Servers for the whole run, one for each edge, over one database; people to sign in; a client for each.

Every test that is about HTTP runs over each edge. Each person and each client has an address of its own on the loopback
network, so that what one test does to throttles is nothing to another.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import psycopg
import pytest

from tests.running import ROOT, environment, free_port, process

CORE = "urn:ietf:params:jmap:core"
LAB = "https://lab.example/jmap"
_ADDRESSES = itertools.count(1)
_NAMES = itertools.count(1)


def new_address() -> str:
    """An address of the loopback network that no other test uses."""
    number = next(_ADDRESSES)
    return f"127.77.{number >> 8}.{number & 255}"


@dataclass(frozen=True)
class Person:
    """Somebody with a password and an account."""

    name: str
    password: str
    account: str

    @property
    def auth(self) -> tuple[bytes, bytes]:
        """For httpx, which would send Latin-1."""
        return self.name.encode(), self.password.encode()


class Clerk:
    """Keeps the books of the servers; see ``tests.wire.books``."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    def __getattr__(self, entry: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            with self._lock:
                self._process.stdin.write(json.dumps([entry, arguments]) + "\n")
                self._process.stdin.flush()
                answer = self._process.stdout.readline()
            assert answer, f"the clerk gave up at {entry}"
            return json.loads(answer)

        return ask

    def newcomer(self) -> Person:
        """A new person."""
        return Person(**self.person(name=f"person{next(_NAMES)}"))

    def correspondent(self) -> Person:
        """A new person with an address."""
        return Person(**self.writer(name=f"person{next(_NAMES)}"))


@dataclass
class Site:
    """What the servers share."""

    folder: Path
    variables: dict[str, str]
    clerk: Clerk

    def command(self, edge: str, port: int) -> list[str]:
        """The command that serves one edge."""
        if edge == "views":
            return [sys.executable, "-m", "tests.wire.wsgi_server", str(port)]
        if edge == "daphne":
            options = ["-b", "127.0.0.1", "-p", str(port), "-v", "0", "--no-server-name"]
            return [sys.executable, "-m", "daphne", *options, "jmapsite.asgi:application"]
        options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        options += ["--no-access-log", "--no-proxy-headers", "--ws-max-size", "200000", "--ws-max-queue", "2"]
        application = "tests.wire.plain_asgi:application" if edge == "async-views" else "jmapsite.asgi:application"
        return [sys.executable, "-m", "uvicorn", *options, application]

    @contextlib.contextmanager
    def server(self, edge: str, **variables: str) -> Iterator[Edge]:
        """A server for one edge."""
        port = free_port()
        log = self.folder / f"{edge}-{port}.log"
        with process(self.command(edge, port), port, log, {**self.variables, **variables}) as running:
            yield Edge(edge, port, running, log)


@dataclass
class Edge:
    """A running server."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path
    _clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def streams(self) -> bool:
        """Whether bodies of unknown length are understood (WSGI knows none)."""
        return self.name != "views"

    def client(self, person: Person | None = None, *, address: str | None = None, **options: Any) -> httpx.Client:
        """A client, signed in as the person by password, from the address."""
        transport = httpx.HTTPTransport(local_address=address or new_address())
        options.setdefault("auth", None if person is None else person.auth)
        return httpx.Client(base_url=self.url, transport=transport, timeout=30, **options)


def call(client: httpx.Client, *calls: Any, using: list[str] | None = None, **options: Any) -> httpx.Response:
    """POST a Request to the API."""
    body = {"using": using or [CORE, LAB], "methodCalls": [list(each) for each in calls]}
    return client.post("/jmap/api", json=body, **options)


def echo(client: httpx.Client, **options: Any) -> httpx.Response:
    """The least that the API can do."""
    return call(client, ("Core/echo", {"hello": True}, "c1"), **options)


@contextlib.contextmanager
def database_url(folder: Path) -> Iterator[str]:
    """A database for the servers: a file, or a new one on the PostgreSQL server of the run."""
    if os.environ.get("TEST_DATABASE", "sqlite") == "sqlite":
        yield f"sqlite:///{folder / 'wire.sqlite3'}"
        return
    parts = urlsplit(os.environ["TEST_POSTGRES_URL"])
    # Two folders of tests may each have their own.
    name = f"jmap_wire_{os.getpid()}_{secrets.token_hex(4)}"
    with psycopg.connect(urlunsplit(parts), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield urlunsplit(parts._replace(path=f"/{name}"))
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Database, folder and clerk of all servers."""
    folder = tmp_path_factory.mktemp("wire")
    with database_url(folder) as url:
        variables = environment(
            folder / "data",
            DJANGO_SETTINGS_MODULE="tests.wire.settings",
            DATABASE_URL=url,
            SECRET_KEY="only-for-tests",
            PYTHONPATH=str(ROOT),
        )
        clerk = subprocess.Popen(
            [sys.executable, "-m", "tests.wire.clerk"],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with clerk:
            yield Site(folder, variables, Clerk(clerk))
            assert clerk.stdin is not None
            clerk.stdin.close()


@pytest.fixture(scope="session")
def clerk(site: Site) -> Clerk:
    """Keeps the books of the servers."""
    return site.clerk


@pytest.fixture(scope="session", params=["uvicorn", "daphne", "views", "async-views"])
def edge(request: pytest.FixtureRequest, site: Site) -> Iterator[Edge]:
    """A server for each edge."""
    site.clerk.newcomer()
    with site.server(request.param, WIRE_LIMITS=str(site.folder / f"limits-{request.param}")) as running:
        yield running


@pytest.fixture
def person(clerk: Clerk) -> Person:
    """Somebody nobody else knows."""
    return clerk.newcomer()


@pytest.fixture
def client(edge: Edge, person: Person) -> Iterator[httpx.Client]:
    """The person's client."""
    with edge.client(person) as client:
        yield client


@pytest.fixture
def stranger(edge: Edge) -> Iterator[httpx.Client]:
    """A client without credentials."""
    with edge.client() as client:
        yield client
