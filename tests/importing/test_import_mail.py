"""``manage.py import_mail`` as an operator uses it: Maildir and mbox, interrupted and run again."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jmap.blobs import service as blobs
from mail.importers import maildir, mbox
from mail.models import Email, ImportedMessage, Mailbox, Membership
from mail.services import importing, journal, quotas
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.own("an import may be interrupted and run again, and changes no octet"),
]


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


def run(room: Mailroom, *paths: Path, **options) -> str:
    out = StringIO()
    call_command("import_mail", room.account.name, *map(str, paths), stdout=out, verbosity=0, **options)
    return out.getvalue()


def write(folder: Path, name: str, data: bytes, when: int = 1_700_000_000) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    os.utime(folder / name, (when, when))


def in_mailbox(name: str) -> list[Email]:
    return [row.email for row in Membership.objects.filter(mailbox__name=name).select_related("email")]


def test_a_folder_of_message_files_brings_mailboxes_and_dates(room, tmp_path):
    write(tmp_path, "a.eml", message("a"))
    write(tmp_path, "README.md", b"# Not mail: a text\n")
    write(tmp_path / "Tea", "without-suffix", message("b", subject="Tea"))
    write(tmp_path / "Tea", "broken.EML", b"no field at all\n", when=1_600_000_000)
    write(tmp_path / "old" / "cur", "1500000000.M1.host:2,S", message("c", subject="Old"))

    said = [run(room, tmp_path) for _ in range(2)]

    assert said[0] == "4 imported, 0 were here already, 0 could not be read\n"
    assert said[1] == "0 imported, 4 were here already, 0 could not be read\n"
    assert len(in_mailbox("Inbox")) == len(in_mailbox("old")) == 1
    assert datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC) in {email.received_at for email in in_mailbox("Tea")}
    check(room.account.pk)


def test_a_maildir_brings_folders_flags_and_dates(room, tmp_path):
    write(tmp_path / "cur", "1500000000.M1.host:2,SF", message("a"))
    write(tmp_path / ".Lists.Tea" / "new", "1500000001.M2.host", message("b", subject="Tea"))
    write(tmp_path / ".Sent" / "cur", "1500000002.M3.host:2,RS", message("c", subject="Cake"))

    said = run(room, tmp_path)

    assert said == "3 imported, 0 were here already, 0 could not be read\n"
    (first,) = in_mailbox("Inbox")
    assert (first.seen, first.flagged, first.received_at) == (True, True, datetime(2017, 7, 14, 2, 40, tzinfo=UTC))
    assert len(in_mailbox("Tea")) == len(in_mailbox("Sent")) == 1
    assert Mailbox.objects.get(name="Tea").parent.name == "Lists"
    check(room.account.pk)


def test_octets_are_kept_as_they_came(room, tmp_path):
    data = b"Subject: odd\nX: \xff\n\nbare line ends\n"
    write(tmp_path / "cur", "1500000000.M1.host:2,", data)

    run(room, tmp_path)

    assert blobs.read(Email.objects.get().blob) == data


def test_running_again_imports_nothing_twice_and_what_is_new_once(room, tmp_path):
    write(tmp_path / "cur", "1500000000.M1.host:2,", message("a"))
    run(room, tmp_path)
    (tmp_path / "cur" / "1500000000.M1.host:2,").rename(tmp_path / "cur" / "1500000000.M1.host:2,S")
    write(tmp_path / "cur", "1500000001.M2.host:2,", message("b"))

    said = run(room, tmp_path)

    assert said.startswith("1 imported, 1 were here already")
    assert Email.objects.count() == 2


def test_two_equal_messages_of_an_mbox_stay_two(room, tmp_path):
    one = b"From ada@mail.test Thu Jan  1 10:00:00 2026\n" + message("a").replace(b"\r\n", b"\n") + b"\n"
    (tmp_path / "box.mbox").write_bytes(one + one)

    run(room, tmp_path / "box.mbox")
    said = run(room, tmp_path / "box.mbox")

    assert len(in_mailbox("box")) == 2
    assert said.startswith("0 imported, 2 were here already")


def test_an_mbox_is_unquoted_by_one_level_and_its_separators_are_no_part_of_messages(room, tmp_path):
    body = b"Subject: x\nStatus: RO\n\nline\n\n>From here\n>>From there\nFrom now on no date\n"
    (tmp_path / "in.mbox").write_bytes(
        b"From a Thu Jan  1 10:00:00 2026\n" + body + b"\nFrom b Fri Jan  2 11:00:00 2026\nSubject: y\n\nlast\n\n"
    )

    run(room, tmp_path / "in.mbox", mailbox="Old/Papers")

    first, second = Email.objects.order_by("received_at")
    assert blobs.read(first.blob) == body.replace(b"\n>From", b"\nFrom", 1).replace(b">>From", b">From")
    assert blobs.read(second.blob) == b"Subject: y\n\nlast\n"
    assert first.seen
    assert first.received_at == datetime(2026, 1, 1, 10, tzinfo=UTC)
    assert Mailbox.objects.get(name="Papers").parent.name == "Old"


def test_an_interrupted_import_goes_on_where_it_stopped(room, tmp_path, monkeypatch):
    monkeypatch.setattr(importing, "SLICE", 2)
    for number in range(5):
        write(tmp_path / "cur", f"150000000{number}.M.host:2,", message(f"m{number}"))
    entries = list(maildir.entries(tmp_path))

    def broken():
        yield from entries[:3]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        importing.take_in(room.account, b"s" * 32, broken())
    assert Email.objects.count() == ImportedMessage.objects.count() == 2
    tally = importing.take_in(room.account, b"s" * 32, entries)

    assert (tally.imported, tally.known, Email.objects.count()) == (3, 2, 5)
    check(room.account.pk)


def test_a_slice_that_fails_leaves_neither_mail_nor_journal(room, tmp_path, monkeypatch):
    write(tmp_path / "cur", "1500000000.M1.host:2,", message("a"))
    monkeypatch.setattr(journal, "write", lambda *args: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        importing.take_in(room.account, b"s" * 32, maildir.entries(tmp_path))

    assert not Email.objects.exists()
    check(room.account.pk)


def test_a_message_that_cannot_be_read_is_reported_and_the_others_come_in(room, tmp_path):
    write(tmp_path / "cur", "1500000000.M1.host:2,", message("a"))
    write(tmp_path / "cur", "1500000001.M2.host:2,", message("b"))
    entries = list(maildir.entries(tmp_path))
    (tmp_path / "cur" / "1500000000.M1.host:2,").unlink()

    tally = importing.take_in(room.account, b"s" * 32, entries)

    assert (tally.imported, tally.failed) == (1, 1)


def test_an_account_that_is_full_stops_the_import_with_a_line_and_it_goes_on_when_there_is_room(
    room, tmp_path, monkeypatch
):
    monkeypatch.setattr(importing, "SLICE", 2)
    for number in range(5):
        write(tmp_path / "cur", f"150000000{number}.M.host:2,", message(f"m{number}"))
    quotas.limit_account(room.account, max_emails=3, max_octets=None)

    with pytest.raises(CommandError, match="the account is full; 2 messages were imported, run it again to go on"):
        run(room, tmp_path)
    quotas.limit_account(room.account, max_emails=5, max_octets=None)
    said = run(room, tmp_path)

    assert said.startswith("3 imported, 2 were here already")
    check(room.account.pk)


def test_what_is_no_mailbox_format_is_said_so(room, tmp_path):
    (tmp_path / "notes.txt").write_text("Dear diary")

    with pytest.raises(CommandError, match="is no mbox"):
        run(room, tmp_path / "notes.txt")
    with pytest.raises(CommandError, match="holds no mail"):
        run(room, tmp_path)
    with pytest.raises(CommandError, match="is not there"):
        run(room, tmp_path / "nowhere")


def test_an_unknown_account_is_said_so(room, tmp_path):
    with pytest.raises(CommandError, match=r"no account of nobody@mail\.test"):
        call_command("import_mail", "nobody@mail.test", str(tmp_path), verbosity=0)


def test_an_empty_mbox_holds_no_messages(tmp_path):
    (tmp_path / "empty").touch()

    assert list(mbox.entries(tmp_path / "empty", ("x",))) == []
