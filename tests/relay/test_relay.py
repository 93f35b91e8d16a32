"""From the queue to a smarthost and to mail of this site: what is sent, what is recorded, what is tried again."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes

import pytest
from django.utils import timezone

from submission.models import EmailSubmission, QueuedRecipient, RouteState, Smarthost, Status, SubmissionReport
from submission.relay import lease as leases
from submission.relay.lease import Lease
from submission.services import outbox, smarthosts
from tests.relay.conftest import MESSAGE, Sending, message_of, person, use
from tests.relay.scripted import DROP, Script, ScriptedServer


@pytest.mark.rfc(8621, "7")
def test_a_message_is_relayed_and_its_submission_says_so(sending: Sending) -> None:
    before = EmailSubmission.objects.count()
    message = sending.submit()

    sending.work()

    row = sending.row(message)
    assert (row.status, row.reply_code, row.reply_text) == (Status.RELAYED, 250, "taken")
    assert row.relay_host == f"127.0.0.1:{sending.server.port}"
    assert EmailSubmission.objects.get().undo_status == "final"
    assert message_of(message).finished_at is not None
    assert before == 0


@pytest.mark.rfc(5321, "4.4")
def test_what_travels_has_a_trace_and_neither_bcc_nor_return_path(sending: Sending) -> None:
    sending.submit(data=b"Return-Path: <x@y>\r\nBcc: cleo@c.example\r\n" + MESSAGE)

    sending.work()

    received, _, rest = sending.server.messages[0].data.partition(b"\r\nFrom:")
    assert received.startswith(b"Received: by ")
    assert b"From:" + rest == MESSAGE


@pytest.mark.own("recipients of this site are delivered straight in")
def test_recipients_here_and_elsewhere_of_one_message_part_ways(sending: Sending) -> None:
    cleo = person("cleo@c.example")
    message = sending.submit("bob@b.example", "cleo@c.example", "nobody@c.example", notify="NEVER")

    sending.work()

    assert sending.server.messages[0].rcpt == ["RCPT TO:<bob@b.example> NOTIFY=NEVER"]
    assert sending.row(message, "cleo@c.example").status == Status.DELIVERED
    assert sending.row(message, "nobody@c.example").reply_code == 550
    (mail,) = sending.inbox(cleo)
    assert mail.startswith(b"Return-Path: <ada@a.example>\r\n")
    assert mail.endswith(MESSAGE)


@pytest.mark.own("the same letter sent twice is two letters")
def test_two_submissions_of_the_same_octets_both_arrive(sending: Sending) -> None:
    sending.submit("ada@a.example")
    sending.submit("ada@a.example")

    sending.work()

    assert len(sending.inbox()) == 2


@pytest.mark.own("one session serves many messages")
def test_messages_share_a_session(sending: Sending) -> None:
    for _ in range(20):
        sending.submit()

    sending.work()

    assert len(sending.server.messages) == 20
    assert sending.server.connections == 1


@pytest.mark.rfc(5321, "4.5.4.1")
def test_a_temporary_refusal_is_tried_again_later_and_later(sending: Sending, script: Script) -> None:
    script.answers["RCPT"] = "451 4.2.1 come back"
    message = sending.submit()

    waits = []
    for _ in range(4):
        sending.later()
        row = sending.row(message)
        waits.append((row.next_attempt_at - timezone.now()).total_seconds())
    del script.answers["RCPT"]
    sending.later()

    assert waits == sorted(waits)
    assert 40 < waits[0] < 80
    assert sending.row(message).attempts == 5
    assert sending.row(message).status == Status.RELAYED


@pytest.mark.rfc(3464, "2")
def test_a_permanent_refusal_comes_back_to_the_sender(sending: Sending, script: Script) -> None:
    script.answers["RCPT"] = "550 5.1.1 no such\x07 user"
    message = sending.submit("bob@b.example")

    sending.work()

    (raw,) = sending.inbox()
    report = message_from_bytes(raw)
    text, status, original = report.get_payload()
    fields = status.get_payload()[1]
    assert report["Return-Path"] == "<>"
    assert report.get_param("report-type") == "delivery-status"
    assert (fields["Final-Recipient"], fields["Action"], fields["Status"]) == (
        "rfc822; bob@b.example",
        "failed",
        "5.1.1",
    )
    assert fields["Diagnostic-Code"] == "smtp; 550 5.1.1 no such? user"
    assert "Subject: tea" in original.as_string()
    assert "bob@b.example" in text.get_payload(decode=True).decode()
    assert sending.row(message).status == Status.FAILED
    assert SubmissionReport.objects.get().submission_key == EmailSubmission.objects.get().pk


@pytest.mark.rfc(3461, "4.1")
@pytest.mark.parametrize(("notify", "told"), [("NEVER", 0), ("SUCCESS", 0), ("DELAY", 0), ("FAILURE", 1)])
def test_a_failure_is_told_to_whom_wants_to_know(sending: Sending, script: Script, notify: str, told: int) -> None:
    script.answers["RCPT"] = "550 5.1.1 no such user"
    sending.submit(notify=notify)

    sending.work()

    assert len(sending.inbox()) == told


@pytest.mark.rfc(3461, "5.2.2")
def test_a_success_is_confirmed_by_us_only_where_the_server_would_not(sending: Sending, script: Script) -> None:
    sending.submit(notify="SUCCESS")
    sending.work()
    with_dsn = len(sending.inbox())
    script.extensions = ("PIPELINING",)
    sending.submit(notify="SUCCESS")
    sending.work()

    assert with_dsn == 0
    assert b"Action: relayed" in sending.inbox()[0]


@pytest.mark.rfc(3461, "4.1")
def test_a_delay_is_told_once_after_some_hours(sending: Sending, script: Script) -> None:
    script.answers["MAIL"] = "451 4.3.0 busy"
    message = sending.submit()
    sending.later()
    early = len(sending.inbox())
    type(message_of(message)).objects.update(created_at=timezone.now() - timedelta(hours=5))

    del script.answers["MAIL"]
    script.answers["RCPT"] = "451 4.3.0 busy"
    sending.later()
    sending.later()

    assert early == 0
    assert [b"Action: delayed" in mail for mail in sending.inbox()] == [True]


@pytest.mark.rfc(5321, "4.5.4.1")
def test_what_cannot_be_delivered_in_time_is_given_up_after_some_attempts(sending: Sending, script: Script) -> None:
    script.answers["RCPT"] = "451 4.2.1 come back"
    message = sending.submit()
    type(message_of(message)).objects.update(expires_at=timezone.now() - timedelta(days=1))

    sending.later()
    sending.later()
    patient = sending.row(message).status
    sending.later()

    assert patient == Status.WAITING
    assert sending.row(message).status == Status.FAILED
    assert sending.row(message).reply_enhanced == "5.4.7"
    assert "451 4.2.1 come back" in sending.row(message).reply_text
    assert b"Action: failed" in sending.inbox()[0]


@pytest.mark.rfc(5321, "6.1")
def test_a_report_that_cannot_be_delivered_is_not_reported(sending: Sending, script: Script) -> None:
    script.answers["RCPT"] = "550 5.1.1 no such user"
    sending.submit(mail_from="", origin="dsn")

    sending.work()

    assert sending.inbox() == []
    assert QueuedRecipient.objects.count() == 1


@pytest.mark.own("a server that cannot be reached costs one attempt, not one for each message")
def test_a_dead_smarthost_puts_everything_off_at_once(sending: Sending, script: Script) -> None:
    script.answers["CONNECT"] = "421 4.3.2 too busy"
    first = sending.submit()
    others = [sending.submit() for _ in range(9)]

    sending.work()

    assert sending.server.connections == 1
    assert sending.row(first).reply_text.startswith(f"127.0.0.1:{sending.server.port} greets with 421")
    assert {sending.row(key).status for key in others} == {Status.WAITING}
    assert RouteState.objects.get().failures == 1
    del script.answers["CONNECT"]
    sending.later()
    assert len(sending.server.messages) == 10
    assert RouteState.objects.get().failures == 0


@pytest.mark.own("mail without a way out waits and says why")
def test_without_a_smarthost_mail_waits_until_there_is_one(sending: Sending) -> None:
    Smarthost.objects.all().delete()
    message = sending.submit()
    sending.work()
    waiting = sending.row(message)

    use(sending.server)
    sending.work()

    assert (waiting.status, waiting.reply_enhanced) == (Status.WAITING, "4.3.5")
    assert "no smarthost" in waiting.reply_text
    assert sending.row(message).status == Status.RELAYED


@pytest.mark.own("a domain may have a smarthost of its own, and EMAIL_HOST is one for the site")
def test_the_way_out_is_chosen_by_the_senders_domain(sending: Sending, settings, script: Script) -> None:
    from mail.services import accounts

    domain = accounts.create_domain("own.example")
    Smarthost.objects.all().delete()
    with ScriptedServer() as own:
        values = {"host": "127.0.0.1", "port": own.port, "security": "none", "domain": domain}
        smarthosts.save(values, password=None)
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sending.server.port
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        sending.submit(sender_domain="own.example", mail_from="x@own.example")
        sending.submit(sender_domain="a.example")
        sending.work()

        assert [message.mail.split("@")[1][:11] for message in own.messages] == ["own.example"]
    assert len(sending.server.messages) == 1


@pytest.mark.own("a session closed by the server while idle is no failure")
def test_a_session_lost_between_messages_is_opened_again(sending: Sending, script: Script) -> None:
    calls = []

    def first_only(command: str) -> str:
        calls.append(command)
        return DROP if len(calls) == 2 else "250 ok"

    script.answers["MAIL"] = first_only
    sending.submit()
    sending.submit()

    sending.work()

    assert len(sending.server.messages) == 2
    assert sending.server.connections == 2


@pytest.mark.own("what may have been sent cannot be taken back")
def test_a_session_lost_at_the_end_of_the_data_leaves_a_doubt(sending: Sending, script: Script) -> None:
    script.answers["DOT"] = DROP
    message = sending.submit()

    sending.work()

    assert sending.row(message).in_doubt
    assert sending.row(message).status == Status.WAITING
    assert not outbox.cancel_message(message)


@pytest.mark.own("who lost the lease writes no outcome")
def test_a_worker_that_was_given_up_changes_nothing(sending: Sending) -> None:
    message = sending.submit()
    slow, quick = Lease(), Lease()
    slow.claim()
    leases.free_expired(timezone.now() + timedelta(days=1))

    sending.work()
    given_back = slow.give_back([sending.row(message).pk], timezone.now())

    assert given_back == 0
    assert quick.claim() == {}
    assert sending.row(message).status == Status.RELAYED
    assert sending.row(message).in_doubt


@pytest.mark.own("a lease runs out by a clock that nobody can set")
def test_a_jump_of_the_clock_frees_nothing_that_is_being_sent(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    sending.submit()
    lease = Lease()
    lease.claim()
    watch = leases.Watch()
    monotonic = [1_000.0]
    monkeypatch.setattr("submission.relay.lease.time.monotonic", lambda: monotonic[0])
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr("submission.relay.lease.timezone.now", lambda: tomorrow)

    freed = [watch.sweep()]
    monotonic[0] += 59
    freed.append(watch.sweep())
    monotonic[0] += 2
    freed.append(watch.sweep())

    assert freed == [0, 0, 1]


@pytest.mark.own("a clock that was set back delays nothing for long")
def test_what_a_clock_put_off_is_due_again(sending: Sending) -> None:
    message = sending.submit()
    scheduled = sending.submit(release_at=timezone.now() + timedelta(days=30))
    QueuedRecipient.objects.filter(message_id=message).update(next_attempt_at=timezone.now() + timedelta(days=2))

    mended = leases.mend_clock()
    sending.work()

    assert mended == 1
    assert sending.row(message).status == Status.RELAYED
    assert sending.row(scheduled).status == Status.WAITING


@pytest.mark.rfc(5321, "6.3")
def test_a_message_that_goes_round_in_circles_is_stopped(sending: Sending) -> None:
    message = sending.submit(data=b"Received: by x; y\r\n" * 51 + MESSAGE)

    sending.work()

    assert sending.row(message).reply_enhanced == "5.4.6"
    assert sending.server.messages == []


@pytest.mark.own("a bug in sending one message holds up no other")
def test_a_message_that_breaks_the_worker_is_put_off(sending: Sending, monkeypatch: pytest.MonkeyPatch) -> None:
    from submission.relay import transmit

    broken = sending.submit()
    fine = sending.submit()
    ready = transmit.ready

    def faulty(parcel: transmit.Parcel) -> object:
        if parcel.message.pk == broken:
            raise ZeroDivisionError
        return ready(parcel)

    monkeypatch.setattr(transmit, "ready", faulty)
    sending.work()

    assert sending.row(fine).status == Status.RELAYED
    assert sending.row(broken).status == Status.WAITING
    assert sending.row(broken).next_attempt_at > timezone.now()
