"""A site with accounts of its own whose mail comes in through ``manage.py lmtpd``, as an operator runs it."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lmtp.client import Client
from tests.running import environment, manage, own_database, process

PASSWORD = "a long enough sentence"
RECOUNT = """
from jmap.blobs import service
from jmap.models import Account
from mail.models import Email
from mail.search import backend
from tests.store.invariants import check
for account in Account.objects.all():
    check(account.pk)
for email in Email.objects.select_related("blob"):
    octets = service.read(email.blob)
    assert len(octets) == email.blob.size
    name = octets.partition(b"Subject: ")[2].partition(b"\\r")[0].decode()
    assert email.pk in backend.matching_ids(email.account_id, "subject", name), name
    print(email.account.addresses.get().local_part, name)
"""
"""Run inside the site under test: every rule of the store, every octet, every search entry; then what there is."""


@dataclass
class Site:
    """A site with one account for each address."""

    variables: dict[str, str]
    folder: Path
    addresses: list[str]

    @property
    def port(self) -> int:
        return int(self.variables["LMTP_PORT"])

    @property
    def log(self) -> Path:
        return self.folder / "lmtpd.log"

    @contextlib.contextmanager
    def lmtpd(self, *options: str, before: Sequence[str] = ()) -> Iterator[int]:
        """The command for the time of a block; gives the process that watches. ``before``: what it is started by."""
        command = [*before, sys.executable, "manage.py", "lmtpd", *options]
        with process(command, self.port, self.log, self.variables) as watching:
            yield watching.pid

    def connect(self) -> Client:
        """A client that has said hello."""
        client = Client(("127.0.0.1", self.port), 60)
        client.greet()
        return client

    def send(self, subject: str, *, body: bytes = b"Hello\r\n") -> list[str]:
        """Deliver to every account; gives the answers."""
        with self.connect() as client:
            return list(client.deliver(message(subject, body), self.addresses).values())

    def recount(self) -> list[tuple[str, str]]:
        """(local part, subject) of all emails, sorted, after everything about them was found right."""
        done = manage("shell", "--verbosity", "0", "-c", RECOUNT, variables=self.variables)
        assert done.returncode == 0, done.stderr
        return sorted(
            (name, subject) for name, _space, subject in (line.partition(" ") for line in done.stdout.splitlines())
        )


@contextlib.contextmanager
def open_site(folder: Path, name: str, accounts: int = 1) -> Iterator[Site]:
    """A site for the time of a block."""
    secrets = {"SETUP_ADMIN_PASSWORD": PASSWORD, "SETUP_MAILBOX_PASSWORD": PASSWORD}
    addresses = [f"person{number}@lmtp.example" for number in range(accounts)]
    with own_database(folder, name) as url:
        variables = environment(folder / "data", DATABASE_URL=url, **secrets)
        for address in addresses:
            done = manage("setup", "--admin", "keeper", "--address", address, variables=variables)
            assert done.returncode == 0, done.stderr
        yield Site(variables, folder, addresses)


def message(subject: str, body: bytes = b"Hello\r\n") -> bytes:
    """A message that is known by its subject."""
    return f"Message-ID: <{subject}@x.test>\r\nSubject: {subject}\r\n\r\n".encode() + body


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def serving(watching: int) -> int:
    """The one process that serves, as soon as it does."""
    until(lambda: len(children(watching)) == 1)
    return children(watching)[0]
