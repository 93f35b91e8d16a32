"""What Postfix asks before it queues a message, over a real socket (socketmap_table(5))."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from django.db import OperationalError

from mail.lmtp import answers
from mail.services import accounts, aliases, quotas
from tests.delivery.post import PostOffice
from tests.lmtp.running import Running

pytestmark = pytest.mark.own("Postfix asks our database before it queues")


class Questioner:
    """Speaks netstrings."""

    def __init__(self, address: object) -> None:
        self.socket = socket.create_connection(address, timeout=10)  # type: ignore[arg-type]
        self.file = self.socket.makefile("rb")

    def ask(self, table: str, key: str) -> str:
        request = f"{table} {key}".encode()
        self.socket.sendall(b"%d:%s," % (len(request), request))
        return self.reply()

    def reply(self) -> str:
        digits = b""
        while (octet := self.file.read(1)) not in (b":", b""):
            digits += octet
        if not digits:
            return ""
        body = self.file.read(int(digits) + 1)
        assert body.endswith(b",")
        return body[:-1].decode()


@pytest.fixture
def postfix(lmtp: Running) -> Iterator[Questioner]:
    questioner = Questioner(lmtp.lookups)
    yield questioner
    questioner.file.close()
    questioner.socket.close()


def test_domains_of_ours_are_known(postfix: Questioner, post: PostOffice) -> None:
    accounts.change_domain(accounts.create_domain("asleep.test"), False)

    assert postfix.ask("domains", "MAIL.test") == "OK mail.test"
    assert postfix.ask("domains", "asleep.test") == "NOTFOUND "
    assert postfix.ask("domains", "elsewhere.test") == "NOTFOUND "
    assert postfix.ask("domains", "no domain at all") == "NOTFOUND "


def test_recipients_are_known_with_their_tags_and_while_they_are_full(postfix: Questioner, post: PostOffice) -> None:
    local, _at, domain = post.address.partition("@")
    quotas.limit_account(post.room.account, max_emails=0, max_octets=None)

    assert postfix.ask("recipients", post.address.upper()).startswith("OK ")
    assert postfix.ask("recipients", f"{local}+news@{domain}").startswith("OK ")
    assert postfix.ask("recipients", f"nobody@{domain}") == "NOTFOUND "
    assert postfix.ask("recipients", f"@{domain}") == "NOTFOUND "
    assert postfix.ask("recipients", "nonsense") == "NOTFOUND "


def test_access_gives_the_answer_that_rcpt_would_get(postfix: Questioner, post: PostOffice) -> None:
    assert postfix.ask("access", post.address) == "NOTFOUND "
    assert postfix.ask("access", "somebody@elsewhere.test") == "NOTFOUND "
    assert postfix.ask("access", "nobody@mail.test").startswith("OK 550 5.1.1 ")

    quotas.limit_account(post.room.account, max_emails=0, max_octets=None)
    assert postfix.ask("access", post.address).startswith("OK 452 4.2.2 ")


def test_aliases_lead_where_their_targets_are(postfix: Questioner, post: PostOffice) -> None:
    aliases.create("staff@mail.test", [post.address, "ada@elsewhere.test"])

    assert postfix.ask("aliases", "Staff@mail.test") == f"OK {post.address}, ada@elsewhere.test"
    assert postfix.ask("aliases", post.address) == "NOTFOUND "


def test_a_table_that_is_not_there_is_a_fault_of_the_configuration(postfix: Questioner) -> None:
    assert postfix.ask("nothing", "x").startswith("PERM ")


def test_a_database_that_is_away_is_temporary(postfix: Questioner, post: PostOffice, monkeypatch) -> None:
    def away(*given: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(answers, "check_recipient", away)

    assert postfix.ask("recipients", post.address).startswith("TEMP ")


@pytest.mark.parametrize("request_", [b"nonsense:", b"99999:", b"3:abc;", b":"])
def test_what_is_no_netstring_ends_the_connection(postfix: Questioner, request_: bytes) -> None:
    postfix.socket.sendall(request_)

    assert postfix.reply() == ""
