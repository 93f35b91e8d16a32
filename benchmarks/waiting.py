#!/usr/bin/env python3
"""How long a delivery waits while an account is filled or emptied, on the database of DATABASE_URL.

    DATA_DIR=/tmp/waiting python benchmarks/waiting.py 100000            SQLite in a new folder
    DATABASE_URL=postgresql://… python benchmarks/waiting.py 20000       an empty database

Imports so many made-up messages into one account, then destroys the mailbox that holds them, both while another thread
delivers a message to another account every 20 ms (on SQLite everybody shares one write lock). Prints for each phase the
messages a second and what a delivery took: median, 99th percentile and longest, in milliseconds.
"""

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jmapsite.settings")

import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from jmap.blobs.spool import Spool  # noqa: E402
from jmap.models import Account  # noqa: E402
from jmap.store import writing, writing_slice  # noqa: E402
from mail.importers.entry import Entry, Folder, key_of  # noqa: E402
from mail.models import Mailbox  # noqa: E402
from mail.services import accounts, importing, mailboxes  # noqa: E402
from mail.services.delivery import Envelope, deliver  # noqa: E402

DOMAIN = "waiting.test"
WORDS = [f"{first}{second}{third}" for first in "bdgklm" for second in "aeiou" for third in ("n", "rt", "sh", "lk")]


def message(number: int) -> bytes:
    """A message of about 2 KB; every third one begins a conversation, the others answer."""
    body = " ".join(WORDS[(number * step) % len(WORDS)] for step in range(1, 300))
    topic = number // 3
    links = f"In-Reply-To: <{topic * 3}@elsewhere.test>\r\n" if number % 3 else ""
    return (
        f"From: Person {number % 97} <p{number % 97}@elsewhere.test>\r\nTo: ada@{DOMAIN}\r\n{links}"
        f"Subject: Topic {topic}\r\nMessage-ID: <{number}@elsewhere.test>\r\n\r\n{body} unique{number}\r\n"
    ).encode()


def entries(count: int) -> Iterator[Entry]:
    """So many messages in one folder, a minute apart."""
    folder = Folder(("Old mail",))
    start = datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(count):
        moment = start + timedelta(minutes=number)
        yield Entry(
            key_of(str(number)),
            (folder,),
            frozenset({"$seen"} if number % 4 else ()),
            lambda number=number: message(number),
            lambda data, moment=moment: moment,
        )


class Deliveries(threading.Thread):
    """Delivers to another account until it is told to stop."""

    def __init__(self, recipient: str) -> None:
        super().__init__(daemon=True)
        self.recipient, self.enough, self.taken = recipient, threading.Event(), []

    def run(self) -> None:
        """See ``threading.Thread``."""
        number = int(time.time() * 1000)
        while not self.enough.wait(0.02):
            number += 1
            start = time.perf_counter()
            with Spool() as spool:
                spool.write(f"Subject: {number}\r\nMessage-ID: <{number}@now.test>\r\n\r\nHello\r\n".encode())
                (outcome,) = deliver(spool, Envelope("a@elsewhere.test", [self.recipient], protocol="LMTP"))
            assert outcome.is_success, outcome
            self.taken.append((time.perf_counter() - start) * 1000)
        connection.close()


def measured(name: str, count: int, recipient: str, work: Callable[[], object]) -> None:
    """Do the work while mail is delivered, and print what that cost."""
    deliveries = Deliveries(recipient)
    deliveries.start()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    deliveries.enough.set()
    deliveries.join()
    taken = sorted(deliveries.taken)
    print(
        f"{connection.vendor}, {name}: {count / seconds:.0f} messages/s; {len(taken)} deliveries meanwhile: median"
        f" {statistics.median(taken):.0f}, p99 {taken[int(len(taken) * 0.99)]:.0f}, longest {taken[-1]:.0f} ms"
    )


def destroy(account: Account, name: str) -> None:
    """Destroy a mailbox and the emails in it, as Mailbox/set does with onDestroyRemoveEmails."""
    key = Mailbox.objects.get(account=account, name=name).pk
    left = mailboxes.SLICE
    while left == mailboxes.SLICE:
        with writing_slice(account.pk) as writer:
            left = mailboxes.empty_slice(writer, key)
    with writing(account.pk) as writer:
        present = mailboxes.load(account.pk, account.user_id, owned=True)
        outcome = mailboxes.apply(writer, account.user_id, present, {}, {}, [key], remove_emails=True)
    assert outcome.destroyed == [key]


def main() -> None:
    """Run with the number of messages that the argument says."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    call_command("migrate", verbosity=0)
    accounts.create_domain(DOMAIN)
    users = get_user_model().objects
    ada, bob = (
        accounts.create_account(user=users.create_user(name), address=f"{name}@{DOMAIN}") for name in ("ada", "bob")
    )
    nobody = threading.Event()
    measured("nothing else", 1, bob.name, lambda: nobody.wait(5))
    measured("import", count, bob.name, lambda: importing.take_in(ada, b"w" * 32, entries(count)))
    measured("destroy a mailbox", count, bob.name, lambda: destroy(ada, "Old mail"))


if __name__ == "__main__":
    main()
