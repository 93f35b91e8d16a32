"""The SMTP client against a server that follows a script: what it sends, and what it makes of every answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from submission.smtp.client import Client, Envelope, Recipient, Sent, Server, Timeouts
from submission.smtp.content import crlf, split, stuffed, without_unsent
from submission.smtp.replies import ConnectFailed, Reply, SessionLost
from tests.relay.certificates import make_certificate, server_context
from tests.relay.scripted import DROP, HANG, Script, ScriptedServer

MESSAGE = b"From: ada@a.example\r\nSubject: tea\r\n\r\nHello\r\n"
QUICK = Timeouts(connect=2, command=0.4, block=0.4, end_of_data=0.4)


def to(*addresses: str, **more: Any) -> Envelope:
    return Envelope("ada@a.example", [Recipient(address) for address in addresses], len(MESSAGE), **more)


def session(server: ScriptedServer, **more: Any) -> Client:
    client = Client(Server("127.0.0.1", server.port, **{"security": "none", "timeouts": QUICK, **more}))
    client.open()
    return client


def send_one(script: Script, *addresses: str) -> tuple[Sent, ScriptedServer]:
    with ScriptedServer(script) as server:
        client = session(server)
        sent = client.send(to(*(addresses or ("bob@b.example",))), [MESSAGE])
        client.quit()
    return sent, server


@pytest.mark.rfc(5321, "3.3")
def test_a_message_is_handed_over_with_its_envelope() -> None:
    sent, server = send_one(Script(), "bob@b.example", "cleo@c.example")

    assert [reply.code for reply in sent.replies] == [250, 250]
    assert server.messages[0].data == MESSAGE
    assert server.messages[0].mail == f"MAIL FROM:<ada@a.example> SIZE={len(MESSAGE)}"
    assert server.messages[0].rcpt == ["RCPT TO:<bob@b.example>", "RCPT TO:<cleo@c.example>"]


@pytest.mark.rfc(5321, "3.3")
def test_each_recipient_has_its_own_outcome_in_one_transaction() -> None:
    def judge(command: str) -> str:
        return {"b": "250 ok", "c": "550 5.1.1 nobody", "d": "451 4.2.1 later"}[command.partition("@")[2][0]]

    sent, server = send_one(Script(answers={"RCPT": judge}), "x@b.example", "x@c.example", "x@d.example")

    assert sent.replies == [
        Reply(250, "2.0.0", "taken"),
        Reply(550, "5.1.1", "nobody"),
        Reply(451, "4.2.1", "later"),
    ]
    assert len(server.messages) == 1


@pytest.mark.rfc(2920, "3.1")
def test_commands_are_pipelined_only_where_that_is_announced() -> None:
    piped, _ = send_one(Script(), *(f"r{n}@b.example" for n in range(250)))
    single, _ = send_one(Script(extensions=()), "bob@b.example", "cleo@c.example")

    assert {reply.code for reply in piped.replies} == {250}
    assert len(piped.replies) == 250
    assert len(single.replies) == 2


@pytest.mark.rfc(2920, "3.1")
def test_a_server_that_wants_data_though_it_took_nobody_gets_an_empty_message() -> None:
    script = Script(answers={"RCPT": "550 5.1.1 nobody", "DATA": "354 go on"})
    with ScriptedServer(script) as server:
        client = session(server)
        sent = client.send(to("bob@b.example"), [MESSAGE])
        client.quit()

    assert sent.replies == [Reply(550, "5.1.1", "nobody")]
    assert not sent.in_doubt


@pytest.mark.rfc(5321, "4.5.2")
def test_dots_at_the_beginning_of_a_line_are_doubled_across_slices() -> None:
    text = b".a\r\n..b\r\nc\r\n.\r\nd\r\n"

    for size in range(1, 8):
        slices = [text[at : at + size] for at in range(0, len(text), size)]
        assert b"".join(stuffed(slices)) == b"..a\r\n...b\r\nc\r\n..\r\nd\r\n"


@pytest.mark.rfc(5321, "2.3.8")
@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\r\n.\n", b"\n.\r\n", b"\r.\r\n", b"\r\r\n.\r\r\n"])
def test_no_line_end_in_a_message_can_end_it_or_smuggle_a_command(end: bytes) -> None:
    smuggled = b"Subject: x\r\n\r\nfirst" + end + b"MAIL FROM:<evil@b.example>\r\nlast"
    with ScriptedServer() as server:
        client = session(server)
        for size in (1, 3, 1_000):
            slices = [smuggled[at : at + size] for at in range(0, len(smuggled), size)]
            client.send(to("bob@b.example"), crlf(slices))
        client.quit()

    assert [message.data.count(b"MAIL FROM") for message in server.messages] == [1, 1, 1]
    assert len({message.data for message in server.messages}) == 1
    bare = server.messages[0].data.replace(b"\r\n", b"")
    assert b"\r" not in bare
    assert b"\n" not in bare
    assert sum(command.startswith("MAIL") for command in server.commands) == 3


@pytest.mark.rfc(5322, "3.6.3")
def test_bcc_and_return_path_do_not_travel() -> None:
    header, body = split(
        [b"Bcc: a@x.example,\r\n b@x.ex", b"ample\r\nTo: c@x.example\r\nRETURN-PATH : <d>\r\n\r\nBcc: e"]
    )

    assert without_unsent(header) == b"To: c@x.example\r\n"
    assert b"".join(body) == b"\r\nBcc: e"


@pytest.mark.rfc(5321, "4.2")
@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize("code", ["451 4.3.0 later", "550 5.7.1 never", "421 4.3.2 closing"])
def test_a_refusal_at_any_step_is_the_recipients_outcome_and_the_next_message_is_sent(step: str, code: str) -> None:
    script = Script(answers={step: code})
    with ScriptedServer(script) as server:
        client = session(server)
        refused = client.send(to("bob@b.example"), [MESSAGE])
        del script.answers[step]
        if not client.is_open:
            client = session(server)
        accepted = client.send(to("bob@b.example"), [MESSAGE])
        client.quit()

    assert str(refused.replies[0]) == code
    assert not refused.in_doubt
    assert accepted.replies[0].code == 250


@pytest.mark.rfc(5321, "4.5.4.1")
@pytest.mark.parametrize(("step", "doubt"), [("RCPT", False), ("DATA", False), ("DOT", True)])
@pytest.mark.parametrize("how", [DROP, HANG])
def test_only_after_the_end_of_the_data_is_a_lost_session_in_doubt(step: str, doubt: bool, how: str) -> None:
    sent, _ = send_one(Script(answers={step: how}, extensions=()))

    assert sent.replies[0].code == 451
    assert sent.replies[0].enhanced == "4.4.2"
    assert sent.in_doubt is doubt


@pytest.mark.rfc(5321, "4.5.4.1")
def test_a_session_lost_within_the_data_is_not_in_doubt() -> None:
    with ScriptedServer(Script(answers={"BODY": DROP})) as server:
        sent = session(server).send(to("bob@b.example"), [MESSAGE] + [b"x" * 78 + b"\r\n"] * 400_000)

    assert sent.replies[0].enhanced == "4.4.2"
    assert not sent.in_doubt


@pytest.mark.own("a session that was gone before anything was said is tried anew")
def test_a_connection_closed_while_idle_is_told_apart() -> None:
    script = Script()
    with ScriptedServer(script) as server:
        client = session(server)
        client.send(to("bob@b.example"), [MESSAGE])
        script.answers["MAIL"] = DROP

        with pytest.raises(SessionLost):
            client.send(to("bob@b.example"), [MESSAGE])


@pytest.mark.own("a server that speaks nonsense or without end is a recorded temporary failure")
@pytest.mark.parametrize(
    "words",
    ["hello there", "999 what", "250-a\r\n251 b", "2x0 ok", "250" + "x" * 5_000, "\r\n".join(["250-more"] * 500)],
)
@pytest.mark.parametrize("step", ["CONNECT", "EHLO", "MAIL", "DOT"])
def test_nonsense_at_any_step_has_a_reason_and_costs_little(step: str, words: str) -> None:
    with ScriptedServer(Script(answers={step: words}, extensions=())) as server:
        try:
            reply = session(server).send(to("bob@b.example"), [MESSAGE]).replies[0]
        except (ConnectFailed, SessionLost) as error:
            reply = error.reply

    assert reply.code == 451
    assert "127.0.0.1" in reply.text
    assert reply.text.isascii()


@pytest.mark.rfc(5321, "4.5.3.2")
def test_a_server_that_drips_holds_nobody_up() -> None:
    with ScriptedServer(Script(drip=0.05)) as server:
        begin = time.monotonic()
        with pytest.raises(ConnectFailed):
            session(server)

    assert time.monotonic() - begin < 2


@pytest.mark.own("a lease is renewed while a server is waited for")
def test_waiting_ticks_and_what_the_tick_raises_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("submission.smtp.connection.TICK", 0.02)
    ticks: list[float] = []

    class Lost(Exception):
        pass

    def tick() -> None:
        ticks.append(time.monotonic())
        if len(ticks) > 20:
            raise Lost

    with ScriptedServer(Script(answers={"DOT": HANG})) as server:
        client = Client(Server("127.0.0.1", server.port, "none", timeouts=Timeouts()), tick)
        client.open()
        with pytest.raises(Lost):
            client.send(to("bob@b.example"), [MESSAGE])


@pytest.mark.rfc(6531, "3.5")
def test_what_the_server_cannot_carry_is_refused_and_not_rewritten() -> None:
    with ScriptedServer(Script(extensions=("PIPELINING", "SIZE 1000"))) as server:
        client = session(server)
        header = client.send(to("bob@b.example", needs_smtputf8=True), [MESSAGE])
        mixed = client.send(to("bücher@b.example", "bob@bücher.example"), [MESSAGE])
        eight = client.send(to("bob@b.example", is_8bit=True), [MESSAGE])
        large = client.send(Envelope("ada@a.example", [Recipient("bob@b.example")], 1_001), [MESSAGE])
        client.quit()

    assert [sent.replies[0].enhanced for sent in (header, mixed, eight, large)] == ["5.6.7", "5.6.7", "5.6.3", "5.3.4"]
    assert mixed.replies[1].code == 250
    assert server.messages[0].rcpt == ["RCPT TO:<bob@xn--bcher-kva.example>"]
    assert len(server.messages) == 1


@pytest.mark.rfc(3461, "4")
def test_dsn_parameters_travel_where_dsn_is_announced() -> None:
    envelope = Envelope(
        "ada@a.example",
        [Recipient("bob@b.example", "SUCCESS,FAILURE", "rfc822;b+o=b@b.example")],
        len(MESSAGE), ret="HDRS", envid="a b",
    )  # fmt: skip
    commands = []
    for extensions in (("DSN",), ()):
        with ScriptedServer(Script(extensions=extensions)) as server:
            client = session(server)
            client.send(envelope, [MESSAGE])
            client.quit()
        commands.append((server.messages[0].mail, server.messages[0].rcpt[0]))

    assert commands == [
        (
            "MAIL FROM:<ada@a.example> RET=HDRS ENVID=a+20b",
            "RCPT TO:<bob@b.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bo+3Db@b.example",
        ),
        ("MAIL FROM:<ada@a.example>", "RCPT TO:<bob@b.example>"),
    ]


@pytest.mark.rfc(5321, "4.1.2")
@pytest.mark.parametrize("address", ["a b@c.example", "a@b>\r\nRCPT TO:<c", "a\0@b.example", ""])
def test_an_address_that_would_be_a_command_never_reaches_the_wire(address: str) -> None:
    sent, server = send_one(Script(), address, "bob@b.example")

    assert [reply.code for reply in sent.replies] == [550, 250]
    assert sent.replies[0].enhanced == "5.1.3"
    assert sum(command.startswith("RCPT") for command in server.commands) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.mark.rfc(3207, "4")
@pytest.mark.parametrize("implicit", [False, True])
def test_a_password_travels_over_verified_tls(certificate: tuple[Path, Path], implicit: bool) -> None:
    script = Script(tls=server_context(*certificate), implicit_tls=implicit, credentials=("ada", "pässword"))
    secure = {"security": "tls" if implicit else "starttls", "username": "ada", "password": "pässword"}
    with ScriptedServer(script) as server:
        client = session(server, authorities=certificate[0].read_text(), **secure)
        sent = client.send(to("bob@b.example"), [MESSAGE])
        client.quit()

        with pytest.raises(ConnectFailed) as untrusted:
            session(server, **secure)

    assert sent.replies[0].code == 250
    assert untrusted.value.reply.enhanced == "4.7.5"
    assert "not trusted" in untrusted.value.reply.text


@pytest.mark.rfc(3207, "4")
def test_a_server_that_takes_starttls_away_gets_nothing() -> None:
    with ScriptedServer() as server, pytest.raises(ConnectFailed) as failed:
        session(server, security="starttls", username="ada", password="secret")

    assert failed.value.reply.enhanced == "4.7.4"
    assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


@pytest.mark.rfc(4954, "4")
def test_a_wrong_password_holds_mail_back_and_bounces_none() -> None:
    with ScriptedServer(Script(credentials=("ada", "right"))) as server, pytest.raises(ConnectFailed) as failed:
        session(server, username="ada", password="wrong")

    assert failed.value.reply.code == 451
    assert "535 5.7.8" in failed.value.reply.text


@pytest.mark.rfc(5321, "4.5.4.1")
def test_a_port_that_nobody_listens_on_is_a_failed_connection() -> None:
    with ScriptedServer() as server:
        port = server.port

    with pytest.raises(ConnectFailed) as failed:
        Client(Server("127.0.0.1", port, "none", timeouts=QUICK)).open()

    assert failed.value.reply.enhanced == "4.4.1"
