"""A killed import, a killed server, a database that hangs up: what was answered is there, once, and the books are
right.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.corpus.generator import generate
from tests.importing.dovecot import PASSWORD as IMAP_PASSWORD
from tests.importing.dovecot import dovecot
from tests.running import ROOT, environment, free_port, manage, own_database, serve

pytestmark = [pytest.mark.faults, pytest.mark.own("what was acknowledged survives whatever is killed")]

ADDRESS, PASSWORD = "ada@faults.example", "a long enough sentence"
USING = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
RECOUNT = """
from jmap.models import Account, Blob
from jmap.blobs import service
from mail.models import Email
from tests.store.invariants import check
account = Account.objects.get()
check(account.pk)
for blob in Blob.objects.filter(pk__in=Email.objects.values("blob_id")):
    assert len(service.read(blob)) == blob.size
print("emails", Email.objects.count(), "messages", Email.objects.values("blob_id").distinct().count())
"""
"""Run inside the site under test: every rule of the store, every octet, then the counts."""


@dataclass
class Site:
    """A site with one account, kept by its own commands."""

    variables: dict[str, str]
    url: str
    folder: Path

    def recount(self) -> tuple[int, int]:
        """How many emails there are and of how many different messages, after every rule of the store held."""
        done = manage("shell", "--verbosity", "0", "-c", RECOUNT, variables=self.variables)
        assert done.returncode == 0, done.stderr
        words = done.stdout.split()
        return int(words[1]), int(words[3])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with own_database(tmp_path, "faults") as url:
        variables = environment(
            tmp_path / "data", DATABASE_URL=url, SETUP_ADMIN_PASSWORD=PASSWORD, SETUP_MAILBOX_PASSWORD=PASSWORD
        )
        done = manage("setup", "--admin", "keeper", "--address", ADDRESS, variables=variables)
        assert done.returncode == 0, done.stderr
        yield Site(variables, url, tmp_path)


def run_import(site: Site, seconds: float | None, *source: str) -> int:
    """Import, killed after so many seconds if it is not done by then; the exit status."""
    command = [sys.executable, "manage.py", "import_mail", "--verbosity", "0", ADDRESS, *source]
    importing = subprocess.Popen(command, cwd=ROOT, env=site.variables, stdout=subprocess.DEVNULL)
    try:
        return importing.wait(seconds)
    except subprocess.TimeoutExpired:
        importing.send_signal(signal.SIGKILL)
        return importing.wait()


def kill_and_end(site: Site, *source: str) -> tuple[int, int]:
    """Import from a source, killed at random points until it is nearly done, then to its end; see ``recount``."""
    dice = random.Random(5)
    statuses = [run_import(site, dice.uniform(0.9, 2.2), *source) for _ in range(5)]
    site.recount()
    last = run_import(site, None, *source)

    assert -signal.SIGKILL in statuses, "nothing was killed: the import was over too soon"
    assert last == 0
    return site.recount()


def test_an_import_that_is_killed_again_and_again_ends_complete_and_without_doubles(site: Site) -> None:
    maildir, _ = generate(count=1500, seed=3).write(site.folder / "mail")
    expected = sum(1 for place in ("cur", "new") for folder in maildir.rglob(place) for _ in folder.iterdir())

    assert kill_and_end(site, str(maildir))[0] == expected


def test_an_import_by_imap_that_is_killed_again_and_again_ends_complete_and_without_doubles(site: Site) -> None:
    if not os.environ.get("TEST_DOVECOT"):
        pytest.skip("TEST_DOVECOT names no Dovecot: run under `scripts/services.py run dovecot -- ...`")
    made = generate(count=1500, seed=3)
    site.variables["IMPORT_PASSWORD"] = IMAP_PASSWORD
    with dovecot() as server:
        server.fill("ada", made)

        found = kill_and_end(
            site,
            "--imap",
            f"127.0.0.1:{server.tls_port}",
            "--ca-file",
            str(server.folder / "cert.pem"),
            "--user",
            "ada",
        )

    assert found[0] == len(made.maildir)


class Writer(threading.Thread):
    """A client that imports messages one after the other, and remembers which were acknowledged."""

    def __init__(self, root: str, name: str) -> None:
        super().__init__()
        self.root, self.prefix = root, name
        self.acknowledged: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(httpx.HTTPError, KeyError), httpx.Client(auth=(ADDRESS, PASSWORD)) as client:
            session = client.get(f"{self.root}/jmap/session").json()
            account = session["primaryAccounts"][USING[1]]
            inbox = call(client, session, "Mailbox/query", filter={"role": "inbox"})["ids"][0]
            for number in range(200):
                subject = f"{self.prefix}{number}"
                message = f"Subject: {subject}\r\nMessage-ID: <{subject}@faults.example>\r\n\r\nHello\r\n"
                upload = session["uploadUrl"].replace("{accountId}", account)
                blob = client.post(upload, content=message.encode()).json()["blobId"]
                emails = {"c": {"blobId": blob, "mailboxIds": {inbox: True}}}
                if call(client, session, "Email/import", emails=emails)["created"]:
                    self.acknowledged.append(subject)
                if number == 20:
                    self.enough.set()


def call(client: httpx.Client, session: dict[str, Any], method: str, **arguments: Any) -> dict[str, Any]:
    """The response arguments of one call. Raises HTTPError where the server is gone."""
    arguments["accountId"] = session["primaryAccounts"][USING[1]]
    answer = client.post(session["apiUrl"], json={"using": USING, "methodCalls": [[method, arguments, "0"]]})
    answer.raise_for_status()
    return answer.json()["methodResponses"][0][1]


def subjects(client: httpx.Client, root: str) -> list[str]:
    session = client.get(f"{root}/jmap/session").raise_for_status().json()
    ids = call(client, session, "Email/query")["ids"]
    return [email["subject"] for email in call(client, session, "Email/get", ids=ids, properties=["subject"])["list"]]


def test_a_killed_server_has_every_email_that_it_acknowledged_exactly_once(site: Site) -> None:
    port, log = free_port(), site.folder / "server.log"
    root = f"http://127.0.0.1:{port}"
    writers = [Writer(root, name) for name in "ab"]
    with serve(port, log, site.variables) as server:
        for writer in writers:
            writer.start()
        assert all(writer.enough.wait(60) for writer in writers), log.read_text()
        os.kill(server.pid, signal.SIGKILL)
        for writer in writers:
            writer.join(60)

    with serve(port, log, site.variables), httpx.Client(auth=(ADDRESS, PASSWORD)) as client:
        found = subjects(client, root)

    acknowledged = [subject for writer in writers for subject in writer.acknowledged]
    assert len(acknowledged) >= 40
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found))
    assert len(found) <= len(acknowledged) + len(writers), "more is there than was acknowledged or under way"
    site.recount()


def test_a_database_that_hangs_up_costs_a_refused_request_and_no_more(site: Site) -> None:
    if not site.url.startswith("postgres"):
        pytest.skip("SQLite has no connection that could be cut")
    port, log = free_port(), site.folder / "server.log"
    root = f"http://127.0.0.1:{port}"
    with serve(port, log, site.variables), httpx.Client(auth=(ADDRESS, PASSWORD)) as client:
        assert subjects(client, root) == []
        with psycopg.connect(site.url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        statuses = [client.get(f"{root}/jmap/session").status_code for _ in range(10)]

    assert set(statuses) <= {200, 503}
    assert statuses[-1] == 200
