"""The dialogue of LMTP over a real socket."""

from __future__ import annotations

import logging
import smtplib
import socket
import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError

from jmap.blobs.storage import default_store
from mail.lmtp import answers
from mail.models import DeliveryRecord, Verdict
from mail.services import quotas
from tests.delivery.post import PostOffice
from tests.lmtp.running import Running
from tests.store.mailroom import message

NOBODY = "nobody@mail.test"


@pytest.mark.rfc(2033, "4.1")
def test_lhlo_tells_what_the_server_can_do(lmtp: Running) -> None:
    with lmtp.connect() as client:
        greeting = client.reply()
        answer = client.ask("LHLO client.test").split("\n")

    assert greeting.startswith("220 ")
    assert {line[4:] for line in answer[1:]} >= {
        "PIPELINING",
        "8BITMIME",
        "SMTPUTF8",
        "ENHANCEDSTATUSCODES",
        "SIZE 75000000",
    }


@pytest.mark.rfc(2033, "4.1")
@pytest.mark.parametrize("command", ["HELO x.test", "EHLO x.test", "AUTH PLAIN AGEAYg==", "STARTTLS", "EXPN staff"])
def test_what_is_no_business_of_lmtp_is_not_known(lmtp: Running, command: str) -> None:
    with lmtp.connect() as client:
        client.greet()

        assert client.ask(command).startswith("500 5.5.2")


@pytest.mark.rfc(2033, "4.2")
def test_each_accepted_recipient_gets_an_answer_after_data(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as client:
        refused, *accepted = client.begin(NOBODY, post.address, post.address.upper())
        client.send(message("one"), ".")
        answers_ = client.replies(2)
        still_there = client.ask("NOOP")

    assert refused.startswith("550 5.1.1")
    assert all(answer.startswith("250 2.1.5") for answer in accepted)
    assert all(answer.startswith("250 2.1.5 delivered <") for answer in answers_)
    assert still_there == "250 2.0.0 OK"
    assert len(post.in_box()) == 1
    post.check()


@pytest.mark.rfc(2033, "4.2")
def test_an_ordinary_client_delivers(lmtp: Running, post: PostOffice) -> None:
    data = message("one")

    with smtplib.LMTP(*lmtp.address) as client:
        refused = client.sendmail("grace@elsewhere.test", [post.address, NOBODY], data)

    (email,) = post.in_box()
    assert list(refused) == [NOBODY]
    assert post.octets(email).endswith(data)
    assert b"with LMTP" in post.octets(email)


@pytest.mark.rfc(2033, "4.2")
def test_without_a_valid_recipient_there_is_no_data(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as client:
        client.greet()
        client.ask("MAIL FROM:<>")
        client.ask(f"RCPT TO:<{NOBODY}>")

        assert client.ask("DATA").startswith("503 5.5.1")


@pytest.mark.rfc(2920, "3.2")
def test_commands_may_come_all_at_once(lmtp: Running, post: PostOffice) -> None:
    start = ("MAIL FROM:<a@x.test>", f"RCPT TO:<{post.address}>", f"RCPT TO:<{NOBODY}>", "DATA")
    with lmtp.connect() as client:
        client.greet()
        client.send(*start)
        first = client.replies(4)
        client.send(message("one"), ".", "RSET", *start)
        second = client.replies(6)
        client.send(message("two"), ".", "QUIT")
        third = client.replies(3)

    assert [reply[:3] for reply in first] == ["250", "250", "550", "354"]
    assert [reply[:3] for reply in second] == ["250", "250", "250", "250", "550", "354"]
    assert [reply[:3] for reply in third] == ["250", "221", ""]
    assert len(post.in_box()) == 2


@pytest.mark.rfc(2034, "4")
def test_every_answer_has_an_enhanced_status_code(lmtp: Running) -> None:
    commands = (
        "NOOP",
        "RSET",
        "HELP",
        "VRFY x",
        "BOGUS",
        "MAIL",
        "MAIL FROM:<a@b.test> X=1",
        "DATA",
        "RCPT TO:<x>",
        "",
    )
    with lmtp.connect() as client:
        client.greet()

        for command in commands:
            reply = client.ask(command)
            assert reply[4] == reply[0], (command, reply)
            assert reply.split()[1].count(".") == 2, (command, reply)


@pytest.mark.rfc(1870, "6.1")
def test_a_message_that_is_announced_as_too_large_is_refused_before_it_is_sent(lmtp: Running) -> None:
    with lmtp.connect() as client:
        client.greet()

        assert client.ask("MAIL FROM:<a@x.test> SIZE=75000001").startswith("552 5.3.4")
        assert client.ask("MAIL FROM:<a@x.test> SIZE=75000000").startswith("250")


@pytest.mark.rfc(1870, "6.3")
def test_a_message_that_turns_out_too_large_is_refused_for_each_recipient(
    post: PostOffice, serve: Callable[..., Running], settings
) -> None:
    settings.JMAP = {**settings.JMAP, "DELIVERY": {"MAX_SIZE": 300_000}}
    with serve().connect() as client:
        client.begin(post.address, post.address)
        client.send(b"x" * 70 + b"\r\n" * 400_000, ".")
        replies = client.replies(2)
        usable = client.ask("NOOP")

    assert all(reply.startswith("552 5.3.4") for reply in replies)
    assert usable.startswith("250")
    assert post.count() == 0
    assert not list(default_store().spool_folder.glob("in-*"))


@pytest.mark.rfc(1870, "6.1")
def test_a_full_account_is_told_at_rcpt_by_the_size_announced(lmtp: Running, post: PostOffice) -> None:
    quotas.limit_account(post.room.account, max_octets=10_000, max_emails=None)
    with lmtp.connect() as client:
        client.greet()
        client.ask("MAIL FROM:<a@x.test> SIZE=10001")

        assert client.ask(f"RCPT TO:<{post.address}>").startswith("452 4.2.2")


@pytest.mark.rfc(6531, "3.4")
def test_an_address_outside_ascii_needs_smtputf8(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as client:
        client.greet()
        without = client.ask("MAIL FROM:<grüße@x.test>")
        client.ask("MAIL FROM:<grüße@x.test> BODY=8BITMIME SMTPUTF8")
        client.ask(f"RCPT TO:<{post.address}>")
        client.ask("DATA")
        client.send(b"Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nx", ".")
        answer = client.reply()

    stored = post.octets(post.in_box()[0])
    assert without.startswith("553 5.6.7")
    assert answer.startswith("250")
    assert "Return-Path: <grüße@x.test>".encode() in stored
    assert b"with UTF8LMTP" in stored


@pytest.mark.rfc(6152, "2")
def test_octets_outside_ascii_come_as_they_are(lmtp: Running, post: PostOffice) -> None:
    data = b"Subject: x\r\n\r\n\xff\xfe\0" + b"y" * 5_000 + b"\r\n"
    with lmtp.connect() as client:
        client.begin(post.address)
        client.send(data.removesuffix(b"\r\n"), ".")
        client.reply()

    assert post.octets(post.in_box()[0]).endswith(data)


@pytest.mark.rfc(5321, "2.3.8")
@pytest.mark.parametrize("bare", [b"\n", b"\r", b"\n.\n", b"\r.\r", b"\n.\r\n"])
def test_a_bare_line_end_ends_nothing_and_the_message_is_refused(lmtp: Running, post: PostOffice, bare: bytes) -> None:
    with lmtp.connect() as client:
        client.begin(post.address)
        client.send(b"Subject: x\r\n\r\na" + bare + b"MAIL FROM:<evil@x.test>", ".", "NOOP")
        refused, noop = client.replies(2)

    assert refused.startswith("550 5.6.0")
    assert noop == "250 2.0.0 OK"
    assert post.count() == 0


@pytest.mark.rfc(5321, "2.3.8")
def test_a_bare_lf_ends_no_command(lmtp: Running) -> None:
    with lmtp.connect() as client:
        client.greet()

        assert client.ask("MAIL FROM:<a@x.test>\nRCPT TO:<b@x.test>").startswith("501")
        assert client.ask("DATA").startswith("503")


@pytest.mark.own("a database that is away is temporary")
def test_a_database_that_is_away_defers_at_rcpt(lmtp: Running, post: PostOffice, monkeypatch) -> None:
    def away(*given: object) -> None:
        raise OperationalError("connection refused")

    with lmtp.connect() as client:
        client.greet()
        client.ask("MAIL FROM:<a@x.test>")
        with monkeypatch.context() as patch:
            patch.setattr(answers, "check_recipient", away)
            deferred = client.ask(f"RCPT TO:<{post.address}>")
        accepted = client.ask(f"RCPT TO:<{post.address}>")

    assert deferred.startswith("451 4.3.0")
    assert accepted.startswith("250")


@pytest.mark.own("whatever fails on our side is 4xx")
def test_a_message_that_could_not_be_taken_at_all_may_come_again(lmtp: Running, post: PostOffice, monkeypatch) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch, lmtp.connect() as client:
        patch.setattr(answers, "deliver", broken)
        client.begin(post.address)
        client.send(message("one"), ".")
        replies = client.replies(2)

    assert replies[0].startswith("421 4.3.0")
    assert replies[1] == ""
    assert post.count() == 0


@pytest.mark.own("a refusal at RCPT is in the delivery log")
def test_a_refused_recipient_is_in_the_log_with_the_queue_id_of_the_mta(
    lmtp: Running, post: PostOffice, caplog
) -> None:
    caplog.set_level(logging.INFO, "mail.lmtp")
    with lmtp.connect() as client:
        client.greet()
        client.ask("XFORWARD IDENT=4F2A99")
        client.ask("MAIL FROM:<a@x.test>")
        client.ask(f"RCPT TO:<{NOBODY}>")
        client.ask(f"RCPT TO:<{post.address}>")
        client.ask("DATA")
        client.send(message("one"), ".")
        client.reply()

    rows = DeliveryRecord.objects.filter(queue_id="4F2A99").order_by("pk")
    assert [row.verdict for row in rows] == [Verdict.REFUSED, Verdict.DELIVERED]
    (line,) = [record.getMessage() for record in caplog.records if "4F2A99" in record.getMessage()]
    assert "1 recipients: 1 accepted, 0 deferred, 0 refused" in line


# ------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.rfc(5321, "4.5.3.1.8")
def test_recipients_past_the_limit_are_to_be_tried_in_another_transaction(
    serve: Callable[..., Running], post: PostOffice
) -> None:
    with serve(max_recipients=100).connect() as client:
        client.greet()
        client.ask("MAIL FROM:<a@x.test>")
        client.send(*[f"RCPT TO:<{post.address}>"] * 101)
        replies = client.replies(101)

    assert all(reply.startswith("250") for reply in replies[:100])
    assert replies[100].startswith("452 4.5.3")


@pytest.mark.own("a useless client is left")
def test_a_client_that_brings_nothing_forward_is_left(serve: Callable[..., Running]) -> None:
    with serve(max_useless=10).connect() as client:
        client.greet()
        replies = [client.ask("BOGUS" if number % 2 else "NOOP") for number in range(9)]

        assert replies[-1].startswith("421 4.7.0")
        assert client.reply() == ""


@pytest.mark.rfc(5321, "4.5.3.1.4")
def test_a_command_that_never_ends_costs_no_memory_and_gets_an_answer(lmtp: Running) -> None:
    with lmtp.connect() as client:
        client.greet()

        assert client.ask(b"NOOP " + b"x" * 3_000).startswith("500 5.5.2")
        assert client.ask(b"NOOP " + b"x" * 1_000_000).startswith("500 5.5.2")
        assert client.ask("NOOP") == "250 2.0.0 OK"


@pytest.mark.rfc(5321, "3.8")
def test_connections_past_the_limit_are_told_to_come_again(serve: Callable[..., Running]) -> None:
    site = serve(max_connections=1)
    with site.connect() as first:
        first.greet()
        with site.connect() as second:
            refused = second.replies(2)
        first.ask("QUIT")
        first.reply()
    with site.connect() as third:
        welcome = third.reply()

    assert refused[0].startswith("421 4.3.2")
    assert refused[1] == ""
    assert welcome.startswith("220")


@pytest.mark.own("only the networks that the site names may connect")
def test_a_client_of_another_network_is_refused(serve: Callable[..., Running]) -> None:
    with serve(networks=()).connect() as client:
        assert client.reply().startswith("554 5.7.1")
        assert client.reply() == ""


@pytest.mark.rfc(5321, "4.5.3.2.7")
def test_a_silent_client_is_left_wherever_it_stops(serve: Callable[..., Running], post: PostOffice) -> None:
    site = serve(command_timeout=1, data_timeout=1)
    with site.connect() as idle, site.connect() as stalled:
        idle.greet()
        stalled.begin(post.address)
        stalled.socket.sendall(b"Subject: half")

        assert idle.reply().startswith("421 4.4.2")
        assert stalled.reply().startswith("421 4.4.2")
        assert stalled.reply() == ""
    assert post.count() == 0


@pytest.mark.own("a slow client harms nobody")
def test_a_client_that_drips_is_left_after_the_time_for_a_message(
    serve: Callable[..., Running], post: PostOffice
) -> None:
    site = serve(message_timeout=1)
    ended = threading.Event()

    def drip(client: socket.socket) -> None:
        while not ended.wait(0.05):
            try:
                client.sendall(b"x")
            except OSError:
                return

    with site.connect() as client:
        client.begin(post.address)
        dripping = threading.Thread(target=drip, args=(client.socket,))
        dripping.start()
        answer = client.reply()
        ended.set()
        dripping.join()

    assert answer.startswith("421 4.4.2")


@pytest.mark.own("a message whose end never came is forgotten")
def test_a_client_that_goes_in_the_middle_of_a_message_leaves_nothing(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as client:
        client.begin(post.address)
        client.socket.sendall(b"x" * 1_000_000)
    with lmtp.connect() as other:
        other.begin(post.address)
        other.send(message("one"), ".")
        other.reply()

    assert len(post.in_box()) == 1


@pytest.mark.own("a client that stops sending gets its answers")
def test_a_client_that_stops_sending_gets_its_answers(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as client:
        client.begin(post.address)
        client.send(message("one"), ".", "NOOP")
        client.socket.shutdown(socket.SHUT_WR)
        replies = client.replies(3)

    assert [reply[:3] for reply in replies] == ["250", "250", ""]


# ------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.rfc(5321, "3.8")
def test_a_server_that_ends_finishes_what_arrives_and_sends_the_others_away(lmtp: Running, post: PostOffice) -> None:
    with lmtp.connect() as idle, lmtp.connect() as busy:
        idle.greet()
        busy.begin(post.address)
        busy.socket.sendall(b"Subject: half\r\n")
        ending = lmtp.run_soon(lmtp.server.stop())
        farewell = idle.replies(2)
        busy.send(b"\r\nthe other half", ".")
        replies = busy.replies(3)
        ending.result(10)
        refused = False
        try:
            lmtp.connect()
        except ConnectionRefusedError:
            refused = True

    assert farewell[0].startswith("421 4.3.2")
    assert farewell[1] == ""
    assert replies[0].startswith("250 2.1.5 delivered")
    assert replies[1].startswith("421 4.3.2")
    assert replies[2] == ""
    assert refused
    assert len(post.in_box()) == 1
