"""``manage.py export_mail``: every layout brings an account back as it was, and is what other programs expect."""

from __future__ import annotations

import json
import mailbox as stdlib
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from jmap.blobs import service as blobs
from jmap.blobs.storage import default_store
from jmap.store import writing
from mail.exporters.folder import ExportFolder
from mail.exporters.mbox import MboxLayout
from mail.models import Email, Mailbox
from mail.services import mailboxes
from mail.services.mailboxes import Node
from tests.importing.portrait import portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("an export imports again without loss")]

LAYOUTS = ("archive", "maildir", "mbox")


@pytest.fixture
def room() -> Mailroom:
    """An account with everything that an export could lose."""
    room = Mailroom.open()
    with writing(room.account.pk) as writer:
        present = mailboxes.load(room.account.pk, room.account.user_id, owned=True)
        archive = next(key for key, node in present.items() if node.role == "archive")
        made = {
            "lists": Node("Listen & Grüße", None, None, 7, True),
            "tea": Node("tea.and/or~100% 茶", "lists", None, 3, False),
            "was": Node("Archive", None, None, 5, True),
            "empty": Node(".empty", None, "memos", 0, False),
        }
        renamed = {archive: Node("Old mail", None, "archive", 77, False)}
        outcome = mailboxes.apply(writer, room.account.user_id, present, made, renamed, [])
    assert not outcome.refused
    room.boxes |= outcome.created
    room.deliver("a", boxes=("inbox", "tea", "was"), keywords=("$seen", "$forwarded", "project-x"), minutes=3)
    room.deliver("b", subject="From here", boxes=("tea",), keywords=("$flagged",), minutes=2)
    room.deliver("b", subject="From here", boxes=("tea",), keywords=("$flagged",), minutes=2)
    room.deliver("c", boxes=("drafts",), keywords=("$draft", "$seen"), minutes=1)
    return room


def export(room: Mailroom, folder: Path, layout: str) -> str:
    out = StringIO()
    call_command("export_mail", room.account.name, str(folder), format=layout, stdout=out, verbosity=0)
    return out.getvalue()


def import_into(room: Mailroom, folder: Path, **options) -> str:
    out = StringIO()
    call_command("import_mail", room.account.name, str(folder), stdout=out, verbosity=0, **options)
    return out.getvalue()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_export_imported_into_a_new_account_makes_an_equal_one(room, tmp_path, layout):
    other = Mailroom.open()

    export(room, tmp_path / "out", layout)
    said = import_into(other, tmp_path / "out")

    assert said.startswith("4 imported")
    assert portrait(other.account) == portrait(room.account)
    check(other.account.pk)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "data",
    [
        b"From here\n>From there\n>>From x\n\nFrom me\nFro\n> From\n",
        b"Subject: no line end\n\nlast line",
        b"Subject: crlf\r\n\r\nFrom me\r\n",
        b"bare\rFrom cr\r",
        b"\n",
        b"A: b\n\n" + b">" * 700_000 + b"From x\n" + b"From " * 200_000 + b"\nFrom y",
        b"A: \xff\0\n\n\n\n",
    ],
    ids=["quotes", "no line end", "crlf", "cr", "line end", "long lines", "empty lines"],
)
def test_octets_survive_every_layout(tmp_path, layout, data):
    room, other = Mailroom.open(), Mailroom.open()
    (tmp_path / "in" / "cur").mkdir(parents=True)
    (tmp_path / "in" / "cur" / "1700000000.1.host:2,").write_bytes(data)
    import_into(room, tmp_path / "in")

    export(room, tmp_path / "out", layout)
    import_into(other, tmp_path / "out")

    assert blobs.read(Email.objects.get(account=other.account).blob) == data


@pytest.mark.parametrize("layout", LAYOUTS)
def test_importing_an_export_twice_doubles_nothing_even_where_it_was_moved(room, tmp_path, layout):
    other = Mailroom.open()
    export(room, tmp_path / "out", layout)
    import_into(other, tmp_path / "out")
    before = portrait(other.account)
    (tmp_path / "out").rename(tmp_path / "elsewhere")

    said = import_into(other, tmp_path / "elsewhere")

    assert said.startswith("0 imported, 4 were here already")
    assert portrait(other.account) == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_interrupted_export_is_no_export_until_it_was_run_again(room, tmp_path, layout, monkeypatch):
    other = Mailroom.open()
    write, calls = ExportFolder.write, []

    def interrupted(self, email):
        calls.append(email)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(self, email)

    monkeypatch.setattr(ExportFolder, "write", interrupted)
    with pytest.raises(CommandError, match="interrupted; run the same command again"):
        export(room, tmp_path / "out", layout)
    with pytest.raises(CommandError, match="unfinished export"):
        import_into(other, tmp_path / "out")
    monkeypatch.setattr(ExportFolder, "write", write)
    room.place(*Email.objects.filter(account=room.account).values_list("pk", flat=True), keywords=("$seen",))
    export(room, tmp_path / "out", layout)
    import_into(other, tmp_path / "out")

    assert portrait(other.account) == portrait(room.account)
    assert not list((tmp_path / "out").rglob("*.partial"))


def test_an_export_never_writes_into_what_is_not_its_own(room, tmp_path):
    other = Mailroom.open()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").touch()
    (tmp_path / "file").touch()
    export(room, tmp_path / "done", "mbox")
    ExportFolder(tmp_path / "begun", other.account, MboxLayout()).close()

    for name, words in (("mine", "empty"), ("file", "empty"), ("done", "finished"), ("begun", "another account")):
        with pytest.raises(CommandError, match=words):
            export(room, tmp_path / name, "mbox")


def test_a_maildir_export_is_a_maildir(room, tmp_path):
    export(room, tmp_path / "out", "maildir")

    box = stdlib.Maildir(tmp_path / "out", create=False)
    (only,) = box
    assert (only.get_flags(), only.get_date() > 0, only.get_payload()) == ("PS", True, "Good day.\n")
    assert {"Old mail", "Drafts", "Listen &- Gr&APwA3w-e"} <= set(box.list_folders())
    tea = box.get_folder("Listen &- Gr&APwA3w-e.tea&AC4-and&AC8-or~100% &gzY-")
    assert sorted(message.get_flags() for message in tea) == ["F", "F", "PS"]


def test_a_plain_reading_of_a_maildir_export_has_every_copy(room, tmp_path):
    other = Mailroom.open()
    export(room, tmp_path / "out", "maildir")
    (tmp_path / "out" / "manifest.json").unlink()

    import_into(other, tmp_path / "out")

    assert Mailbox.objects.get(account=other.account, name="tea.and/or~100% 茶").total_emails == 3
    assert Email.objects.filter(account=other.account, seen=True).count() == 4
    assert Email.objects.filter(account=other.account).count() == 6


def test_an_mbox_export_is_read_by_others(room, tmp_path):
    export(room, tmp_path / "out", "mbox")

    box = stdlib.mbox(tmp_path / "out" / "Listen & Grüße" / "tea.and%2For~100%25 茶.mbox", create=False)
    assert [message["Subject"] for message in box] == ["Hello", "From here", "From here"]
    assert "2026" in box[0].get_from()


def test_a_message_that_was_changed_in_the_export_is_reported(room, tmp_path):
    other = Mailroom.open()
    export(room, tmp_path / "out", "archive")
    changed = next((tmp_path / "out" / "blobs").rglob("*/*"))
    changed.write_bytes(changed.read_bytes() + b"x")

    with pytest.raises(CommandError, match="could not be read"):
        import_into(other, tmp_path / "out")

    assert Email.objects.filter(account=other.account).count() in (2, 3)


def test_an_export_that_names_files_outside_of_itself_reads_none(room, tmp_path):
    other = Mailroom.open()
    export(room, tmp_path / "out", "archive")
    lines = (tmp_path / "out" / "emails.jsonl").read_text().splitlines()
    emails = [{**json.loads(line), "file": "../secret"} for line in lines]
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "out" / "emails.jsonl").write_text("\n".join(map(json.dumps, emails)))

    with pytest.raises(CommandError, match="4 messages could not be read"):
        import_into(other, tmp_path / "out")


def test_emails_whose_octets_are_lost_are_named_and_the_others_are_exported(room, tmp_path):
    lost = Email.objects.filter(account=room.account).earliest("pk")
    default_store().delete(blobs.key_of(lost.blob))

    with pytest.raises(CommandError, match=f"1 emails are lost: {lost.wire_id}"):
        export(room, tmp_path / "out", "archive")

    assert import_into(Mailroom.open(), tmp_path / "out").startswith("3 imported")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_account_with_mail_keeps_its_own_mailboxes_when_an_export_comes_in(room, tmp_path, layout):
    other = Mailroom.open()
    other.deliver("mine", boxes=("archive",))
    export(room, tmp_path / "out", layout)

    import_into(other, tmp_path / "out")

    own = Mailbox.objects.get(account=other.account, role="archive")
    assert (own.name, own.total_emails) == ("Archive", 1)
    assert portrait(other.account).emails.total() == 5
    check(other.account.pk)


def test_a_message_in_an_export_may_go_to_one_mailbox(room, tmp_path):
    other = Mailroom.open()
    export(room, tmp_path / "out", "archive")

    import_into(other, tmp_path / "out", mailbox="From/before")

    assert Mailbox.objects.get(account=other.account, name="before").total_emails == 4
