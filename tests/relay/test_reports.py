"""Reports that come back, and mail that an alias sends on: both find their way by proofs in the return path."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from jmap.blobs.spool import Spool
from mail.services import accounts, aliases, delivery
from mail.services.delivery import Envelope
from submission import return_paths
from submission.dsn.compose import DELIVERED, FAILED, Original, Told, compose_dsn
from submission.dsn.parse import parse_report
from submission.models import AccountFlow, EmailSubmission, QueuedMessage, QueuedRecipient, Status, SubmissionReport
from submission.services import reports
from submission.smtp.replies import Reply
from tests.relay.conftest import MESSAGE, Sending, use
from tests.relay.scripted import Script

NOBODY = Reply(550, "5.1.1", "nobody")


def dsn(action: str = FAILED, reply: Reply = NOBODY, envid: str = "", address: str = "bob@b.example") -> bytes:
    """What a server elsewhere says."""
    original = Original(MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n", None, timezone.now(), envid)
    told = [Told(address, action, reply, host="mx.b.example")]
    return compose_dsn(
        to="ada@a.example", hostname="mx.b.example", message_id="1@mx.b.example", original=original, told=told,
        now=timezone.now(),
    )  # fmt: skip


MDN = (
    b"From: bob@b.example\r\nTo: ada@a.example\r\nMIME-Version: 1.0\r\nSubject: read\r\n"
    b"Content-Type: multipart/report; report-type=disposition-notification; boundary=x\r\n\r\n--x\r\n\r\nI read it.\r\n"
    b"--x\r\nContent-Type: message/disposition-notification\r\n\r\nFinal-Recipient: rfc822; bob@b.example\r\n"
    b"Original-Message-ID: <tea@a.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n\r\n--x--\r\n"
)
ARF = (
    b"From: fbl@b.example\r\nTo: abuse@a.example\r\nMIME-Version: 1.0\r\nSubject: complaint\r\n"
    b"Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\n\r\nSpam.\r\n"
    b"--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\n\r\n"
    b"--x\r\nContent-Type: message/rfc822\r\n\r\nFrom: Ada <ada@a.example>\r\nSubject: tea\r\n\r\nHello\r\n--x--\r\n"
)


def arrives(data: bytes, to: str, sender: str = "") -> Any:
    """A message comes in from elsewhere, and what waits for it is done."""
    with Spool() as spool:
        (outcome,) = delivery.deliver(spool.write_all([data]), Envelope(sender, [to], once=False))
    reports.read_due()
    return outcome


@pytest.fixture
def relayed(sending: Sending) -> tuple[Sending, int, str]:
    """A message that was handed on with a return path of its own, and that return path."""
    use(sending.server, signs_return_path=True)
    message = sending.submit("bob@b.example", "cleo@b.example")
    sending.work()
    return sending, message, sending.server.messages[0].mail.partition("<")[2].partition(">")[0]


@pytest.mark.rfc(3464, "2.3.3")
@pytest.mark.parametrize(
    ("action", "reply", "status"),
    [(FAILED, NOBODY, Status.FAILED), (DELIVERED, Reply(250, "2.1.5", "ok"), Status.DELIVERED)],
)
def test_a_report_to_the_return_path_changes_what_is_known_of_its_recipient(
    relayed: tuple[Sending, int, str], action: str, reply: Reply, status: Status
) -> None:
    sending, message, return_path = relayed
    before = EmailSubmission.objects.get().modseq

    arrives(dsn(action, reply), return_path)

    assert return_path.startswith("ada+b=")
    assert sending.row(message).status == status
    assert sending.row(message).reply_enhanced == reply.enhanced
    assert sending.row(message, "cleo@b.example").status == Status.RELAYED
    assert SubmissionReport.objects.get().kind == "dsn"
    assert EmailSubmission.objects.get().modseq > before
    assert len(sending.inbox()) == 1


@pytest.mark.rfc(3464, "2.2.1")
def test_a_report_with_our_envelope_id_is_known_too(relayed: tuple[Sending, int, str]) -> None:
    sending, message, _ = relayed
    envid = sending.server.messages[0].mail.partition("ENVID=")[2]

    arrives(dsn(envid=envid, address="someone@else.example"), "ada@a.example")
    arrives(dsn(envid=envid), "ada@a.example")

    assert sending.row(message).status == Status.FAILED
    assert SubmissionReport.objects.count() == 2


@pytest.mark.own("only who got a message can say what became of it")
def test_a_report_that_proves_nothing_changes_nothing(relayed: tuple[Sending, int, str]) -> None:
    sending, message, return_path = relayed

    arrives(dsn(address="eve@e.example"), "ada@a.example")
    arrives(dsn(address="eve@e.example"), return_path[:-12] + "aaaa" + return_path[-8:])

    assert sending.row(message).status == Status.RELAYED
    assert not SubmissionReport.objects.exists()


@pytest.mark.rfc(8098, "3.2")
def test_a_disposition_notification_says_that_it_was_displayed(relayed: tuple[Sending, int, str]) -> None:
    sending, message, _ = relayed

    arrives(MDN, "ada@a.example")

    assert sending.row(message).displayed
    assert not sending.row(message, "cleo@b.example").displayed
    assert SubmissionReport.objects.get().kind == "mdn"


@pytest.mark.own("a report of our own is noted once, when it is made")
def test_our_own_report_is_not_counted_again_when_it_arrives(sending: Sending, script: Script) -> None:
    script.answers["RCPT"] = "550 5.1.1 nobody"
    sending.submit()
    sending.work()

    reports.read_due()

    assert len(sending.inbox()) == 1
    assert SubmissionReport.objects.count() == 1


@pytest.mark.rfc(5321, "4.4")
def test_a_complaint_is_counted_for_who_sent_it(sending: Sending) -> None:
    accounts.add_address(sending.account, "abuse@a.example")

    arrives(ARF, "abuse@a.example", sender="fbl@b.example")

    assert AccountFlow.objects.get().complaints == 1
    assert len(sending.inbox()) == 1


@pytest.mark.own("whatever arrives is read or passed over, and breaks nothing")
@pytest.mark.parametrize("cut", range(0, 1_400, 57))
def test_a_damaged_report_is_no_report(cut: int) -> None:
    data = dsn()

    for damaged in (data[:cut], data[cut:], data[:cut] + b"\xff\x00" + data[cut:]):
        parse_report(damaged)


# ----------------------------------------------------------------------------------------------------------- forwarding


def alias(address: str, *targets: str) -> None:
    """An address of this site that stands for others."""
    aliases.create(address, targets)


@pytest.mark.own("mail that an alias sends on has a return path that leads back")
def test_an_alias_sends_on_and_a_bounce_finds_its_way_back(sending: Sending) -> None:
    alias("team@a.example", "bob@b.example")

    outcome = arrives(MESSAGE, "team@a.example", sender="cleo@c.example")
    sending.work()
    return_path = sending.server.messages[0].mail.partition("<")[2].partition(">")[0]
    back = arrives(dsn(), return_path)
    sending.work()

    assert outcome.is_success
    assert return_path.startswith("SRS0=")
    assert return_path.endswith("=c.example=cleo@a.example")
    assert b"Delivered-To: team@a.example" in sending.server.messages[0].data
    assert back.is_success
    assert sending.server.messages[1].mail.startswith("MAIL FROM:<> ")
    assert sending.server.messages[1].rcpt[0].startswith("RCPT TO:<cleo@c.example>")


@pytest.mark.own("what cannot be sent on is told to who sent it")
def test_a_refused_forward_comes_back_to_the_first_sender(sending: Sending, script: Script) -> None:
    alias("team@a.example", "bob@b.example")
    script.answers["RCPT"] = lambda command: "550 5.1.1 nobody" if "bob" in command else "250 ok"

    arrives(MESSAGE, "team@a.example", sender="cleo@c.example")
    sending.work()

    assert sending.server.messages[0].rcpt[0].startswith("RCPT TO:<cleo@c.example>")
    assert b"Action: failed" in sending.server.messages[0].data


@pytest.mark.own("a forward is taken once, and only so many an hour")
def test_forwards_are_known_again_and_limited(sending: Sending, settings) -> None:
    settings.JMAP = {**settings.JMAP, "SUBMISSION": {"FORWARDS_PER_HOUR": 2}}
    alias("team@a.example", "bob@b.example")

    answers = [arrives(b"Subject: %d\r\n\r\n" % n, "team@a.example", "cleo@c.example").code for n in (1, 1, 2, 3)]

    assert answers == [250, 250, 250, 451]
    assert QueuedMessage.objects.count() == 2


@pytest.mark.own("a return path of ours opens no way through")
def test_a_rewritten_return_path_takes_bounces_alone(sending: Sending) -> None:
    path = return_paths.rewrite("cleo@c.example", "a.example", timezone.now())

    forged = path.replace("cleo", "eve")
    assert arrives(MESSAGE, path, sender="eve@e.example").code == 550
    assert arrives(dsn(), forged).code == 550
    assert not QueuedRecipient.objects.exists()


@pytest.mark.own("return paths are rewritten over several hops, and expire")
def test_srs_leads_back_over_two_hops_and_no_longer_than_three_weeks(db: None) -> None:
    now = timezone.now()
    first = return_paths.rewrite("cleo@c.example", "a.example", now)
    foreign = first.replace("@a.example", "@b.example")
    second = return_paths.rewrite(foreign, "a.example", now)
    third = return_paths.rewrite(second.replace("@a.example", "@d.example"), "a.example", now)

    assert return_paths.unwrap(first.upper().replace("SRS0", "srs0"), now).lower() == "cleo@c.example"
    assert return_paths.unwrap(second, now) == foreign
    assert return_paths.unwrap(third, now) == foreign
    with pytest.raises(return_paths.NotOurs):
        return_paths.unwrap(first, now + timedelta(days=22))
