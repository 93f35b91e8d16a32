"""``backup --account`` and ``restore --account``: the mail of one account is back, while the site serves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from django.core.management import CommandError

from mail.models import Email
from tests.backup.conftest import message, run
from tests.importing.portrait import portrait
from tests.mail.email.conftest import Person
from tests.replay.history import House
from tests.store.invariants import check

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.own("an account is restored by itself")]


def test_an_account_is_brought_back_as_it_was(person: Callable[[str], Person], folder: Path) -> None:
    house, chance = House.open(person, "back"), Random(1)
    for _ in range(10):
        house.take(chance)
    ada, other = house.owner, house.guest
    before, others = portrait(ada.account), portrait(other.account)
    run("backup", folder, account="ownerback@example.org")
    for _ in range(10):
        house.take(chance)
    seen = set(ada.call("Email/query")["ids"])
    others = portrait(other.account)
    states = {name: ada.call(f"{name}/get", ids=[])["state"] for name in ("Email", "Mailbox", "Thread")}

    run("restore", folder, account="ownerback@example.org", force=True)

    assert portrait(ada.account) == before
    assert portrait(other.account) == others
    assert seen.isdisjoint(ada.call("Email/query")["ids"])
    for name, state in states.items():
        assert ada.error(f"{name}/changes", sinceState=state)["type"] == "cannotCalculateChanges"
    check(ada.account.pk)


def test_an_account_that_holds_mail_is_given_up_only_by_force(person: Callable[[str], Person], folder: Path) -> None:
    ada = person("ada")
    run("backup", folder, account="ada@example.org")
    kept = ada.deliver(message("kept"))

    with pytest.raises(CommandError, match="holds mail"):
        run("restore", folder, account="ada@example.org")

    assert ada.get(kept, "subject")["subject"] == "kept"


def test_a_damaged_backup_of_an_account_touches_nothing(person: Callable[[str], Person], folder: Path) -> None:
    ada = person("ada")
    ada.deliver(message("a"))
    kept = ada.deliver(message("b"))
    run("backup", folder, account="ada@example.org")
    next((folder / "blobs").rglob("?" * 62)).write_bytes(b"something else")

    with pytest.raises(CommandError, match="is damaged"):
        run("restore", folder, account="ada@example.org", force=True)

    assert ada.get(kept, "subject")["subject"] == "b"
    assert Email.objects.count() == 2
