"""Messages of any octets: imported, they are always shown with every property, and what is sent as one is one."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.corpus import checks
from tests.corpus.generator import generate
from tests.fuzz.conftest import Target, undone
from tests.fuzz.grammar import EMAILS

pytestmark = pytest.mark.django_db
RELAXED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}
SEEDS = [one.data for one in generate(60, 11).all if len(one.data) < 8_000]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\xed\xa0\x80", b"--", b"boundary=", b": ", b"Content-Type: ",
    b"=?utf-8?q?", b"multipart/mixed", b"message/rfc822", b"?=", b'"', b"\\", b"(", b")", b"<", b">", b";", b"=",
    b"*0*=", b"'", b"%", b" ", b"\t", b"&#", b"<!--", b"utf-7", b"utf-16", b"base64", b"quoted-printable", b"=00",
    b"\r\n\r\n", b"@", b",",
]  # fmt: skip


def mutated(chance: Random, raw: bytes) -> bytes:
    """A message with some octets replaced, removed, doubled or moved."""
    for _ in range(chance.randrange(1, 8)):
        start = chance.randrange(len(raw) + 1)
        stop = min(len(raw), start + chance.choice([0, 1, 5, 40, 400]))
        piece = chance.choice([chance.choice(PIECES), raw[start:stop] * 2, chance.randbytes(3), b"", raw[-stop:start]])
        raw = raw[:start] + piece + raw[stop:]
    return raw


def imported(target: Target, messages: list[bytes]) -> list[str]:
    """Upload and import messages; the ids of the emails. What is empty is refused."""
    person = target.person
    wanted = {
        f"m{number}": {"blobId": person.upload(data), "mailboxIds": {target.names["@m0"]: True}}
        for number, data in enumerate(messages)
    }
    answer = person.call("Email/import", emails=wanted)
    refused = {messages[int(key[1:])] for key in answer["notCreated"] or {}}
    assert refused <= {b""}
    return [created["id"] for created in (answer["created"] or {}).values()]


def is_shown(target: Target, messages: list[bytes]) -> None:
    """Every property, header form and body of imported messages is there, and their parts can be fetched."""
    with undone():
        ids = imported(target, messages)
        checks.show_everything(target.person, ids)
        answer = target.person.call("Email/get", ids=ids, properties=checks.PROPERTIES, fetchAllBodyValues=True)
        every = {email["id"]: email for email in answer["list"]}
        checks.check_blobs(target.person, every)
        for email in every.values():
            assert len(email["preview"]) <= 256
            shown = {part["partId"] for name in ("textBody", "htmlBody", "attachments") for part in email[name]}
            parts = {part["partId"] for part in checks.leaves(email["bodyStructure"]) if part["partId"]}
            assert shown == parts
        json.dumps(answer, ensure_ascii=False).encode()
        snippets = target.person.call("SearchSnippet/get", filter={"text": "tea rare1word"}, emailIds=ids)
        assert len(snippets["list"]) == len(set(ids))
        parsed = [target.names["@b0"], *(email["blobId"] for email in every.values())]
        target.person.call("Email/parse", blobIds=list(dict.fromkeys(parsed)), fetchAllBodyValues=True)


@pytest.mark.rfc(8621, "4.8")
@settings(max_examples=25, **RELAXED)
@given(chance=st.randoms(use_true_random=False), count=st.integers(1, 5))
def test_mutated_messages_are_imported_and_shown(target: Target, chance: Random, count: int) -> None:
    is_shown(target, [mutated(chance, chance.choice(SEEDS)) for _ in range(count)])


@pytest.mark.rfc(8621, "4.8")
@settings(max_examples=25, **RELAXED)
@given(messages=st.lists(st.binary(max_size=200) | st.lists(st.sampled_from(PIECES)).map(b"".join), max_size=4))
def test_any_octets_are_imported_and_shown(target: Target, messages: list[bytes]) -> None:
    is_shown(target, messages)


@pytest.mark.rfc(8621, "4.8")
def test_mutated_real_messages_are_imported_and_shown(target: Target, mail_corpus: Path) -> None:
    chance = Random(23)
    files = [path.read_bytes() for path in sorted(mail_corpus.rglob("*")) if path.is_file()]

    for _ in range(60):
        is_shown(target, [mutated(chance, chance.choice(files)[:60_000]) for _ in range(3)])


def is_made(target: Target, email: dict[str, Any]) -> None:
    """What Email/set makes is shown like any other message, and says what was asked for."""
    with undone():
        wanted = json.loads(target.fill(json.dumps(email)))
        response = target.request(
            {
                "using": ["urn:ietf:params:jmap:mail"],
                "methodCalls": [["Email/set", {"accountId": "@account", "create": {"c": wanted}}, "0"]],
            }
        )
        if response is None or response["methodResponses"][0][1].get("created") is None:
            return
        key = response["methodResponses"][0][1]["created"]["c"]["id"]
        checks.show_everything(target.person, [key])
        [made] = target.person.call("Email/get", ids=[key], properties=["bodyValues"], fetchAllBodyValues=True)["list"]
        assert not any(
            value["isEncodingProblem"] for value in made["bodyValues"].values() if "blobId" not in str(email)
        )


@pytest.mark.rfc(8621, "4.6")
@settings(max_examples=80, **RELAXED)
@given(email=EMAILS)
def test_a_draft_of_any_content_is_made_or_refused(target: Target, email: dict[str, Any]) -> None:
    is_made(target, email)


@pytest.mark.scale
@pytest.mark.rfc(8621, "4.6")
@pytest.mark.rfc(8621, "4.8")
@settings(max_examples=1_500, **RELAXED)
@given(chance=st.randoms(use_true_random=False), email=EMAILS)
def test_many_messages_and_drafts_are_shown(target: Target, chance: Random, email: dict[str, Any]) -> None:
    is_shown(target, [mutated(chance, chance.choice(SEEDS))])
    is_made(target, email)
