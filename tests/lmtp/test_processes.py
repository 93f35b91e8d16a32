"""``manage.py lmtpd`` and what ``serve`` starts: processes that come, are replaced, and go together."""

from __future__ import annotations

import json
import os
import signal
import smtplib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.lmtp.client import SENDER
from tests.lmtp.site import Site, children, open_site, serving, until
from tests.running import accepts, environment, free_port, manage, process, serve
from tests.store.mailroom import message


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with open_site(tmp_path, "lmtp") as site:
        yield site


def is_gone(pid: int) -> bool:
    """Whether a process has ended, reaped or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.own("a process that dies is replaced, and nobody is turned away meanwhile")
def test_a_process_that_is_killed_is_replaced(site: Site, tmp_path: Path) -> None:
    with site.lmtpd("--processes", "2") as watching:
        until(lambda: len(children(watching)) == 2)
        site.send("one")
        victims = children(watching)
        for victim in victims:
            os.kill(victim, signal.SIGKILL)
        site.send("two")
        until(lambda: len(children(watching)) == 2 and not set(children(watching)) & set(victims))
        last = children(watching)

    assert all(map(is_gone, last))
    assert not accepts(site.port)


@pytest.mark.own("none serves without the one that watches")
def test_whoever_serves_ends_when_the_one_that_watches_is_killed(site: Site, tmp_path: Path) -> None:
    with site.lmtpd() as watching:
        child = serving(watching)
        os.kill(watching, signal.SIGKILL)

        until(lambda: is_gone(child))
    assert not accepts(site.port)


@pytest.mark.rfc(5321, "3.8")
def test_a_signal_lets_a_message_that_arrives_be_finished(site: Site, tmp_path: Path) -> None:
    with (
        site.lmtpd() as watching,
        smtplib.LMTP("127.0.0.1", site.port) as idle,
        smtplib.LMTP("127.0.0.1", site.port) as busy,
    ):
        idle.ehlo()
        busy.ehlo()
        busy.mail(SENDER)
        busy.rcpt(site.addresses[0])
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
def test_a_unix_socket_is_made_anew_and_taken_from_nobody(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    lookups = free_port()
    command = [sys.executable, "manage.py", "lmtpd", "--listen", str(path), "--socketmap", f"127.0.0.1:{lookups}"]
    with process(command, lookups, site.log, site.variables):
        with smtplib.LMTP(str(path)) as client:
            refused = client.sendmail(SENDER, site.addresses, message("one"))
        second = manage("lmtpd", "--listen", str(path), variables=site.variables)

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
            client.sendmail(SENDER, [alice["address"]], "Subject: Hello\r\n\r\nAlice\r\n")
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
