"""The suite against this project's server: a live process, over HTTP, on the database of the run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from jmap_conformance import adapters, case, cleanup, runner
from jmap_conformance.adapters.configured import load
from jmap_conformance.client import Client
from jmap_conformance.outcome import BAD, NOT_RUN, Result
from jmap_conformance.toolkit import World

from tests.push.service import certificate_for_localhost
from tests.running import ROOT, environment, free_port, own_database, process, serve

pytestmark = [pytest.mark.conformance, pytest.mark.own("this server passes every case of the conformance suite")]


@dataclass
class Run:
    """What came of a whole run."""

    results: list[Result]
    troubles: list[str]
    before: cleanup.Snapshot
    after: cleanup.Snapshot


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server with LMTP, a smarthost and a push service of ours, and two people on it."""
    folder = tmp_path_factory.mktemp("server")
    port, lmtp, smarthost = free_port(), free_port(), free_port()
    certificate, key = certificate_for_localhost(folder)
    with own_database(folder, "conformance") as database, pytest.MonkeyPatch.context() as patch:
        variables = environment(
            folder,
            DATABASE_URL=database,
            DJANGO_SETTINGS_MODULE="tests.conformance.tests.own_settings",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=str(smarthost),
            EMAIL_USE_TLS="false",
            SSL_CERT_FILE=str(certificate),
        )
        command = [sys.executable, "manage.py", "lmtpd", "--listen", f"127.0.0.1:{lmtp}"]
        with serve(port, folder / "server.log", variables), process(command, lmtp, folder / "lmtp.log", variables):
            ports = {"LMTP_PORT": str(lmtp), "SMTP_PORT": str(smarthost), "PUSH_URL": "https://localhost:{port}"}
            files = {"PUSH_CERTIFICATE": str(certificate), "PUSH_KEY": str(key)}
            manage = (
                f"env {' '.join(f'{name}={value}' for name, value in variables.items())} {sys.executable} manage.py"
            )
            for name, value in {**ports, **files, "MANAGE": manage}.items():
                patch.setenv(f"JMAP_ADAPTER_{name}", value)
            patch.chdir(ROOT)
            adapter = load("django-jmap-server")
            try:
                yield two_people(adapter, f"http://127.0.0.1:{port}/.well-known/jmap")
            finally:
                adapter.close()


def two_people(adapter: adapters.Adapter, session_url: str) -> World:
    """A world in which the second person has shared an account with the first."""
    first, second = adapter.make_account("first"), adapter.make_account("second")
    adapter.share(second, first)
    return World(Client(session_url, first), Client(session_url, second), adapter)


@pytest.fixture(scope="module")
def run(world: World) -> Run:
    """One run of every case, with cleanup."""
    before = cleanup.take(world.client)
    results = runner.run(case.all_cases(), world, 4, lambda _result: None)
    troubles = cleanup.restore(world.client, before)
    return Run(results, troubles, before, cleanup.take(world.client))


def test_no_case_fails(run: Run) -> None:
    failures = [f"{each.id}: {each.message}\n{each.curl}" for each in run.results if each.status in BAD]

    assert failures == [], "\n\n".join(failures)


def test_the_adapter_leaves_only_tls_unseen(run: Run) -> None:
    not_run = {each.id: each.message for each in run.results if each.status == NOT_RUN}

    assert set(not_run.values()) <= {"needs tls"}, not_run


def test_cleanup_leaves_the_account_as_it_was(run: Run) -> None:
    assert run.troubles == []
    assert run.after == run.before


def test_the_command_line_says_what_it_found(world: World, tmp_path: Path) -> None:
    report, junit, page = (tmp_path / name for name in ("run.json", "junit.xml", "page.html"))
    principal = world.client.principal
    assert principal is not None
    done = subprocess.run(
        [
            *(sys.executable, "-m", "jmap_conformance", world.client.session_url, "--cleanup"),
            *("--user", principal.name, "--only", "core/get/*", "--level", "must"),
            *("--json", report, "--junit", junit, "--html", page),
        ],
        env={**os.environ, "JMAP_PASSWORD": principal.password, "PYTHONPATH": str(ROOT / "tests/conformance")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "MUST" in done.stdout
    assert all(path.stat().st_size > 1000 for path in (report, junit, page))
