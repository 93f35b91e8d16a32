"""How fast mail goes out: from the queue to a smarthost, over PostgreSQL, with DKIM signatures.

    python scripts/services.py run postgres -- python -m benchmarks.submission
    … --rate 100 --seconds 300 --workers 2 --profile

Three questions: how long an idle system takes from the commit of a submission to the smarthost's acceptance; how many
messages of 50 KB a second are signed twice and accepted while the queue is full; and whether the queue stays flat while
submissions come in at a rate. The smarthost takes everything at once, in a process of its own, so that its own time is
nothing worth speaking of. Everything runs on this machine.
"""

from __future__ import annotations

import argparse
import base64
import cProfile
import multiprocessing
import os
import pstats
import secrets
import statistics
import sys
import tempfile
import threading
import time
from multiprocessing.sharedctypes import Synchronized
from typing import Any
from urllib.parse import urlsplit, urlunsplit

SIZE = 50_000
ACCOUNTS = 8
IDLE = 40
"""Single submissions on an idle system."""
FULL = 600
"""Messages in the queue that is emptied."""


def smarthost(port: Any, taken: Any, last: Any) -> None:
    """Take every message; ``taken`` counts them, ``last`` is when the last one was accepted."""
    import asyncio

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 bench\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                writer.write(b"250-bench\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
            elif verb == b"DATA":
                writer.write(b"354 go\r\n")
                await reader.readuntil(b"\r\n.\r\n")
                with taken.get_lock():
                    taken.value += 1
                last.value = time.time()
                writer.write(b"250 taken\r\n")
            else:
                writer.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    break
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**24)
        port.value = server.sockets[0].getsockname()[1]
        await server.serve_forever()

    asyncio.run(main())


def prepare(folder: str) -> None:
    """A database of its own on the server of TEST_POSTGRES_URL (SQLite where there is none), migrated."""
    import psycopg

    url = os.environ.get("TEST_POSTGRES_URL", "")
    if url:
        server = urlsplit(url)
        name = f"bench_submission_{secrets.token_hex(4)}"
        with psycopg.connect(urlunsplit(server), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        url = urlunsplit(server._replace(path=f"/{name}"))
    os.environ.update(
        DATABASE_URL=url, DATA_DIR=folder, LOG_LEVEL="WARNING", DJANGO_SETTINGS_MODULE="jmapsite.settings"
    )
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def site(port: int) -> list[Any]:
    """Accounts whose mail is signed, twice, and leaves by the smarthost."""
    from django.contrib.auth import get_user_model

    from mail.services import accounts
    from submission.services import dkim_keys, smarthosts

    domain = accounts.create_domain("bench.example")
    people = [get_user_model().objects.create_user(username=f"bench{number}") for number in range(ACCOUNTS)]
    made = [accounts.create_account(user=user, address=f"{user.username}@bench.example") for user in people]
    for algorithm in ("rsa", "ed25519"):
        dkim_keys.activate(dkim_keys.create(domain, algorithm))
    smarthosts.save({"host": "127.0.0.1", "port": port, "security": "none"}, password=None)
    return made


def letter(number: int) -> bytes:
    """A message of SIZE octets, like no other."""
    body = base64.encodebytes(secrets.token_bytes(SIZE * 3 // 4)).replace(b"\n", b"\r\n")
    head = (
        f"From: ada@bench.example\r\nTo: bob@b.example\r\nSubject: {number}\r\nMessage-ID: <{number}@bench.example>\r\n"
    )
    return (head.encode() + b"\r\n" + body)[:SIZE] + b"\r\n"


def submit(account: Any, *letters: bytes) -> None:
    """Queue messages, as EmailSubmission/set does for emails that are there: their octets are stored before."""
    from django.utils import timezone

    from jmap.blobs import service as blobs
    from jmap.store import writing
    from submission.models import EmailSubmission, Origin
    from submission.services import outbox
    from submission.services.outbox import NewMessage, NewRecipient

    stored = blobs.store_many(account.pk, letters)
    to = [NewRecipient("bob@b.example", "b.example")]
    with writing(account.pk) as writer:
        messages = []
        for blob in stored:
            modseq = writer.next("EmailSubmission")
            row = EmailSubmission.objects.create(
                account=account, created_modseq=modseq, modseq=modseq, identity_key=1, email_key=1, thread_key=1,
                envelope={}, send_at=timezone.now(),
            )  # fmt: skip
            sender = "ada@bench.example"
            messages.append(NewMessage(blob.pk, blob.size, Origin.SUBMISSION, sender, "bench.example", to, row.pk))
        outbox.enqueue(account.pk, messages)


def worker(stop: Any, bell: Any, profile: bool) -> None:
    """A worker process of one thread; the bell stands for the broker that wakes it."""
    import django

    django.setup()
    from jmap import work

    threading.Thread(target=lambda: (stop.wait(), work.stop()), daemon=True).start()

    def listen() -> None:
        while bell.acquire():
            work.ring("outbox")

    threading.Thread(target=listen, daemon=True).start()
    if not profile:
        work.serve(1.0)
        return
    profiler = cProfile.Profile()
    profiler.runcall(work.serve, 1.0)
    pstats.Stats(profiler, stream=sys.stdout).sort_stats("tottime").print_stats(25)


def depth() -> int:
    """Recipients that still have to be dealt with."""
    from submission.models import QueuedRecipient

    return QueuedRecipient.objects.filter(status__in=("waiting", "sending")).count()


def wait_for(taken: Synchronized[int], count: int) -> None:
    """Until the smarthost took so many."""
    deadline = time.monotonic() + 120
    while taken.value < count and time.monotonic() < deadline:
        time.sleep(0.002)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=100.0, help="submissions a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="print where a worker's time goes")
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    port, taken, last = context.Value("i", 0), context.Value("i", 0), context.Value("d", 0.0)
    stop, bell = context.Event(), context.Semaphore(0)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        prepare(folder)
        host = context.Process(target=smarthost, args=(port, taken, last), daemon=True)
        host.start()
        while not port.value:
            time.sleep(0.01)
        accounts = site(port.value)
        workers = [context.Process(target=worker, args=(stop, bell, given.profile)) for _ in range(given.workers)]
        for one in workers:
            one.start()
        latency(accounts[0], taken, bell)
        emptying(accounts, taken, last, bell, given.workers)
        throughput(accounts, taken, last, bell, given.rate, given.seconds)
        stop.set()
        for one in workers:
            one.join(30)
        host.terminate()


def latency(account: Any, taken: Any, bell: Any) -> None:
    """From the commit to the acceptance, one message at a time."""
    times = []
    for number in range(IDLE + 5):
        before = taken.value
        submit(account, letter(number))
        begin = time.perf_counter()
        bell.release()
        wait_for(taken, before + 1)
        times.append((time.perf_counter() - begin) * 1_000)
        time.sleep(0.1)
    warm = sorted(times[5:])
    print(
        f"idle: submitted to accepted {statistics.median(warm):.1f} ms median, {warm[int(len(warm) * 0.95)]:.1f} ms p95"
    )


def emptying(accounts: list[Any], taken: Any, last: Any, bell: Any, workers: int) -> None:
    """How fast a full queue is emptied."""
    before = taken.value
    for at, account in enumerate(accounts):
        submit(account, *(letter(10_000 * (at + 1) + number) for number in range(FULL // ACCOUNTS)))
    begin = time.time()
    for _ in range(workers):
        bell.release()
    wait_for(taken, before + FULL)
    took = last.value - begin
    print(f"full: {FULL} messages accepted in {took:.1f} s, {FULL / took:.0f}/s")


def throughput(accounts: list[Any], taken: Any, last: Any, bell: Any, rate: float, seconds: float) -> None:
    """Submit at a rate for a while; how deep the queue got, and how many a second were accepted."""
    letters = [letter(number) for number in range(1_000, 1_200)]
    before, begin, depths, sent = taken.value, time.time(), [], 0
    looked = begin
    while (now := time.time()) - begin < seconds:
        if sent < (now - begin) * rate:
            data = letters[sent % len(letters)]
            submit(accounts[sent % ACCOUNTS], data.replace(b"Subject: 1", b"Subject: %d" % sent, 1))
            bell.release()
            sent += 1
        else:
            time.sleep(0.001)
        if now - looked >= 1:
            looked = now
            depths.append(depth())
    submitted = time.time() - begin
    wait_for(taken, before + sent)
    accepted = (taken.value - before) / (last.value - begin)
    third = max(1, len(depths) // 3)
    print(f"submitted {sent} in {submitted:.1f} s ({sent / submitted:.0f}/s), accepted {accepted:.0f}/s")
    first, last_third = statistics.mean(depths[:third]), statistics.mean(depths[-third:])
    print(f"queue depth: {first:.0f} in the first third, {last_third:.0f} in the last, {max(depths)} at most")


if __name__ == "__main__":
    main()
