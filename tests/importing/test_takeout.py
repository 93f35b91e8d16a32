"""Google Takeout: one mbox, and labels that say where each message was and how it was flagged."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from mail.importers.gmail import read_labels
from mail.models import Email
from tests.importing.portrait import portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("labels of Google Takeout become mailboxes and keywords")]


def takeout(path: Path, *labels: str) -> Path:
    """A file as Takeout writes it, a message for each field of labels."""
    file = path / "All mail Including Spam and Trash.mbox"
    file.write_bytes(
        b"".join(
            f"From 17{number}@xxx Thu Jan 01 10:0{number}:00 +0000 2026\r\nX-GM-THRID: 17{number}\r\n"
            f"X-Gmail-Labels: {value}\r\nMessage-ID: <{number}@mail.test>\r\nSubject: Hi\r\n\r\nHello\r\n\r\n".encode()
            for number, value in enumerate(labels)
        )
    )
    return file


@pytest.mark.parametrize(
    ("value", "paths", "keywords"),
    [
        (b"Inbox,Important,Opened,Category Updates", {()}, {"$seen", "$important", "category-updates"}),
        (b"Unread,Inbox,Starred", {()}, {"$flagged"}),
        (b"Archived,Work/Caf\xc3\xa9,Opened", {("Work", "Café")}, {"$seen"}),
        (b"=?UTF-8?Q?Archiviert,Ge=C3=B6ffnet,Gr=C3=BC=C3=9Fe?=", {("Grüße",)}, {"$seen"}),
        (b"=?UTF-8?Q?Posteingang,Ungelesen,?=\r\n =?UTF-8?Q?Reisen/=C3=96l?=", {(), ("Reisen", "Öl")}, set()),
        (b'"Smith, John",Sent', {("Smith, John",), ("Sent",)}, {"$seen"}),
        (b"Draft", {("Drafts",)}, {"$seen", "$draft"}),
        (b"Important", {("Archive",)}, {"$seen", "$important"}),
        (b"", {("Archive",)}, {"$seen"}),
        (b"Spam,Trash,Unread", {("Junk",), ("Trash",)}, set()),
    ],
)
def test_labels_are_read(value, paths, keywords):
    folders, found = read_labels(value)

    assert {folder.path for folder in folders} == paths
    assert found == keywords


def test_one_message_with_several_labels_is_one_email_in_several_mailboxes(tmp_path):
    room = Mailroom.open()
    file = takeout(tmp_path, "Inbox,Unread,Trips/Rome", "Sent,Trips", "Archived", "Spam")

    call_command("import_mail", room.account.name, str(file), verbosity=0)

    places = {(mailboxes, keywords) for _, mailboxes, keywords, _ in portrait(room.account).emails}
    assert places == {
        (frozenset({("Inbox",), ("Trips", "Rome")}), frozenset()),
        (frozenset({("Sent",), ("Trips",)}), frozenset({"$seen"})),
        (frozenset({("Archive",)}), frozenset({"$seen"})),
        (frozenset({("Junk",)}), frozenset({"$seen"})),
    }
    assert Email.objects.earliest("pk").received_at.hour == 10
    check(room.account.pk)
