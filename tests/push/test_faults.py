"""Push when things break: a process killed at the worst moment, a broker that goes, a server that restarts, a client
that takes nothing.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from push.eventsource import RETRY
from tests.push.conftest import PATIENCE, listening
from tests.running import ROOT, free_port, manage, process
from tests.wire.conftest import Clerk, Edge, Person, Site, new_address

pytestmark = [pytest.mark.faults, pytest.mark.own("no change is lost to a client, whatever breaks")]

DIE = """
import os, signal, sys
from django.db import transaction
from jmap.models import Account
from jmap.store import writing
account = Account.objects.get(user__username=sys.argv[1])
with writing(account.pk) as writer:
    writer.next("Email")
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
"""
"""Commits, and is killed before it has told anybody."""


def basic(person: Person) -> str:
    """The person's Authorization header."""
    return "Basic " + base64.b64encode(f"{person.name}:{person.password}".encode()).decode()


def test_a_change_whose_process_was_killed_before_it_told_is_found(site: Site, edge: Edge, person: Person) -> None:
    script = f"import django; django.setup()\n{DIE}"
    with listening(edge, person) as stream:
        done = subprocess.run([sys.executable, "-c", script, person.name], cwd=ROOT, env=site.variables, check=False)

        assert done.returncode == -signal.SIGKILL
        assert list(stream.changed()[person.account]) == ["Email"]


def test_a_stream_hears_of_an_import_by_a_command(site: Site, edge: Edge, person: Person, tmp_path: Path) -> None:
    mbox = tmp_path / "mail.mbox"
    mbox.write_bytes(b"From a@b Thu Jan  1 00:00:00 2026\nSubject: Hello\nMessage-ID: <1@b>\n\nHello\n")
    with listening(edge, person, types="EmailDelivery") as stream:
        done = manage("import_mail", person.name, str(mbox), variables=site.variables)

        assert done.returncode == 0, done.stderr
        assert list(stream.changed()[person.account]) == ["EmailDelivery"]


class Relay:
    """A way to a server that can be closed, with every connection over it, and opened again."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.port = 0
        self._open: set[socket.socket] = set()
        self.open()

    def open(self) -> None:
        """Let connections through."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        """Cut everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in tuple(self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _address = listener.accept()
                far = socket.create_connection(self.target)
                self._open |= {near, far}
                for pair in ((near, far), (far, near)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("name", ["uvicorn", "daphne"])
def test_redis_gone_costs_time_and_nothing_else_and_back_it_carries_again(
    site: Site, clerk: Clerk, person: Person, name: str
) -> None:
    url = os.environ.get("TEST_REDIS_URL")
    if not url:
        pytest.skip("TEST_REDIS_URL names no Redis: run under `scripts/services.py run redis -- ...`")
    parts = urlsplit(url)
    relay = Relay((parts.hostname or "127.0.0.1", parts.port or 6379))
    through = f"redis://127.0.0.1:{relay.port}/0"
    carried = {"WIRE_CARRIER": "redis", "WIRE_NEWS": through}
    with (
        site.server(name, WIRE_LIMITS=str(site.folder / f"redis-{name}"), WIRE_POLL="3", **carried) as edge,
        listening(edge, person) as stream,
    ):
        relay.close()
        states = clerk.touch(name=person.name, types=["Email"])
        without = stream.changed()
        relay.open()
        more = clerk.touch(name=person.name, types=["Mailbox"])
        later = stream.changed()

    assert without == {person.account: states}
    assert later == {person.account: more}


@dataclass
class Tab:
    """A browser's tab, as EventSource behaves: it reconnects after the time that it was told, with the last id."""

    port: int
    person: Person
    address: str
    last_id: str = ""
    retry: float = 0.0
    told: dict[str, str] = field(default_factory=dict)
    connected: list[float] = field(default_factory=list)

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._listen()
            await asyncio.sleep(self.retry)

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(self.address, 0))
        last = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        head = f"GET /jmap/events?types=*&closeafter=no&ping=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n{last}"
        writer.write(f"{head}Authorization: {basic(self.person)}\r\n\r\n".encode())
        try:
            status = await reader.readline()
            if b" 200 " not in status:
                return
            self.connected.append(time.monotonic())
            while line := await reader.readuntil(b"\n"):
                name, _, value = line.decode().strip().partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "retry":
                    self.retry = int(value) / 1000
                elif name == "data":
                    for types in json.loads(value)["changed"].values():
                        self.told |= types
        finally:
            writer.close()


@pytest.mark.parametrize("name", ["uvicorn", "daphne"])
def test_a_restart_under_five_hundred_clients_loses_nothing_and_brings_no_herd(
    site: Site, clerk: Clerk, name: str
) -> None:
    persons = [clerk.newcomer() for _ in range(20)]
    variables = {**site.variables, "WIRE_LIMITS": str(site.folder / f"herd-{name}"), "WIRE_STREAMS": "100"}
    log = site.folder / f"herd-{name}.log"

    async def scene(port: int) -> list[Tab]:
        tabs = [Tab(port, person, new_address()) for person in persons for _ in range(25)]
        running = [asyncio.create_task(tab.run()) for tab in tabs]
        server = contextlib.ExitStack()
        first = await asyncio.to_thread(server.enter_context, process(site.command(name, port), port, log, variables))
        await reach(lambda: all(tab.last_id for tab in tabs))
        before = time.monotonic()
        first.send_signal(signal.SIGTERM)
        await asyncio.to_thread(first.wait, PATIENCE)
        ended_in = time.monotonic() - before
        states = {person.name: clerk.touch(name=person.name, types=["Email", "Thread"]) for person in persons}
        await asyncio.to_thread(server.close)
        await asyncio.to_thread(server.enter_context, process(site.command(name, port), port, log, variables))
        await reach(lambda: all(tab.told == states[tab.person.name] for tab in tabs))
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.to_thread(server.close)
        assert ended_in < 5, "the server waited for its streams"
        return tabs

    tabs = asyncio.run(scene(free_port()))

    retries = sorted(tab.retry for tab in tabs)
    assert RETRY[0] / 1000 <= retries[0] < retries[-1] <= RETRY[1] / 1000
    assert len(set(retries)) > 300
    assert all(len(tab.connected) == 2 for tab in tabs)


async def reach(condition: Any, seconds: float = 40) -> None:
    """Return when something is so."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("name", ["uvicorn", "daphne"])
def test_a_client_that_takes_nothing_is_cut_off_without_harm_to_others(
    site: Site, clerk: Clerk, person: Person, name: str
) -> None:
    with (
        site.server(name, WIRE_LIMITS=str(site.folder / f"stall-{name}"), WIRE_WRITE_TIMEOUT="2") as edge,
        listening(edge, person, types="Thread") as other,
        stalled(edge, person) as socket_of_the_stalled,
    ):
        before = resident(edge.process.pid)
        # Changes of so many types that each event is large: it takes a few to fill what the system holds.
        types = [f"{'x' * 50}{number}" for number in range(4_000)]
        deadline, was_cut = time.monotonic() + 50, False
        while not was_cut and time.monotonic() < deadline:
            states = clerk.touch(name=person.name, types=[*types, "Thread"])
            while other.changed()[person.account]["Thread"] != states["Thread"]:
                pass
            was_cut = not is_open(socket_of_the_stalled)
        grown = resident(edge.process.pid) - before

    assert was_cut
    assert grown < 30


@contextlib.contextmanager
def stalled(edge: Edge, person: Person) -> Iterator[socket.socket]:
    """A stream that nobody reads, with as little room in between as there can be."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        client.bind((new_address(), 0))
        client.connect(("127.0.0.1", edge.port))
        head = "GET /jmap/events?types=*&closeafter=no&ping=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        client.sendall(f"{head}Authorization: {basic(person)}\r\n\r\n".encode())
        assert client.recv(12, socket.MSG_PEEK)
        yield client


def is_open(client: socket.socket) -> bool:
    """Whether the other side still holds the connection, looked up without reading from it."""
    port = client.getsockname()[1]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == "01":
            return True
    return False


def resident(pid: int) -> float:
    """Resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
