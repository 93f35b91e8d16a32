"""Import, export and import again: an account of real and of made mail comes back to the octet, in every layout."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.corpus.generator import generate
from tests.corpus.test_real import FOLDERS, as_maildir, messages_in
from tests.importing.portrait import portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("import, export and import again change nothing")]


def lines_of(folder: Path) -> Counter[str]:
    """What an export says of its emails, but for the ids, which are each account's own, and the places of files."""
    names = {mailbox["id"]: mailbox["name"] for mailbox in read(folder / "mailboxes.jsonl")}
    return Counter(
        json.dumps([
            sorted(names[key] for key in email["mailboxIds"]),
            *(email[name] for name in ("keywords", "receivedAt", "size", "sha256")),
        ])
        for email in read(folder / "emails.jsonl")
    )  # fmt: skip


def read(path: Path) -> list[dict[str, Any]]:
    """The objects of a file with one a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def goes_round(first: Mailroom, folder: Path, layout: str) -> None:
    """Export, import into an empty account, export from there: everything is equal."""
    second = Mailroom.open()
    quiet: dict[str, Any] = {"verbosity": 0, "stdout": StringIO()}
    call_command("export_mail", first.account.name, str(folder / "out"), format=layout, **quiet)
    call_command("import_mail", second.account.name, str(folder / "out"), **quiet)
    call_command("export_mail", second.account.name, str(folder / "again"), format=layout, **quiet)

    assert portrait(second.account) == portrait(first.account)
    assert lines_of(folder / "again") == lines_of(folder / "out")
    check(second.account.pk)


@pytest.mark.parametrize("layout", ["archive", "maildir", "mbox"])
def test_mail_of_our_own_making_goes_round(tmp_path, layout):
    room = Mailroom.open()
    made = generate(60, 4)
    paths = map(str, made.write(tmp_path / "mail"))
    call_command("import_mail", room.account.name, *paths, verbosity=0, stdout=StringIO())
    assert portrait(room.account).emails.total() == len(made.all)

    goes_round(room, tmp_path, layout)


@pytest.mark.parametrize("layout", ["archive", "maildir", "mbox"])
def test_real_mail_goes_round(mail_corpus, tmp_path, layout):
    room = Mailroom.open()
    maildirs = [as_maildir(mail_corpus / name, tmp_path / name) for name in FOLDERS]
    call_command("import_mail", room.account.name, *map(str, maildirs), verbosity=0, stdout=StringIO())
    assert portrait(room.account).emails.total() == sum(len(messages_in(maildir)) for maildir in maildirs)

    goes_round(room, tmp_path, layout)
