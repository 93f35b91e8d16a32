"""``manage.py import_mail --jmap``: an account moves from one server of ours, a process of its own, into another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command

from mail.importers import jmap as source
from mail.importers.jmap_server import Credentials, JmapServer
from mail.models import Email
from mail.services import importing
from tests.corpus.over_http import ADDRESS, PASSWORD, HttpReader, http_reader
from tests.importing.dovecot import Line
from tests.importing.portrait import Portrait, portrait
from tests.store.invariants import check
from tests.store.mailroom import Mailroom

pytestmark = [
    pytest.mark.usefixtures("impatient"),
    pytest.mark.own("an account of a JMAP server is imported without loss, once"),
]

COUNT = 25


def origin(reader: HttpReader) -> str:
    """Where the other server is."""
    return str(reader.session["apiUrl"]).split("/jmap")[0]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpReader]:
    """Another site, with an account of several mailboxes, keywords and orders."""
    folder = tmp_path_factory.mktemp("other")
    write_export(folder / "export")
    with http_reader(folder / "site", [folder / "export"]) as reader:
        yield reader


def write_export(folder: Path) -> None:
    """An account as an export, written by hand."""
    mailboxes = [
        {"id": "in", "name": "Inbox", "parentId": None, "role": "inbox", "sortOrder": 10, "isSubscribed": True},
        {"id": "up", "name": "Grüße", "parentId": None, "role": None, "sortOrder": 5, "isSubscribed": True},
        {"id": "tea", "name": "茶/tea", "parentId": "up", "role": None, "sortOrder": 7, "isSubscribed": False},
        {"id": "old", "name": "Past", "parentId": "up", "role": "archive", "sortOrder": 99, "isSubscribed": True},
    ]
    emails = []
    (folder / "blobs").mkdir(parents=True)
    for number in range(COUNT):
        data = f"Subject: m{number}\nMessage-ID: <{number}@x.test>\n\nbare line ends\n".encode()
        if number == 3:
            data += b"x" * 700_000
        (folder / "blobs" / str(number)).write_bytes(data)
        emails.append({
            "id": f"e{number}",
            "mailboxIds": dict.fromkeys(("in", "tea", "old")[:1 + number % 3], True),
            "keywords": dict.fromkeys(("$seen", "project-x", "$flagged")[:number % 4], True),
            "receivedAt": f"2024-01-{1 + number % 7:02}T10:00:00Z",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "file": f"blobs/{number}",
        })  # fmt: skip
    for name, lines in (("mailboxes", mailboxes), ("emails", [*emails, {**emails[1], "id": "twin"}])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    manifest = {"format": "jmap-export", "version": 1, "id": "by hand", "emails": COUNT + 1}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.fixture
def room(db: None, monkeypatch: pytest.MonkeyPatch) -> Mailroom:
    monkeypatch.setenv("IMPORT_PASSWORD", PASSWORD)
    return Mailroom.open()


@pytest.fixture
def expected(room: Mailroom, tmp_path: Path) -> Portrait:
    """What a lossless import of the same account gives."""
    model = Mailroom.open()
    write_export(tmp_path / "export")
    call_command("import_mail", model.account.name, str(tmp_path / "export"), verbosity=0, stdout=StringIO())
    return portrait(model.account)


def run(room: Mailroom, url: str, **options: Any) -> str:
    out = StringIO()
    given = {"jmap": url, "user": ADDRESS, "verbosity": 0, **options}
    call_command("import_mail", room.account.name, stdout=out, stderr=out, **given)
    return out.getvalue()


def test_everything_comes_over_and_only_once(room, other, expected):
    said = run(room, origin(other))

    assert f"{COUNT + 1} imported, 0 were here already" in said
    assert portrait(room.account) == expected
    assert f"0 imported, {COUNT + 1} were here already" in run(room, origin(other))
    check(room.account.pk)


def test_pages_follow_each_other_without_gap_or_double(room, other, expected, monkeypatch):
    monkeypatch.setattr(JmapServer, "max_objects", 4)

    run(room, origin(other))

    assert portrait(room.account) == expected


def test_an_interrupted_import_asks_only_for_what_is_missing(room, other, expected, monkeypatch):
    monkeypatch.setattr(importing, "SLICE", 7)
    take, slices = importing._take_slice, []

    def interrupted(*args):
        slices.append(args)
        if len(slices) == 3:
            raise KeyboardInterrupt
        take(*args)

    monkeypatch.setattr(importing, "_take_slice", interrupted)
    with pytest.raises(CommandError, match="interrupted"):
        run(room, origin(other))
    monkeypatch.setattr(importing, "_take_slice", take)
    said = run(room, origin(other))

    assert f"{COUNT + 1 - 14} imported, 14 were here already" in said
    assert portrait(room.account) == expected


def test_a_line_that_drops_costs_and_doubles_nothing(room, other, expected, monkeypatch):
    port = int(origin(other).rpartition(":")[2])
    line = Line(port, (20_000, 9_000, 200_000, 300_000, 20_000, 5_000))
    session = JmapServer._read_session

    def through_the_line(self, path):
        found = session(self, path)
        return json.loads(json.dumps(found).replace(f":{port}", f":{line.port}"))

    monkeypatch.setattr(JmapServer, "_read_session", through_the_line)

    said = run(room, f"http://127.0.0.1:{line.port}")
    line.close()

    assert line.connections > 3
    assert "0 could not be read" in said
    assert portrait(room.account) == expected


@pytest.mark.rfc(8620, "5.2")
def test_what_arrives_during_the_import_is_asked_for_at_the_end(room, other, monkeypatch):
    pages = source.JmapSource._pages

    def late(self):
        yield from pages(self)
        upload = other.client.post(
            other.session["uploadUrl"].replace("{accountId}", other.account_id), content=b"Subject: late\r\n\r\n"
        ).json()["blobId"]
        inbox = other.call("Mailbox/query", filter={"role": "inbox"})["ids"][0]
        created = other.call("Email/import", emails={"c": {"blobId": upload, "mailboxIds": {inbox: True}}})["created"]
        arrived.append(created["c"]["id"])

    arrived: list[str] = []
    monkeypatch.setattr(source.JmapSource, "_pages", late)
    try:
        said = run(room, origin(other))
    finally:
        other.call("Email/set", destroy=arrived)

    assert f"{COUNT + 2} imported" in said
    assert Email.objects.filter(account=room.account).count() == COUNT + 2


def test_an_anchor_that_is_gone_begins_the_pages_again(room, other, expected, monkeypatch):
    monkeypatch.setattr(JmapServer, "max_objects", 10)
    call, anchors = JmapServer.call, []

    def gone(self, method, **arguments):
        if arguments.get("anchor"):
            anchors.append(arguments["anchor"])
            if len(anchors) == 2:
                arguments["anchor"] = "egone"
        return call(self, method, **arguments)

    monkeypatch.setattr(JmapServer, "call", gone)
    said = run(room, origin(other))

    assert f"{COUNT + 1} imported" in said
    assert portrait(room.account) == expected


def test_a_message_that_the_server_cannot_give_is_reported_and_the_others_come_in(room, other, monkeypatch):
    download, asked = JmapServer.download, []

    def refused(self, blob_id):
        asked.append(blob_id)
        return download(self, "bnothing" if len(asked) == 2 else blob_id)

    monkeypatch.setattr(JmapServer, "download", refused)
    with pytest.raises(CommandError, match="1 messages could not be read"):
        run(room, origin(other))

    assert Email.objects.filter(account=room.account).count() == COUNT
    assert f"1 imported, {COUNT} were here already" in run(room, origin(other))


def test_what_a_person_can_mend_is_said_in_words(room, other, monkeypatch):
    closed = Line(1, ())
    closed.close()

    with pytest.raises(CommandError, match=r"127\.0\.0\.1 cannot be reached"):
        run(room, f"http://127.0.0.1:{closed.port}")
    with pytest.raises(CommandError, match="is not the address of a JMAP server"):
        run(room, "ftp://example.org")
    with pytest.raises(CommandError, match="answers 404"):
        run(room, f"{origin(other)}/nothing/here")
    monkeypatch.setenv("IMPORT_PASSWORD", "wrong")
    with pytest.raises(CommandError, match=r"127\.0\.0\.1 refuses the login of reader@home\.example"):
        run(room, origin(other))


def test_a_token_is_sent_as_bearer_and_comes_from_a_file_or_the_environment(room, monkeypatch, tmp_path):
    sent = []
    monkeypatch.setattr(JmapServer, "__init__", lambda self, url, credentials, ca_file: sent.append(credentials.header))
    (tmp_path / "token").write_text("secret\n")

    with pytest.raises(AttributeError):
        run(room, "https://example.org", token_file=tmp_path / "token")
    monkeypatch.setenv("IMPORT_TOKEN", "other")
    with pytest.raises(AttributeError):
        run(room, "https://example.org")

    assert sent == ["Bearer secret", "Bearer other"]
    assert "secret" not in repr(Credentials("ada", "", "secret"))
    assert httpx.BasicAuth("ada", "ö")._auth_header == Credentials("ada", "ö").header
