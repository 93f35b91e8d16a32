#!/usr/bin/env python3
"""Push under load: from a commit in another process to the event at the client, and what idle streams cost.

    python benchmarks/push.py                                  SQLite in a new folder, uvicorn
    SERVER=daphne python benchmarks/push.py
    DATABASE_URL=postgresql://… python benchmarks/push.py      an empty database

1,000 streams over 500 accounts are told of 50 changes a second, each a commit of this process, which is not the server.
Then 5,000 streams of as many users are opened and left alone, the server is weighed, and each is told of one change.
The clients live in a process of their own that does nothing but read sockets.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

STREAMS, ACCOUNTS, RATE, SECONDS, IDLE = 1_000, 500, 50, 30, 5_000
TYPES = ["Email", "Mailbox", "Thread"]


# ------------------------------------------------------------------------------------------------------------- clients


class Client(asyncio.Protocol):
    """One event stream: remembers when which state of which account arrived."""

    def __init__(self, request: bytes, house: Clients) -> None:
        self.request, self.house, self.rest = request, house, b""
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self.transport = transport
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        """Note every event."""
        now = time.monotonic()
        self.rest += data
        if not self.is_open and b"\nid: " in self.rest:
            self.is_open = True
            self.house.opened += 1
        while (end := self.rest.find(b"\n\n")) >= 0:
            block, self.rest = self.rest[:end], self.rest[end + 2 :]
            start = block.find(b"data: ")
            if start >= 0:
                line = block[start + 6 :].partition(b"\n")[0]
                for account, types in json.loads(line)["changed"].items():
                    self.house.arrived.append((account, max(types.values(), key=_modseq), now))

    def connection_lost(self, error: Exception | None) -> None:
        """Count it."""
        self.house.lost += 1


def _modseq(state: str) -> int:
    return int(state.rpartition("-")[2])


class Clients:
    """Opens what it is told to, and reports when it is asked: a JSON value a line on standard input and output."""

    def __init__(self) -> None:
        self.opened = self.lost = 0
        self.arrived: list[tuple[str, str, float]] = []

    async def run(self) -> None:
        """Answer until the input ends."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            if command["do"] == "open":
                await self._open(command["port"], command["tokens"])
            if command["do"] == "forget":
                self.arrived.clear()
            answer = {"opened": self.opened, "lost": self.lost}
            if command["do"] == "report":
                answer["arrived"] = self.arrived  # type: ignore[assignment]
            if command["do"] == "count":
                answer["arrived"] = len(self.arrived)
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()

    async def _open(self, port: int, tokens: list[str]) -> None:
        loop = asyncio.get_running_loop()
        wanted = self.opened + len(tokens)
        for number, token in enumerate(tokens):
            request = (
                "GET /jmap/events?types=*&closeafter=no&ping=300 HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Authorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n"
            ).encode()
            await loop.create_connection(lambda request=request: Client(request, self), "127.0.0.1", port)  # type: ignore[misc]
            if number % 100 == 99:
                while self.opened < wanted - len(tokens) + number - 200:
                    await asyncio.sleep(0.01)
        while self.opened < wanted:
            await asyncio.sleep(0.01)


class House:
    """The clients' process, seen from here."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "clients"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, do: str, **arguments: object) -> dict[str, object]:
        """Tell it something; what it answers."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, object] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


# -------------------------------------------------------------------------------------------------------------- server


@contextlib.contextmanager
def server(port: int) -> Iterator[int]:
    """The site's server on the port; its process id."""
    from jmapsite.server import command_line
    from tests.running import process

    command = command_line(os.environ.get("SERVER", "uvicorn"), "127.0.0.1", port, 1)
    log = Path(os.environ["DATA_DIR"]) / "server.log"
    with process(command, port, log, {**os.environ, "MALLOC_ARENA_MAX": "2"}) as running:
        yield running.pid


def memory(pid: int) -> tuple[float, float]:
    """Resident and proportional memory of a process, in MB."""
    found = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) / 1024
    return found["Rss"], found["Pss"]


# --------------------------------------------------------------------------------------------------------------- books


def people(prefix: str, number: int) -> tuple[list[int], list[str]]:
    """New users with an account and a token each: keys of the accounts, and the tokens."""
    import secrets

    from django.contrib.auth import get_user_model

    from jmap.models import Account, Credential
    from jmap.models.credential import digest

    user_model = get_user_model()
    users = user_model.objects.bulk_create(user_model(username=f"{prefix}{n}", password="!") for n in range(number))
    accounts = Account.objects.bulk_create(Account(name=user.username, user=user) for user in users)
    tokens = [secrets.token_urlsafe(24) for _ in users]
    Credential.objects.bulk_create(
        Credential(user=user, kind="token", name="bench", secret_digest=digest(token))
        for user, token in zip(users, tokens)
    )
    return [account.pk for account in accounts], tokens


def change(account: int) -> tuple[str, float]:
    """Commit one change; the state it led to, and when the commit was done."""
    from django.db import transaction

    from jmap.store import writing

    done: list[float] = []
    with writing(account) as writer:
        name = random.choice(TYPES)
        writer.next(name)
        state = writer.state(name)
        # Registered before the announcement, so it runs right after the commit.
        transaction.on_commit(lambda: done.append(time.monotonic()))
    return state, done[0]


def wait_for(house: House, count: int, seconds: float = 60) -> int:
    """How many events arrived, once there are so many or the time is over."""
    deadline = time.monotonic() + seconds
    while (arrived := int(str(house.ask("count")["arrived"]))) < count and time.monotonic() < deadline:
        time.sleep(0.2)
    return arrived


def latency(house: House, port: int) -> None:
    """The first scene."""
    from jmap.ids import encode

    accounts, tokens = people("busy", ACCOUNTS)
    house.ask("open", port=port, tokens=[tokens[number % ACCOUNTS] for number in range(STREAMS)])
    for account in accounts[:50]:
        change(account)
    time.sleep(2)
    house.ask("forget")
    committed: dict[tuple[str, str], float] = {}
    started = time.monotonic()
    for number in range(RATE * SECONDS):
        time.sleep(max(0.0, started + number / RATE - time.monotonic()))
        account = random.choice(accounts)
        state, moment = change(account)
        committed[encode("u", account), state] = moment
    took = time.monotonic() - started
    wait_for(house, len(committed) * STREAMS // ACCOUNTS, 5)
    arrived = house.ask("report")["arrived"]
    waits = [
        (moment - committed[account, state]) * 1000
        for account, state, moment in arrived  # type: ignore[attr-defined]
        if (account, state) in committed
    ]
    cuts = statistics.quantiles(waits, n=100)
    print(f"{STREAMS} streams over {ACCOUNTS} accounts, {len(committed) / took:.0f} changes a second for {took:.0f} s:")
    print(f"  {len(waits)} events; ms from commit to event: p50 {cuts[49]:.1f}, p95 {cuts[94]:.1f}, p99 {cuts[98]:.1f}")


def idle(house: House, port: int, pid: int) -> None:
    """The second scene."""
    accounts, tokens = people("idle", IDLE)
    before = memory(pid)
    started = time.monotonic()
    house.ask("open", port=port, tokens=tokens)
    opened = time.monotonic() - started
    time.sleep(5)
    rss, pss = memory(pid)
    print(f"{IDLE} idle streams of as many users, opened in {opened:.1f} s:")
    print(f"  {rss:.0f} MB resident, {pss:.0f} MB proportional; {(rss - before[0]) * 1024 / IDLE:.1f} KB a stream")
    house.ask("forget")
    started = time.monotonic()
    for account in accounts:
        change(account)
    arrived = wait_for(house, IDLE)
    print(f"  {arrived} of {IDLE} told of a change each, in {time.monotonic() - started:.1f} s")


def main() -> None:
    """Both scenes, each with a server of its own."""
    if sys.argv[1:] == ["clients"]:
        asyncio.run(Clients().run())
        return
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATA_DIR", folder)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")
        import django

        django.setup()
        from django.core.management import call_command

        from tests.running import free_port

        call_command("migrate", verbosity=0)
        for scene in (latency, idle):
            house, port = House(), free_port()
            with server(port) as pid:
                if scene is latency:
                    latency(house, port)
                else:
                    idle(house, port, pid)
            house.close()


if __name__ == "__main__":
    main()
