"""A thousand submissions, and all that can die meanwhile: nothing is lost, and what comes twice is accounted for.

A message is sent twice only where connection, worker or database died between the end of its data and the record of
the reply. The server of these tests knows which messages those were.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.relay.scripted import DROP, Message
from tests.relay.site import Site, end, open_site, subject_of
from tests.running import manage

pytestmark = [pytest.mark.faults, pytest.mark.rfc(5321, "6.1")]

MANY, FEW = 1_000, 300
"""Submissions: where workers are killed at each step, and in the other tests."""


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    count: int = getattr(request, "param", FEW)
    with open_site(tmp_path, count, DJANGO_SETTINGS_MODULE="tests.relay.site_settings") as site:
        yield site


STEPS = ("CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT", "after DOT")


def arm(site: Site, step: str, kill: threading.Event, after: int) -> None:
    """Let the server set ``kill`` at a step of the message that comes after so many others."""
    seen = 0

    def answer(said: str) -> str:
        nonlocal seen
        seen += 1
        if seen == after + 1:
            if step in ("DOT", "after DOT"):
                site.at_risk.add(subject_of(said.encode("latin-1")))
            kill.set()
            if step != "after DOT":
                # The answer never reaches the worker, which is dead by then.
                time.sleep(0.2)
        return DEFAULTS[name]

    name = "DOT" if step == "after DOT" else step
    site.server.script.answers = {name: answer}


DEFAULTS = {
    "CONNECT": "220 hello", "EHLO": "250-x\r\n250 PIPELINING", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go",
    "DOT": "250 taken",
}  # fmt: skip


@pytest.mark.parametrize("site", [MANY], indirect=True)
def test_a_worker_killed_at_each_step_loses_nothing_and_doubles_only_what_had_been_sent(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    for number, step in enumerate(STEPS):
        kill = threading.Event()
        arm(site, step, kill, after=0 if step in ("CONNECT", "EHLO") else 25 + number)
        worker = site.worker()
        assert kill.wait(30), f"{step} was not reached: {site.log.read_text()[-2_000:]}"
        worker.kill()
        assert worker.wait() == -signal.SIGKILL
    site.server.script.answers = {}

    site.finish()

    assert len(site.received) == site.count
    assert site.doubles() <= site.at_risk
    assert site.tally() == (str({"relayed": site.count}), site.count)
    record_property("came twice", len(site.doubles()))


def test_sessions_cut_at_each_step_double_only_what_had_been_sent(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    seen: Counter[str] = Counter()

    def cut(step: str) -> Callable[[str], str]:
        def answer(said: str) -> str:
            seen[step] += 1
            if seen[step] % 37 != 5:
                return DEFAULTS[step]
            if step == "DOT":
                # It is taken, and nobody hears of it.
                data = said.encode("latin-1")
                site.at_risk.add(subject_of(data))
                site.server.messages.append(Message("", [], data))
            return DROP

        return answer

    site.server.script.answers = {step: cut(step) for step in ("MAIL", "RCPT", "DATA", "DOT")}
    worker = site.worker()
    site.wait_for(site.count // 2)
    end(worker)
    site.server.script.answers = {}
    manage("shell", "--verbosity", "0", "-c", DUE, variables=site.variables)

    site.finish()

    assert len(site.received) == site.count
    assert len(site.at_risk) >= 4
    assert site.doubles() == site.at_risk
    assert site.tally() == (str({"relayed": site.count}), site.count)
    record_property("came twice", len(site.doubles()))


DUE = """
from django.utils import timezone
from submission.models import QueuedRecipient, RouteState
QueuedRecipient.objects.filter(status="waiting").update(next_attempt_at=timezone.now())
RouteState.objects.update(retry_at=None)
"""


def test_clocks_that_disagree_by_a_day_neither_lose_nor_double(site: Site) -> None:
    workers = [site.worker(SHIFT_CLOCK=shift) for shift in ("0", "86400", "-86400")]

    site.wait_for(site.count)
    for worker in workers:
        end(worker)
    site.finish()

    assert site.doubles() == set()
    assert site.tally() == (str({"relayed": site.count}), site.count)


@pytest.mark.skipif(os.environ.get("TEST_DATABASE") != "postgres", reason="SQLite has no connection to be cut")
def test_a_database_that_hangs_up_doubles_only_what_was_in_flight(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    worker = site.worker()
    cuts = 0
    with psycopg.connect(site.url, autocommit=True) as other:
        for done in range(50, site.count, 50):
            site.wait_for(done)
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            cuts += 1
    site.wait_for(site.count)
    end(worker)

    site.finish()

    assert site.tally() == (str({"relayed": site.count}), site.count)
    assert len(site.doubles()) <= cuts
    record_property("came twice", len(site.doubles()))
