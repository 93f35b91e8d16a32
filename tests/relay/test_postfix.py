"""End to end with a real server: Postfix takes mail over TLS with a password, and what it bounces is understood."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from jmap.blobs.spool import Spool
from mail.models import Domain
from mail.services import delivery
from mail.services.delivery import Envelope
from submission.dkim import keys
from submission.models import Smarthost, Status, SubmissionReport
from submission.services import dkim_keys, reports, smarthosts
from tests.relay.conftest import MESSAGE, Sending
from tests.relay.postfix import PASSWORD, USER, SmarthostPostfix, smarthost
from tests.relay.scripted import Message, Script, ScriptedServer


@pytest.fixture(scope="module")
def onward() -> Iterator[ScriptedServer]:
    """Where Postfix hands on what it accepted; nobody@… is unknown there."""

    def judge(command: str) -> str:
        return "550 5.1.1 no such user" if "nobody@" in command else "250 2.1.5 ok"

    with ScriptedServer(Script(answers={"RCPT": judge})) as server:
        yield server


@pytest.fixture(scope="module")
def postfix(onward: ScriptedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmarthostPostfix]:
    with smarthost(tmp_path_factory.mktemp("smarthost"), onward.port) as running:
        yield running


@pytest.fixture
def by_postfix(sending: Sending, postfix: SmarthostPostfix, onward: ScriptedServer, settings: Any) -> Sending:
    """ada@a.example, whose mail leaves by Postfix."""
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"SMTP_TIMEOUT": 10}}
    values = {
        "host": "127.0.0.1", "port": postfix.port, "security": "starttls", "authorities": postfix.authorities,
        "username": USER, "signs_return_path": True,
    }  # fmt: skip
    smarthosts.save(values, password=PASSWORD, smarthost=Smarthost.objects.get())
    onward.messages.clear()
    return sending


def wait_for(found: Callable[[], list[Message]]) -> Message:
    """The first message that is found, as soon as there is one."""
    deadline = time.monotonic() + 20
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found()[0]


@pytest.mark.rfc(4954, "4")
def test_postfix_takes_signed_mail_over_tls_with_a_password(by_postfix: Sending, onward: ScriptedServer) -> None:
    dkim_keys.activate(dkim_keys.create(Domain.objects.get(name="a.example"), keys.RSA))
    message = by_postfix.submit(data=MESSAGE.replace(b"Hello", b"Hello\r\n.\r\n..dots\nbare"))

    by_postfix.work()
    arrived = wait_for(lambda: list(onward.messages))

    row = by_postfix.row(message)
    assert (row.status, row.reply_code) == (Status.RELAYED, 250)
    assert "queued as" in row.reply_text
    assert arrived.data.endswith(b"Hello\r\n.\r\n..dots\r\nbare\r\n")
    assert b"DKIM-Signature: v=1; a=rsa-sha256" in arrived.data


@pytest.mark.rfc(4954, "6")
def test_a_wrong_password_holds_the_mail_back(by_postfix: Sending) -> None:
    smarthosts.save({}, password="wrong", smarthost=Smarthost.objects.get())
    message = by_postfix.submit()

    by_postfix.work()

    assert by_postfix.row(message).status == Status.WAITING
    assert "535 5.7.8" in by_postfix.row(message).reply_text


@pytest.mark.rfc(3464, "2")
def test_what_postfix_bounces_is_known_for_its_submission(by_postfix: Sending, onward: ScriptedServer) -> None:
    message = by_postfix.submit("bob@b.example", "nobody@b.example")

    by_postfix.work()
    bounce = wait_for(lambda: [one for one in onward.messages if one.mail.startswith("MAIL FROM:<>")])
    to = bounce.rcpt[0].partition("<")[2].partition(">")[0]
    with Spool() as spool:
        (outcome,) = delivery.deliver(spool.write_all([bounce.data]), Envelope("", [to]))
    reports.read_due()

    assert outcome.is_success
    assert by_postfix.row(message, "nobody@b.example").status == Status.FAILED
    assert by_postfix.row(message, "nobody@b.example").reply_enhanced == "5.1.1"
    assert by_postfix.row(message, "bob@b.example").status == Status.RELAYED
    assert SubmissionReport.objects.get().kind == "dsn"
    assert b"no such user" in by_postfix.inbox()[0]


@pytest.mark.rfc(3461, "4.1")
def test_a_confirmation_that_postfix_sends_says_that_it_was_passed_on(
    by_postfix: Sending, onward: ScriptedServer
) -> None:
    onward.script.extensions = ("PIPELINING",)
    message = by_postfix.submit(notify="SUCCESS")

    by_postfix.work()
    report = wait_for(lambda: [one for one in onward.messages if one.mail.startswith("MAIL FROM:<>")])
    to = report.rcpt[0].partition("<")[2].partition(">")[0]
    with Spool() as spool:
        delivery.deliver(spool.write_all([report.data]), Envelope("", [to]))
    reports.read_due()

    assert b"Action: relayed" in report.data
    assert by_postfix.row(message).status == Status.RELAYED
    assert SubmissionReport.objects.count() == 1
