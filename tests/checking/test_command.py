"""``manage.py check_store``: what it says, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jmap.blobs.service import key_of
from jmap.blobs.storage import default_store
from jmap.ids import encode
from mail.models import Email
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("an operator learns whether the store is sound")]


def run(*options: str) -> None:
    """Run the command without a progress bar."""
    call_command("check_store", *options, verbosity=0)


def test_a_sound_store_ends_well(room: Mailroom, capsys: Any) -> None:
    run()

    assert capsys.readouterr().out == "1 account checked, 0 faults found\n"


def test_faults_that_remain_end_with_status_1(room: Mailroom, damage: Callable[..., None], capsys: Any) -> None:
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE role = 'inbox'")

    with pytest.raises(CommandError, match="faults that remain: 1; --mend") as ended:
        run()

    told = capsys.readouterr().out
    assert ended.value.returncode == 1
    assert f"{room.account.name}: mailbox {encode('m', room.boxes['inbox'])}: emails, unread" in told
    assert "wrong-mailbox-counter: 1 remain" in told


def test_mended_faults_end_well(room: Mailroom, damage: Callable[..., None], capsys: Any) -> None:
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE role = 'inbox'")

    run("--mend")

    assert "wrong-mailbox-counter: 1 mended" in capsys.readouterr().out
    run()


def test_a_lost_message_remains_and_is_named(room: Mailroom, capsys: Any) -> None:
    email = Email.objects.latest("pk")
    default_store().delete(key_of(email.blob))

    with pytest.raises(CommandError, match=r"faults that remain: 1$"):
        run("--mend")

    assert f"{room.account.name}: blob {email.blob.wire_id} of email {email.wire_id}: its octets are lost" in (
        capsys.readouterr().out
    )


def test_one_account_can_be_asked_about_alone(room: Mailroom, damage: Callable[..., None]) -> None:
    other = Mailroom.open()
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77 WHERE id = %s", other.boxes["inbox"])

    run("--account", room.account.name)
    with pytest.raises(CommandError, match="faults that remain: 1"):
        run("--account", other.account.name)


def test_an_account_that_is_not_there_is_said_so() -> None:
    with pytest.raises(CommandError, match=r"there is no account of nobody@mail\.test"):
        run("--account", "nobody@mail.test")


def test_json_holds_every_fault(room: Mailroom, damage: Callable[..., None], capsys: Any) -> None:
    damage("UPDATE jmap_mail_mailbox SET total_emails = 77")

    with pytest.raises(CommandError):
        run("--json")

    told = json.loads(capsys.readouterr().out)
    assert (told["accounts"], told["found"], told["mended"], told["remaining"]) == (1, 6, 0, 6)
    assert {fault["account"] for fault in told["faults"]} == {room.account.wire_id}
    assert {fault["kind"] for fault in told["faults"]} == {"wrong-mailbox-counter"}
