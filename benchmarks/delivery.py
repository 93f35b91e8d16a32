#!/usr/bin/env python3
"""Mail in, behind the network: messages a second through ``deliver``, durable, on the database of DATABASE_URL.

    DATABASE_URL=postgresql://… python benchmarks/delivery.py            an empty database
    DATA_DIR=/tmp/delivery python benchmarks/delivery.py --accounts 8 --threads 4

Messages of a few KB, half of them replies. Prints messages a second, the median and the 95th percentile in
milliseconds, and how many statements one delivery takes. ``--profile`` prints where the time goes (one thread).
"""

import argparse
import cProfile
import os
import pstats
import random
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from jmap.blobs.spool import Spool  # noqa: E402
from mail.services import accounts  # noqa: E402
from mail.services.delivery import Envelope, deliver  # noqa: E402

DOMAIN = "bench.test"


def message(number: int, size: int) -> bytes:
    """A message of about so many octets; every second one answers the one before it."""
    dice = random.Random(number)
    words = " ".join("".join(dice.choices("etaoinshrdlu", k=dice.randint(2, 9))) for _ in range(size // 6))
    lines = [
        f"From: Person {number % 50} <person{number % 50}@elsewhere.test>",
        f"To: ada@{DOMAIN}",
        f"Subject: {'Re: ' if number % 2 else ''}Topic {number // 2}",
        f"Message-ID: <{number}@elsewhere.test>",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000",
        "Received: from a.elsewhere.test by b.elsewhere.test; Thu, 01 Jan 2026 00:00:00 +0000",
        "Content-Type: text/plain; charset=utf-8",
    ]
    if number % 2:
        lines.append(f"In-Reply-To: <{number - 1}@elsewhere.test>")
    return "\r\n".join([*lines, "", *(words[at : at + 72] for at in range(0, len(words), 72)), ""]).encode()


def hand_in(data: bytes, recipient: str) -> float:
    """Deliver one message; how long it took, in seconds."""
    start = time.perf_counter()
    with Spool() as spool:
        spool.write(data)
        (outcome,) = deliver(spool, Envelope("someone@elsewhere.test", [recipient], protocol="LMTP", queue_id="4F2A"))
    taken = time.perf_counter() - start
    assert outcome.is_success, outcome
    return taken


def main() -> None:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000)
    parser.add_argument("--accounts", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=4_000)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    accounts.create_domain(DOMAIN)
    first = get_user_model().objects.count()
    people = [f"person{first + number}" for number in range(options.accounts)]
    for name in people:
        accounts.create_account(user=get_user_model().objects.create_user(name), address=f"{name}@{DOMAIN}")
    start_at = first * 1_000_000
    for number in range(50):
        hand_in(message(start_at + number, options.size), f"{people[0]}@{DOMAIN}")
    with CaptureQueriesContext(connection) as queries:
        hand_in(message(start_at + 50, options.size), f"{people[0]}@{DOMAIN}")
    messages = [
        (message(number, options.size), f"{people[number // 2 % len(people)]}@{DOMAIN}")
        for number in range(start_at + 100, start_at + 100 + options.messages)
    ]
    profile = cProfile.Profile() if options.profile else None

    start = time.perf_counter()
    if options.threads == 1:
        if profile:
            profile.enable()
        taken = [hand_in(*given) for given in messages]
        if profile:
            profile.disable()
    else:
        with ThreadPoolExecutor(options.threads) as pool:
            taken = list(pool.map(hand_in, *zip(*messages)))
            list(pool.map(lambda _: connections.close_all(), range(options.threads)))
    seconds = time.perf_counter() - start
    taken.sort()
    print(
        f"{connection.vendor}: {options.messages / seconds:.0f} messages/s, {options.accounts} accounts,"
        f" {options.threads} threads; median {statistics.median(taken) * 1000:.1f} ms,"
        f" p95 {taken[int(len(taken) * 0.95)] * 1000:.1f} ms; {len(queries)} statements"
    )
    if options.profile:
        for query in queries:
            print(query["time"], query["sql"][:110])
        assert profile is not None
        pstats.Stats(profile).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main()
