#!/usr/bin/env python3
"""Mail in over LMTP: messages a second, durable, one account and several, one session and several.

    python benchmarks/lmtp.py                                           a new site on SQLite
    DATABASE_URL=postgresql://… python benchmarks/lmtp.py --processes 2 an empty database
    … --beside 127.0.0.1:2003 user1@example.com user2@example.com …    another server, in turn with ours

Starts ``manage.py lmtpd`` on a site of its own and ends it. Messages are those of the folder MAIL_CORPUS, each time
with a Message-ID of its own, or made up (4 KB). A session is a connection that sends one message after the other and
waits for the answer. Prints the median of the rounds, and the ratio.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.lmtp.client import Client
from tests.lmtp.site import PASSWORD, Site
from tests.running import environment, manage

MOST_OCTETS = 200_000
_MESSAGE_ID = re.compile(rb"^message-id:.*(?:\r\n[ \t].*)*\r\n", re.IGNORECASE | re.MULTILINE)
_numbers = count()
_run = f"{time.time_ns():x}"


def corpus() -> list[bytes]:
    """Messages with CRLF, dots stuffed, without Message-ID."""
    folder = os.environ.get("MAIL_CORPUS")
    if not folder:
        body = b"".join(
            b"%d " % number + b"etaoin shrdlu words of a text line, of which there are many\r\n" for number in range(60)
        )
        return [b"From: a@elsewhere.test\r\nSubject: Topic %d\r\n\r\n" % number + body for number in range(50)]
    found = []
    for path in sorted(path for path in Path(folder).rglob("*") if path.parent.name in ("cur", "new"))[:2_000]:
        data = re.sub(rb"\r?\n|\r", b"\r\n", path.read_bytes())
        if len(data) <= MOST_OCTETS:
            found.append(re.sub(rb"^\.", b"..", _MESSAGE_ID.sub(b"", data), flags=re.MULTILINE))
    return found


def numbered(data: bytes) -> bytes:
    """A message that no server has seen."""
    return b"Message-ID: <%s.%d@bench.test>\r\n" % (_run.encode(), next(_numbers)) + data


def rate(address: tuple[str, int], recipients: Sequence[str], messages: Sequence[bytes], sessions: int) -> float:
    """Messages a second."""
    waiting = [(numbered(data), recipients[at % len(recipients)]) for at, data in enumerate(messages)]
    failures: list[str] = []
    lock = threading.Lock()

    def work(client: Client) -> None:
        while True:
            with lock:
                if not waiting:
                    return
                data, recipient = waiting.pop()
            (answer,) = client.deliver(data, [recipient]).values()
            if not answer.startswith("250"):
                failures.append(answer)

    clients = [Client(address, 120) for _ in range(sessions)]
    for client in clients:
        client.greet()
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - start
    for client in clients:
        client.__exit__()
    if failures:
        raise SystemExit(f"{len(failures)} of {len(messages)} failed: {failures[0]}")
    return len(messages) / taken


def measure(servers: dict[str, tuple[tuple[str, int], Sequence[str]]], options: argparse.Namespace) -> None:
    """A line for each number of accounts and sessions."""
    messages = corpus()
    print(f"{'accounts':>8} {'sessions':>8} " + " ".join(f"{name:>10}" for name in servers) + "   messages a second")
    at = 0
    for accounts in options.accounts:
        for sessions in options.sessions:
            found: dict[str, list[float]] = {name: [] for name in servers}
            for _ in range(options.rounds):
                some = [messages[(at + number) % len(messages)] for number in range(options.messages)]
                at += options.messages
                for name, (address, recipients) in servers.items():
                    found[name].append(rate(address, recipients[:accounts], some, sessions))
            medians = [statistics.median(rates) for rates in found.values()]
            ratio = f"   ratio {medians[0] / medians[1]:.1f}" if len(medians) > 1 else ""
            print(
                f"{accounts:>8} {sessions:>8} " + " ".join(f"{median:>10.0f}" for median in medians) + ratio, flush=True
            )


def on_a_site(then: Callable[[Site], None], accounts: int, options: argparse.Namespace) -> None:
    """Make a site with accounts, serve it, and go on."""
    with tempfile.TemporaryDirectory(prefix="jmap-lmtp-", dir=options.folder) as name:
        folder = Path(name)
        given = {
            "SETUP_ADMIN_PASSWORD": PASSWORD,
            "SETUP_MAILBOX_PASSWORD": PASSWORD,
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
        }
        variables = environment(folder / "data", DATABASE_URL=os.environ.get("DATABASE_URL", ""), **given)
        site = Site(variables, folder, [f"person{number}@bench.test" for number in range(accounts)])
        for address in site.addresses:
            done = manage("setup", "--admin", "keeper", "--address", address, variables=variables)
            if done.returncode != 0:
                raise SystemExit(done.stderr)
        with site.lmtpd("--processes", str(options.processes)):
            then(site)


def main() -> None:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=200, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--accounts", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4, 8])
    parser.add_argument("--processes", type=int, default=1, help="of our server")
    parser.add_argument("--folder", help="where the site is made, on the disk that counts")
    parser.add_argument("--beside", nargs="+", metavar="HOST:PORT RECIPIENT", help="another server and its recipients")
    options = parser.parse_args()

    def go(site: Site) -> None:
        servers: dict[str, tuple[tuple[str, int], Sequence[str]]] = {"here": (("127.0.0.1", site.port), site.addresses)}
        if options.beside:
            host, _colon, port = options.beside[0].rpartition(":")
            servers["beside"] = ((host, int(port)), options.beside[1:])
        measure(servers, options)

    on_a_site(go, max(options.accounts), options)


if __name__ == "__main__":
    main()
