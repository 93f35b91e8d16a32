"""A real MTA in front: Debian's Postfix, with the lines that ``deploy/postfix.main.cf`` gives operators."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lmtp.client import SENDER
from tests.lmtp.postfix import postfix
from tests.lmtp.site import Site, message, open_site, until
from tests.postfix import Postfix, program
from tests.running import free_port, manage

pytestmark = pytest.mark.own("Postfix asks before it queues, and hands over what it has queued")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program()
    with open_site(tmp_path_factory.mktemp("postfix"), "postfix", accounts=2) as site:
        yield site


@pytest.fixture(scope="module")
def mta(site: Site) -> Iterator[Postfix]:
    lookups = free_port()
    with postfix(site, lookups) as mta, site.lmtpd("--socketmap", f"127.0.0.1:{lookups}"):
        yield mta


def send(mta: Postfix, subject: str, recipients: list[str]) -> dict[str, tuple[int, bytes]]:
    """Hand a message to Postfix as the world does; gives the refusals."""
    with smtplib.SMTP("127.0.0.1", mta.port, timeout=30) as client:
        try:
            return client.sendmail(SENDER, recipients, message(subject))
        except smtplib.SMTPRecipientsRefused as error:
            return error.recipients


def arrived(site: Site, subject: str) -> list[str]:
    """Who has a message of that subject, once for each copy."""
    return [name for name, found in site.recount() if found == subject]


def test_a_message_for_two_is_delivered_to_both(mta: Postfix, site: Site) -> None:
    local, _at, domain = site.addresses[1].partition("@")

    refused = send(mta, "delivered", [site.addresses[0], f"{local}+news@{domain}"])

    until(lambda: mta.log.count("status=sent") >= 2 and not mta.queue())
    assert refused == {}
    assert arrived(site, "delivered") == ["person0", "person1"]
    assert "250 2.1.5 delivered" in mta.log


def test_an_unknown_recipient_is_refused_while_the_sender_is_there(mta: Postfix, site: Site) -> None:
    refused = send(mta, "unknown", ["nobody@lmtp.example", "somebody@elsewhere.test"])

    assert refused["nobody@lmtp.example"][0] == 550
    assert b"5.1.1" in refused["nobody@lmtp.example"][1]
    assert refused["somebody@elsewhere.test"][0] == 554
    assert mta.queue() == []


def test_a_full_account_is_told_before_the_message_is_sent(mta: Postfix, site: Site) -> None:
    account = f"accounts.find({site.addresses[1]!r})"
    fill = f"from mail.services import accounts, quotas; quotas.limit_account({account}, max_octets=None, max_emails="
    manage("shell", "-c", f"{fill}0)", variables=site.variables)
    refused = send(mta, "full", [site.addresses[1]])
    manage("shell", "-c", f"{fill}None)", variables=site.variables)

    assert refused[site.addresses[1]][0] == 452
    assert b"4.2.2" in refused[site.addresses[1]][1]
    assert mta.queue() == []


def test_what_cannot_be_stored_now_waits_in_the_queue_and_comes_once(mta: Postfix, site: Site) -> None:
    blobs = Path(site.variables["DATA_DIR"]) / "blobs"
    away = blobs.rename(blobs.with_name("away"))
    blobs.write_text("no folder any more")

    refused = send(mta, "deferred", [site.addresses[0]])
    until(lambda: "status=deferred" in mta.log)
    waiting = mta.queue()
    blobs.unlink()
    away.rename(blobs)
    until(lambda: not mta.queue(), 40)

    assert refused == {}
    assert len(waiting) == 1
    assert f"{waiting[0]}: to=<{site.addresses[0]}>" in mta.log
    assert arrived(site, "deferred") == ["person0"]
    assert waiting[0] in site.log.read_text(), "the log does not know Postfix's queue id"
