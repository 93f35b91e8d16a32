"""Real mail from the folder that MAIL_CORPUS names: imported, threaded, searched and read through JMAP.

What is expected is worked out here, by Python's email package and by reading every message, not by our own parser.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from selectolax.lexbor import LexborHTMLParser

from tests.corpus import checks, oracle
from tests.corpus.checks import Reader
from tests.corpus.over_http import http_reader
from tests.mail.email.conftest import Person
from tests.store.invariants import check

FOLDERS = ("lkml-maildir", "mailing-list", "crypto", "broken")


def as_maildir(folder: Path, target: Path) -> Path:
    """A folder of real mail as a Maildir: itself, or one made of its single files."""
    if (folder / "cur").is_dir():
        return folder
    (target / "cur").mkdir(parents=True)
    for number, file in enumerate(sorted(path for path in folder.rglob("*") if path.is_file())):
        shutil.copyfile(file, target / "cur" / f"{1_600_000_000 + number}.{number}.host:2,")
    return target


def messages_in(maildir: Path) -> list[bytes]:
    """The octets of all messages of a Maildir."""
    return [path.read_bytes() for place in ("cur", "new") for path in sorted((maildir / place).glob("*"))]


@pytest.fixture(params=FOLDERS)
def maildir(request: pytest.FixtureRequest, mail_corpus: Path, tmp_path: Path) -> Path:
    """One folder of real mail."""
    return as_maildir(mail_corpus / request.param, tmp_path / request.param)


@pytest.fixture
def reader(alice: Person, maildir: Path) -> Person:
    """Somebody with that folder in their account."""
    call_command("import_mail", alice.account.name, str(maildir), verbosity=0)
    return alice


def keeps_every_octet(reader: Reader, maildir: Path) -> dict[str, bytes]:
    """Every message is there as it came; their octets by id."""
    octets = checks.check_blobs(reader, checks.emails(reader))
    assert Counter(map(checks.digest, octets.values())) == Counter(map(checks.digest, messages_in(maildir)))
    return octets


@pytest.mark.own("an import loses nothing and changes no octet")
def test_every_real_message_is_there_as_it_came(reader: Person, maildir: Path) -> None:
    keeps_every_octet(reader, maildir)
    check(reader.account.pk)


def has_the_right_threads(reader: Reader) -> None:
    """Threads are what sharing an id and a subject makes of the messages."""
    every = checks.emails(reader)
    read = {key: oracle.read(reader.octets(email["blobId"])) for key, email in every.items()}

    got, expected = checks.threads(reader, every), oracle.conversations(read)
    assert got == expected, [sorted(read[key].subject for key in thread) for thread in got ^ expected]


@pytest.mark.rfc(8621, "3")
def test_real_threads_are_what_an_independent_reading_makes_of_them(reader: Person) -> None:
    has_the_right_threads(reader)


def shows_the_right_bodies(reader: Reader) -> int:
    """First texts and attached files are what Python's email package reads; how many messages could be compared."""
    compared = 0
    for email in checks.emails(reader).values():
        expected = oracle.read(reader.octets(email["blobId"]))
        assert oracle.base_subject(email["subject"] or "") == oracle.base_subject(expected.subject)
        if expected.text is not None:
            assert checks.values(email, "textBody")[0] == expected.text
            compared += 1
        blobs = {reader.octets(part["blobId"]) for part in checks.leaves(email["bodyStructure"]) if part["blobId"]}
        assert set(expected.attached) <= blobs
    return compared


@pytest.mark.rfc(8621, "4.1.4")
def test_real_bodies_are_what_an_independent_reading_shows(reader: Person, maildir: Path) -> None:
    compared = shows_the_right_bodies(reader)

    assert maildir.name not in ("lkml-maildir", "mailing-list") or compared > 20


@pytest.mark.rfc(8621, "4.2")
def test_every_real_message_is_shown_with_every_property_and_header_form(reader: Person) -> None:
    checks.show_everything(reader, checks.all_ids(reader))


def fields_of(reader: Reader, email: dict[str, Any]) -> dict[str, list[str]]:
    """What is searchable of an email, by the names of the filters."""
    fields = {
        name: [f"{one['name'] or ''} {one['email']}" for one in email[name] or ()]
        for name in ("from", "to", "cc", "bcc")
    }
    fields["subject"] = [email["subject"] or ""]
    fields["body"] = _texts(reader, email)
    return fields


def _texts(reader: Reader, email: dict[str, Any]) -> list[str]:
    """Every text of a message, attached ones too, and the subjects and texts of attached messages."""
    found: list[str] = []
    for part in checks.leaves(email["bodyStructure"]):
        if part["type"].startswith("text/"):
            found.append(_visible(email["bodyValues"][part["partId"]]["value"], part["type"]))
        elif part["type"] == "message/rfc822":
            wanted = ["subject", "bodyStructure", "bodyValues"]
            answer = reader.call(
                "Email/parse",
                blobIds=[part["blobId"]],
                properties=wanted,
                bodyProperties=["partId", "blobId", "type", "subParts"],
                fetchAllBodyValues=True,
            )
            for inner in (answer["parsed"] or {}).values():
                found += [inner["subject"] or "", *_texts(reader, inner)]
        elif part["type"].startswith("message/"):
            found.append(reader.octets(part["blobId"]).decode("utf-8", "replace"))
    return found


def _visible(text: str, type_: str) -> str:
    if type_ != "text/html":
        return text
    tree = LexborHTMLParser(text)
    tree.strip_tags(["script", "style", "title"])
    return (tree.body.text(separator=" ") if tree.body else "") or ""


def finds_what_is_there(reader: Reader, count: int) -> None:
    """Words sampled from what the messages say are found where reading finds them, and nowhere else."""
    read = {key: fields_of(reader, email) for key, email in checks.emails(reader).items()}
    chance = random.Random(3)
    for field in ("from", "to", "subject", "body"):
        texts = [text for fields in read.values() for text in fields[field]]
        words = sorted({word for text in texts for word in checks.words_of(text) if 3 <= len(word) < 40})
        for word in chance.sample(words, min(count, len(words))):
            expected = {key for key, fields in read.items() if checks.holds(fields[field], word)}
            assert expected
            assert checks.found(reader, {field: word}) == expected, (field, word)
            assert checks.found(reader, {"text": word}) >= expected


@pytest.mark.rfc(8621, "4.4.1")
def test_real_words_are_found_where_reading_finds_them(reader: Person) -> None:
    finds_what_is_there(reader, 60)


@pytest.mark.rfc(8621, "4.4.1")
@pytest.mark.parametrize("name", ["X-Mailer", "List-Id", "In-Reply-To", "User-Agent"])
def test_real_headers_are_found_where_reading_finds_them(reader: Person, name: str) -> None:
    key = f"header:{name}{':asMessageIds' if name == 'In-Reply-To' else ':asText'}:all"
    ids = checks.all_ids(reader)
    values = {
        email["id"]: [" ".join(one) if isinstance(one, list) else one or "" for one in email[key]]
        for some in checks.pages(ids)
        for email in reader.call("Email/get", ids=some, properties=["id", key])["list"]
    }

    assert checks.found(reader, {"header": [name]}) >= {one for one, found in values.items() if any(found)}
    words = {word for found in values.values() for text in found for word in checks.words_of(text) if len(word) > 2}
    for word in random.Random(5).sample(sorted(words), min(10, len(words))):
        expected = {one for one, found in values.items() if checks.holds(found, word)}
        assert checks.found(reader, {"header": [name, word]}) == expected, word


@pytest.mark.rfc(8621, "4")
def test_the_real_mail_is_read_over_http(mail_corpus: Path, tmp_path: Path) -> None:
    maildirs = [as_maildir(mail_corpus / name, tmp_path / name) for name in FOLDERS]

    with http_reader(tmp_path / "site", maildirs) as reader:
        octets = checks.check_blobs(reader, checks.emails(reader))
        assert Counter(map(checks.digest, octets.values())) == Counter(
            checks.digest(data) for maildir in maildirs for data in messages_in(maildir)
        )
        has_the_right_threads(reader)
        finds_what_is_there(reader, 5)
