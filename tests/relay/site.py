"""A site in processes of its own with a full queue, and a smarthost that knows what it got."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.relay.scripted import ScriptedServer
from tests.running import ROOT, environment, manage, own_database

ADDRESS, PASSWORD = "ada@a.example", "a long enough sentence"
SUBMIT = """
from django.utils import timezone
from jmap.models import Account
from jmap.blobs import service as blobs
from jmap.store import writing
from submission.models import EmailSubmission, Origin
from submission.services import outbox, smarthosts
from submission.services.outbox import NewMessage, NewRecipient
account = Account.objects.get()
smarthosts.save({"host": "127.0.0.1", "port": %(port)d, "security": "none"}, password=None)
data = [b"From: ada@a.example\\r\\nSubject: %%d\\r\\n\\r\\nHello\\r\\n" %% n for n in range(%(count)d)]
stored = blobs.store_many(account.pk, data)
with writing(account.pk) as writer:
    rows = []
    for n in range(%(count)d):
        modseq = writer.next("EmailSubmission")
        rows.append(EmailSubmission(account=account, created_modseq=modseq, modseq=modseq, identity_key=1, email_key=1,
            thread_key=1, envelope={}, send_at=timezone.now()))
    EmailSubmission.objects.bulk_create(rows)
    outbox.enqueue(account.pk, [NewMessage(blob.pk, blob.size, Origin.SUBMISSION, "ada@a.example", "a.example",
        [NewRecipient("bob@b.example", "b.example")], row.pk) for blob, row in zip(stored, rows)])
"""
TALLY = """
from collections import Counter
from submission.models import EmailSubmission, QueuedRecipient
print(dict(Counter(QueuedRecipient.objects.values_list("status", flat=True))))
print(EmailSubmission.objects.filter(undo_status="final").count())
"""


@dataclass
class Site:
    """A site with submissions in its queue, and the smarthost that knows what it got."""

    variables: dict[str, str]
    url: str
    server: ScriptedServer
    log: Path
    count: int
    at_risk: set[str] = field(default_factory=set)
    """Subjects of messages whose data had come to its end when something died."""

    def worker(self, **variables: str) -> subprocess.Popen[bytes]:
        """A process that works through the queue."""
        command = [sys.executable, "manage.py", "run_queue", "--workers", "1", "--interval", "0.5"]
        with open(self.log, "ab") as output:
            return subprocess.Popen(command, cwd=ROOT, env={**self.variables, **variables}, stderr=output)

    def submit(self, then: str = "") -> None:
        """Put the submissions into the queue; ``then``: what the same process does afterwards."""
        code = SUBMIT % {"port": self.server.port, "count": self.count} + then
        done = manage("shell", "--verbosity", "0", "-c", code, variables=self.variables)
        assert done.returncode == 0, done.stderr

    @property
    def received(self) -> Counter[str]:
        """How often each message was taken, by its subject."""
        return Counter(subject_of(message.data) for message in list(self.server.messages))

    def wait_for(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so many different messages were taken."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count:
            assert time.monotonic() < deadline, f"{len(self.received)} of {count}: {self.log.read_text()[-2_000:]}"
            time.sleep(0.05)

    def tally(self) -> tuple[str, int]:
        """The states of all recipients, and how many submissions are final."""
        done = manage("shell", "--verbosity", "0", "-c", TALLY, variables=self.variables)
        assert done.returncode == 0, done.stderr
        states, final = done.stdout.splitlines()
        return states, int(final)

    def finish(self) -> None:
        """Let one worker do what is left, and end."""
        if self.tally()[1] == self.count:
            return
        worker = self.worker()
        self.wait_for(self.count)
        deadline = time.monotonic() + 30
        while self.tally()[1] < self.count and time.monotonic() < deadline:
            time.sleep(0.2)
        end(worker)

    def doubles(self) -> set[str]:
        """The subjects that came more than once."""
        return {subject for subject, times in self.received.items() if times > 1}


def subject_of(data: bytes) -> str:
    found = re.search(rb"^Subject: (\d+)", data, re.MULTILINE)
    assert found is not None
    return found[1].decode()


def end(worker: subprocess.Popen[bytes]) -> None:
    """End a worker as a supervisor does; it finishes what it has begun."""
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(30) == 0


@contextlib.contextmanager
def open_site(folder: Path, count: int, *, is_full: bool = True, **variables: str) -> Iterator[Site]:
    """A site for the time of a block; ``count`` submissions wait from the beginning, unless it is not full."""
    with own_database(folder, "relay") as url, ScriptedServer() as server:
        given = environment(
            folder / "data", DATABASE_URL=url, SETUP_ADMIN_PASSWORD=PASSWORD, SETUP_MAILBOX_PASSWORD=PASSWORD,
            **variables,
        )  # fmt: skip
        made = manage("setup", "--admin", "keeper", "--address", ADDRESS, variables=given)
        assert made.returncode == 0, made.stderr
        site = Site(given, url, server, folder / "worker.log", count)
        if is_full:
            site.submit()
        yield site
