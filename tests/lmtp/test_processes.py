"""``manage.py lmtpd`` and what ``serve`` starts: processes that come, are replaced, and go together."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import smtplib
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.running import accepts, environment, free_port, manage, own_database, process, serve
from tests.store.mailroom import message

ADDRESS, PASSWORD = "ada@lmtp.example", "a long enough sentence"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a site with one account."""
    with own_database(tmp_path, "lmtp") as url:
        secrets = {"SETUP_ADMIN_PASSWORD": PASSWORD, "SETUP_MAILBOX_PASSWORD": PASSWORD}
        variables = environment(tmp_path / "data", DATABASE_URL=url, **secrets)
        done = manage("setup", "--admin", "keeper", "--address", ADDRESS, variables=variables)
        assert done.returncode == 0, done.stderr
        yield variables


@contextlib.contextmanager
def lmtpd(site: dict[str, str], log: Path, *options: str) -> Iterator[int]:
    """The command for the time of a block; gives its process."""
    command = [sys.executable, "manage.py", "lmtpd", *options]
    with process(command, int(site["LMTP_PORT"]), log, site) as watching:
        yield watching.pid


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def deliver(port: int, name: str) -> None:
    with smtplib.LMTP("127.0.0.1", port) as client:
        client.sendmail("grace@elsewhere.test", [ADDRESS], message(name))


@pytest.mark.own("a process that dies is replaced, and nobody is turned away meanwhile")
def test_a_process_that_is_killed_is_replaced(site: dict[str, str], tmp_path: Path) -> None:
    port = int(site["LMTP_PORT"])
    with lmtpd(site, tmp_path / "log", "--processes", "2") as watching:
        until(lambda: len(children(watching)) == 2)
        deliver(port, "one")
        victims = children(watching)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        deliver(port, "two")
        until(lambda: len(children(watching)) == 2 and not set(children(watching)) & set(victims))
        serving = children(watching)

    assert all(map(is_gone, serving))
    assert not accepts(port)


@pytest.mark.own("none serves without the one that watches")
def test_whoever_serves_ends_when_the_one_that_watches_is_killed(site: dict[str, str], tmp_path: Path) -> None:
    with lmtpd(site, tmp_path / "log") as watching:
        until(lambda: len(children(watching)) == 1)
        (serving,) = children(watching)
        os.kill(watching, signal.SIGKILL)

        until(lambda: is_gone(serving))
    assert not accepts(int(site["LMTP_PORT"]))


@pytest.mark.rfc(5321, "3.8")
def test_a_signal_lets_a_message_that_arrives_be_finished(site: dict[str, str], tmp_path: Path) -> None:
    with (
        lmtpd(site, tmp_path / "log") as watching,
        smtplib.LMTP("127.0.0.1", int(site["LMTP_PORT"])) as idle,
        smtplib.LMTP("127.0.0.1", int(site["LMTP_PORT"])) as busy,
    ):
        idle.ehlo()
        busy.ehlo()
        busy.mail("grace@elsewhere.test")
        busy.rcpt(ADDRESS)
        busy.docmd("DATA")
        busy.send(b"Subject: half\r\n\r\n")
        os.kill(watching, signal.SIGTERM)
        farewell = idle.getreply()
        busy.send(b"the other half\r\n.\r\n")

        assert farewell[0] == 421
        assert busy.getreply()[0] == 250
        assert busy.getreply()[0] == 421
        until(lambda: is_gone(watching))


@pytest.mark.own("a Unix socket serves as well as a port")
def test_a_unix_socket_is_made_anew_and_taken_from_nobody(site: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    lookups = free_port()
    command = [sys.executable, "manage.py", "lmtpd", "--listen", str(path), "--socketmap", f"127.0.0.1:{lookups}"]
    with process(command, lookups, tmp_path / "log", site):
        with smtplib.LMTP(str(path)) as client:
            refused = client.sendmail("grace@elsewhere.test", [ADDRESS], message("one"))
        second = manage("lmtpd", "--listen", str(path), variables=site)

    assert refused == {}
    assert second.returncode != 0
    assert second.stderr.startswith("CommandError: cannot listen on")
    assert second.stderr.count("\n") == 1


# ------------------------------------------------------------------------------------------------------ beside `serve`


def subjects(root: str, login: dict[str, str]) -> list[str]:
    """What a client sees in an account."""
    with httpx.Client(auth=(login["username"], login["password"])) as client:
        session = client.get(f"{root}/jmap/session").raise_for_status().json()
        account = next(iter(session["accounts"]))
        get = {
            "accountId": account,
            "properties": ["subject"],
            "#ids": {"resultOf": "q", "name": "Email/query", "path": "/ids"},
        }
        calls = [["Email/query", {"accountId": account}, "q"], ["Email/get", get, "g"]]
        request = {"using": ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"], "methodCalls": calls}
        answer = client.post(session["apiUrl"], json=request).raise_for_status().json()
        return [email["subject"] for email in answer["methodResponses"][1][1]["list"]]


@pytest.mark.own("the embedded server takes mail in, in one process tree")
@pytest.mark.parametrize(
    ("server", "workers", "how"), [("daphne", "1", signal.SIGKILL), ("uvicorn", "2", signal.SIGTERM)]
)
def test_the_embedded_server_takes_mail_in_and_ends_with_all_it_has_started(
    tmp_path: Path, server: str, workers: str, how: int
) -> None:
    data, port = tmp_path / "data", free_port()
    variables = environment(data, SERVER=server, WORKERS=workers)
    with serve(port, tmp_path / "log", variables) as running:
        demo = json.loads((data / "demo.json").read_text())
        host, _colon, lmtp = demo["lmtp"].partition(":")
        alice = demo["accounts"][0]
        with smtplib.LMTP(host, int(lmtp)) as client:
            client.sendmail("grace@elsewhere.test", [alice["address"]], "Subject: Hello\r\n\r\nAlice\r\n")
        seen = subjects(f"http://127.0.0.1:{port}", alice)
        started = children(running.pid)
        running.send_signal(how)
        running.wait()
        until(lambda: all(map(is_gone, started)))

    assert (host, lmtp) == ("127.0.0.1", variables["LMTP_PORT"])
    assert seen == ["Hello"]
    assert not accepts(int(lmtp))


@pytest.mark.own("LMTP=off leaves mail in to others")
def test_a_server_that_leaves_mail_in_to_others_opens_no_port(tmp_path: Path) -> None:
    variables = environment(tmp_path / "data", LMTP="off")

    with serve(free_port(), tmp_path / "log", variables):
        assert not accepts(int(variables["LMTP_PORT"]))
        assert json.loads((tmp_path / "data" / "demo.json").read_text())["lmtp"] is None


@pytest.mark.own("a port that is taken is one clear line")
def test_a_port_that_is_taken_stops_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = manage("serve", variables=environment(tmp_path / "data", PORT=str(free_port()), LMTP_PORT=port))

    taken_line = f"CommandError: LMTP: cannot listen on 127.0.0.1:{port}: Address already in use."
    assert done.returncode != 0
    assert done.stderr == f"{taken_line} Set LMTP_PORT, or LMTP=off.\n"
