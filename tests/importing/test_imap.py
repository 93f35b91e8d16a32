"""``manage.py import_mail --imap``: from a real Dovecot, over lines that drop, again and again without doubles."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jmap.blobs import service as blobs
from mail.importers import imap as imap_module
from mail.models import Email, Membership
from mail.services import importing
from tests.importing.dovecot import MASTER, MASTER_PASSWORD, PASSWORD, Dovecot, Line, dovecot
from tests.importing.portrait import portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("impatient"),
    pytest.mark.own("an IMAP account is imported whole, once, whatever happens on the way"),
]

RECEIVED = datetime(2021, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def room() -> Mailroom:
    return Mailroom.open()


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMPORT_PASSWORD", PASSWORD)


def run(room: Mailroom, port: int, user: str, **options: Any) -> str:
    """Import from a port of the loopback interface; what the command said."""
    out = StringIO()
    given = {"imap": f"127.0.0.1:{port}", "user": user, "security": "none", "verbosity": 0, **options}
    call_command("import_mail", room.account.name, stdout=out, stderr=out, **given)
    return out.getvalue()


@contextmanager
def line(port: int, *drops_after: int) -> Iterator[Line]:
    """A line to a port that drops."""
    dropping = Line(port, drops_after)
    yield dropping
    dropping.close()


def in_mailbox(room: Mailroom, name: str) -> list[Email]:
    members = Membership.objects.filter(mailbox__name=name, account=room.account).select_related("email")
    return [row.email for row in members]


@pytest.mark.rfc(8621, "4.1.1")
def test_octets_flags_keywords_and_dates_come_with_a_message(room, imap, user):
    data = message("a", subject="Grüße")
    imap.put(user, "INBOX", data, ("\\Seen", "\\Flagged", "$Forwarded", "NonJunk", "Project_X"), RECEIVED)

    said = run(room, imap.port, user)

    assert "1 imported, 0 were here already, 0 could not be read" in said
    ((digest, mailboxes, keywords, received),) = portrait(room.account).emails
    assert mailboxes == {("Inbox",)}
    assert keywords == {"$seen", "$flagged", "$forwarded", "$notjunk", "project_x"}
    assert received == RECEIVED.isoformat()
    assert blobs.read(Email.objects.get(account=room.account).blob) == data
    assert digest
    check(room.account.pk)


def test_folders_become_mailboxes_by_special_use_by_name_and_by_path(room, imap, user):
    for folder in ("Gesendete Objekte", "Trash", "Grüße & 茶/Öl", "INBOX/Sub"):
        imap.put(user, folder, message(f"{len(folder)}"))
    with imap.account(user) as client:
        client.create_folder("Leer")
        client.unsubscribe_folder("Trash")

    run(room, imap.port, user)

    paths = {mailboxes for _, mailboxes, _, _ in portrait(room.account).emails}
    assert paths == {
        frozenset({("Sent",)}),
        frozenset({("Trash",)}),
        frozenset({("Grüße & 茶", "Öl")}),
        frozenset({("Inbox", "Sub")}),
    }
    assert portrait(room.account).mailboxes["Leer",] == (None, 0, False)
    assert portrait(room.account).mailboxes["Grüße & 茶", "Öl"] == (None, 0, True)


def test_a_view_of_all_messages_is_passed_over_unless_it_is_named(room, imap, user):
    imap.put(user, "Everything", message("a"))

    said = run(room, imap.port, user)

    assert "'Everything' shows messages of others" in said
    assert not Email.objects.exists()
    assert "1 imported" in run(room, imap.port, user, folder=["Everything"])
    assert "'Nowhere' is not there" in run(room, imap.port, user, folder=["Nowhere"])


@pytest.mark.rfc(8621, "4.1.1")
def test_deleted_messages_are_passed_over_unless_they_are_asked_for(room, imap, user):
    imap.put(user, "INBOX", message("a"), ("\\Deleted", "\\Seen"))

    assert "0 imported" in run(room, imap.port, user)
    assert "1 imported" in run(room, imap.port, user, with_deleted=True)
    assert Email.objects.get().seen


def test_folders_under_a_prefix_lose_it(room, user, imap):
    with dovecot(prefix="INBOX.", separator=".") as other:
        other.put(user, "INBOX.Lists.Tea", message("a"))
        other.put(user, "INBOX", message("b"))

        run(room, other.port, user)

    paths = {mailboxes for _, mailboxes, _, _ in portrait(room.account).emails}
    assert paths == {frozenset({("Inbox",)}), frozenset({("Lists", "Tea")})}


def test_a_second_run_asks_for_nothing_twice_and_brings_what_is_new(room, imap, user):
    imap.put(user, "INBOX", message("a"))
    imap.put(user, "INBOX", message("a"))
    run(room, imap.port, user)
    imap.put(user, "INBOX", message("b"))

    said = run(room, imap.port, user)

    assert "1 imported, 2 were here already" in said
    assert Email.objects.count() == 3


@pytest.mark.parametrize("seed", [1, 2])
def test_a_line_that_drops_anywhere_costs_and_doubles_nothing(room, imap, user, seed, monkeypatch):
    monkeypatch.setattr(imap_module, "LARGE", 3_000)
    monkeypatch.setattr(imap_module, "PIECE", 1_000)
    monkeypatch.setattr(imap_module, "BATCH_OCTETS", 2_000)
    monkeypatch.setattr(importing, "SLICE", 4)
    dice = random.Random(seed)
    sent = [message(f"m{number}", body="word " * dice.randrange(1, 1_200)) for number in range(20)]
    for data in sent:
        imap.put(user, dice.choice(["INBOX", "Other"]), data)
    with line(imap.port, *(dice.randrange(1_500, 9_000) for _ in range(12))) as dropping:
        said = run(room, dropping.port, user)

    assert "20 imported, 0 were here already, 0 could not be read" in said
    assert dropping.connections > 3
    assert sorted(blobs.read(email.blob) for email in Email.objects.all()) == sorted(sent)
    check(room.account.pk)


def test_an_interrupted_import_goes_on_where_it_stopped(room, imap, user, monkeypatch):
    monkeypatch.setattr(importing, "SLICE", 2)
    for number in range(5):
        imap.put(user, "INBOX", message(f"m{number}"))
    take, slices = importing._take_slice, []

    def interrupted(*args):
        slices.append(args)
        if len(slices) == 2:
            raise KeyboardInterrupt
        take(*args)

    monkeypatch.setattr(importing, "_take_slice", interrupted)
    with pytest.raises(CommandError, match="interrupted; run the same command again"):
        run(room, imap.port, user)
    monkeypatch.setattr(importing, "_take_slice", take)
    said = run(room, imap.port, user)

    assert "3 imported, 2 were here already" in said
    assert Email.objects.count() == 5


def test_a_folder_that_was_numbered_anew_is_not_imported_twice(room, imap, user):
    for data in (message("a"), message("twin"), message("twin"), message("b")):
        imap.put(user, "INBOX", data)
    run(room, imap.port, user)
    imap.number_anew(user)
    imap.put(user, "INBOX", message("twin"))

    said = run(room, imap.port, user)

    assert "1 imported, 4 were here already" in said
    assert "0 imported, 5 were here already" in run(room, imap.port, user)
    assert Email.objects.count() == 5


def test_a_folder_that_is_numbered_anew_between_two_runs_of_one_import_loses_nothing(room, imap, user, monkeypatch):
    monkeypatch.setattr(importing, "SLICE", 1)
    for _ in range(3):
        imap.put(user, "INBOX", message("twin"))
    take, slices = importing._take_slice, []

    def interrupted(*args):
        take(*args)
        slices.append(args)
        if len(slices) in (1, 2):
            raise KeyboardInterrupt

    monkeypatch.setattr(importing, "_take_slice", interrupted)
    for _ in range(2):
        with pytest.raises(CommandError, match="interrupted"):
            run(room, imap.port, user)
        imap.number_anew(user)
    run(room, imap.port, user)

    assert Email.objects.count() == 3


def test_a_message_that_the_server_cannot_give_is_reported_and_the_others_come_in(room, imap, user):
    for name in "abc":
        imap.put(user, "INBOX", message(name))
    imap.files(user)[1].chmod(0)

    with pytest.raises(CommandError, match="1 messages could not be read"):
        run(room, imap.port, user)

    assert Email.objects.count() == 2
    imap.files(user)[1].chmod(0o600)
    assert "1 imported, 2 were here already" in run(room, imap.port, user)


def test_tls_is_the_default_and_certificates_are_checked(room, imap, user):
    imap.put(user, "INBOX", message("a"))
    authority = str(imap.folder / "cert.pem")

    with pytest.raises(CommandError, match=r"certificate of 127\.0\.0\.1 cannot be trusted"):
        run(room, imap.tls_port, user, security="tls")
    with pytest.raises(CommandError, match=r"certificate of 127\.0\.0\.1 cannot be trusted"):
        run(room, imap.port, user, security="starttls")
    assert "1 imported" in run(room, imap.tls_port, user, security="tls", ca_file=authority)
    assert "1 were here already" in run(room, imap.port, user, security="starttls", ca_file=authority)


def test_what_a_person_can_mend_is_said_in_words(room, imap, user, monkeypatch, tmp_path):
    unused = Line(1, ())
    unused.close()

    with pytest.raises(CommandError, match=r"127\.0\.0\.1 cannot be reached"):
        run(room, unused.port, user)
    with pytest.raises(CommandError, match="no account of nobody"):
        call_command("import_mail", "nobody", imap=f"127.0.0.1:{imap.port}", user=user, security="none", verbosity=0)
    monkeypatch.setenv("IMPORT_PASSWORD", "wrong")
    with pytest.raises(CommandError, match=f"refuses the login of {user}"):
        run(room, imap.port, user)
    monkeypatch.delenv("IMPORT_PASSWORD")
    with pytest.raises(CommandError, match="give the password by --password-file or IMPORT_PASSWORD"):
        run(room, imap.port, user)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    assert "0 imported" in run(room, imap.port, user, password_file=tmp_path / "password")


def test_a_master_user_reads_the_mail_of_others(room, imap, user, monkeypatch):
    imap.put(user, "INBOX", message("a"))
    monkeypatch.setenv("IMPORT_PASSWORD", MASTER_PASSWORD)

    said = run(room, imap.port, user, master=MASTER)

    assert "1 imported" in said


def run_many(imap: Dovecot, csv: Path, **options: Any) -> StringIO:
    out = StringIO()
    address = f"127.0.0.1:{imap.port}"
    try:
        call_command(
            "import_mail", accounts=csv, imap=address, security="none", verbosity=0, stdout=out, stderr=out, **options
        )
    except CommandError as error:
        out.write(str(error))
    return out


def test_many_accounts_come_from_a_file_and_one_that_fails_stops_no_other(imap, user, tmp_path):
    rooms = [Mailroom.open() for _ in range(3)]
    for number in range(3):
        imap.put(f"{user}x{number}", "INBOX", message(f"m{number}"))
    (tmp_path / "many.csv").write_text(
        "user,password,account\n"
        f"{user}x0,{PASSWORD},{rooms[0].account.name}\n"
        f"{user}x1,wrong,{rooms[1].account.name}\n"
        f"{user}x2,{PASSWORD},nobody@mail.test\n"
        f"{user}x2,{PASSWORD},{rooms[2].account.name}\n"
    )

    said = run_many(imap, tmp_path / "many.csv").getvalue()

    assert f"{user}x0: 1 imported" in said
    assert f"{user}x1: 127.0.0.1 refuses the login of {user}x1" in said
    assert f"{user}x2: there is no account of nobody@mail.test" in said
    assert f"{user}x2: 1 imported" in said
    assert "2 of 4 accounts failed" in said
    assert [Email.objects.filter(account=room.account).count() for room in rooms] == [1, 0, 1]
    assert PASSWORD not in said


def test_many_accounts_come_by_a_master_user(imap, user, tmp_path, monkeypatch):
    rooms = [Mailroom.open() for _ in range(2)]
    for number in range(2):
        imap.put(f"{user}x{number}", "INBOX", message(f"m{number}"))
    rows = "".join(f"{user}x{number},{room.account.name}\n" for number, room in enumerate(rooms))
    (tmp_path / "many.csv").write_text(f"user,account\n{rows}")
    monkeypatch.setenv("IMPORT_PASSWORD", MASTER_PASSWORD)

    said = run_many(imap, tmp_path / "many.csv", master=MASTER).getvalue()

    assert said.endswith("2 imported, 0 were here already, 0 could not be read\n")
    assert [Email.objects.filter(account=room.account).count() for room in rooms] == [1, 1]


def test_a_file_of_accounts_with_something_missing_is_refused_before_anything_is_done(imap, tmp_path):
    (tmp_path / "many.csv").write_text("user,password,account\nada,,ada@mail.test\n")

    assert "many.csv, line 2: nothing in password" in run_many(imap, tmp_path / "many.csv").getvalue()


def test_a_folder_that_lies_too_deep_comes_in_under_another_name(room, imap, user):
    imap.put(user, "/".join("abcdefghijklm"), message("a"))

    said = run(room, imap.port, user)

    assert "1 imported" in said
    assert "lies too deep and is now mailbox 'a/b/c/d/e/f/g/h/i/j k l m'" in said
    check(room.account.pk)


def test_a_large_message_comes_through_a_file(room, imap, user, monkeypatch):
    data = message("large", body="x" * 76 + "\r\n" * 1 + ("y" * 76 + "\r\n") * 40_000)
    imap.put(user, "INBOX", data)
    pieces = []
    piece = imap_module._Window._piece
    monkeypatch.setattr(imap_module._Window, "_piece", lambda *args: pieces.append(args[-1]) or piece(*args))

    run(room, imap.port, user)

    assert len(pieces) == len(data) // imap_module.PIECE + 1
    assert blobs.read(Email.objects.get().blob) == data
