"""Who works through the queue: threads of the server, ``manage.py run_queue``, Celery; and that waking harms nobody."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.core.management import call_command

from jmap import work
from submission.models import Status
from tests.relay.conftest import Sending
from tests.relay.site import open_site
from tests.running import ROOT, free_port, own_broker


@pytest.mark.own("waking never raises and never blocks, whatever the broker does")
def test_a_broker_that_is_gone_costs_a_sender_nothing(
    sending: Sending, settings, django_capture_on_commit_callbacks
) -> None:
    from celery import current_app

    settings.JMAP = {**settings.JMAP, "WORK": {"WAKER": "jmap.tasks.send"}}
    current_app.conf.broker_url = f"redis://127.0.0.1:{free_port()}/0"

    begin = time.monotonic()
    with django_capture_on_commit_callbacks(execute=True):
        message = sending.submit()
    took = time.monotonic() - begin
    sending.work()

    assert took < 0.5
    assert sending.row(message).status == Status.RELAYED


@pytest.mark.own("waking never raises")
def test_a_waker_that_breaks_is_logged(settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.JMAP = {**settings.JMAP, "WORK": {"WAKER": "no.such.thing"}}

    work.tell("outbox")

    assert "could be told" in caplog.text


@pytest.mark.own("run_queue --once sends what is due and ends")
def test_a_site_without_workers_sends_by_cron(sending: Sending) -> None:
    message = sending.submit()

    call_command("run_queue", "--once")

    assert sending.row(message).status == Status.RELAYED


@pytest.mark.own("a thread works when it is rung for, and ends when it is told to")
def test_a_thread_serves_the_queues_that_are_rung_for(monkeypatch: pytest.MonkeyPatch) -> None:
    done = threading.Event()
    monkeypatch.setattr(work, "_queues", {"test": done.set})
    monkeypatch.setattr(work, "stopping", threading.Event())
    thread = threading.Thread(target=work.serve, args=(600.0,))
    thread.start()
    assert done.wait(10)
    done.clear()

    work.ring("unknown")
    work.ring("test")

    assert done.wait(10)
    work.stop()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.faults
@pytest.mark.own("a Celery worker is woken through the broker and sends")
def test_a_celery_worker_sends_what_it_is_woken_for(tmp_path: Path) -> None:
    broker = own_broker(2)
    if not broker:
        pytest.skip("TEST_REDIS_URL names no Redis: run under `scripts/services.py run redis -- ...`")
    command = [str(Path(sys.executable).parent / "celery"), "-A", "jmapsite", "worker", "-P", "solo"]
    with open_site(tmp_path, 20, is_full=False, BROKER_URL=broker) as site, open(site.log, "wb") as log:
        worker = subprocess.Popen(command, cwd=ROOT, env=site.variables, stdout=log, stderr=log)
        try:
            # The thread that speaks to the broker has to come to it before the process ends.
            site.submit(then="\nimport time; time.sleep(2)")
            site.wait_for(20)
        finally:
            worker.terminate()
            worker.wait(30)

        assert site.tally() == (str({"relayed": 20}), 20)
