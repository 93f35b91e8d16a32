"""What is asked of any server over JMAP, and a reading of messages by brute force to hold the answers to.

``Reader`` is whoever can call methods and fetch blobs: the engine in this process, or a client over HTTP.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

PROPERTIES = (
    "id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "headers", "messageId", "inReplyTo",
    "references", "sender", "from", "to", "cc", "bcc", "replyTo", "subject", "sentAt", "bodyStructure", "bodyValues",
    "textBody", "htmlBody", "attachments", "hasAttachment", "preview",
)  # fmt: skip
"""Every property of an Email (RFC 8621 §4.1)."""

PART_PROPERTIES = (
    "partId", "blobId", "size", "headers", "name", "type", "charset", "disposition", "cid", "language", "location",
    "subParts", "header:Content-Type", "header:Content-Disposition:asText:all",
)  # fmt: skip
"""Every property of an EmailBodyPart, and two header forms (RFC 8621 §4.1.4)."""

FORMS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("Subject", "Comments", "Keywords"), ("Raw", "Text")),
    **dict.fromkeys(
        ("From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Resent-From", "Resent-To"),
        ("Raw", "Addresses", "GroupedAddresses"),
    ),
    **dict.fromkeys(("Message-ID", "In-Reply-To", "References", "Resent-Message-ID"), ("Raw", "MessageIds")),
    **dict.fromkeys(("Date", "Resent-Date"), ("Raw", "Date")),
    **dict.fromkeys(("List-Help", "List-Post", "List-Unsubscribe", "List-Archive"), ("Raw", "URLs")),
    **dict.fromkeys(("Received", "Return-Path"), ("Raw",)),
    **dict.fromkeys(
        ("List-Id", "X-Huge", "X-Note", "X-Mailer", "Content-Type", "Absent"),
        ("Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs"),
    ),
}
"""Header fields and the forms that each may be fetched in (RFC 8621 §4.1.2)."""

HEADER_PROPERTIES = tuple(
    f"header:{name}{'' if form == 'Raw' else f':as{form}'}{suffix}"
    for name, forms in FORMS.items()
    for form in forms
    for suffix in ("", ":all")
)
PAGE = 25


class Reader(Protocol):
    """Reads an account."""

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one call."""

    def octets(self, blob_id: str) -> bytes:
        """What a download of a blob gives."""


def pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids, a few at a time."""
    for start in range(0, len(ids), PAGE):
        yield ids[start : start + PAGE]


def all_ids(reader: Reader) -> list[str]:
    """The ids of all emails, fetched page by page."""
    ids: list[str] = []
    while True:
        answer = reader.call("Email/query", position=len(ids), limit=50, calculateTotal=True)
        ids += answer["ids"]
        if not answer["ids"]:
            assert len(ids) == answer["total"] == len(set(ids))
            return ids


def found(reader: Reader, condition: Mapping[str, Any]) -> set[str]:
    """The ids that a filter finds, however many pages that takes."""
    ids: list[str] = []
    while True:
        page = reader.call("Email/query", filter=condition, position=len(ids), limit=500)["ids"]
        ids += page
        if not page:
            assert len(ids) == len(set(ids))
            return set(ids)


def emails(reader: Reader) -> dict[str, dict[str, Any]]:
    """All emails with all properties and all body values."""
    every: dict[str, dict[str, Any]] = {}
    for some in pages(all_ids(reader)):
        answer = reader.call("Email/get", ids=some, properties=PROPERTIES, fetchAllBodyValues=True)
        assert answer["notFound"] == []
        every |= {email["id"]: email for email in answer["list"]}
    return every


def threads(reader: Reader, every: Mapping[str, dict[str, Any]]) -> set[frozenset[str]]:
    """The threads as sets of email ids; that Thread/get and the emails agree is asserted."""
    ids = list(dict.fromkeys(email["threadId"] for email in every.values()))
    members: set[frozenset[str]] = set()
    for some in pages(ids):
        for thread in reader.call("Thread/get", ids=some)["list"]:
            dates = [every[one]["receivedAt"] for one in thread["emailIds"]]
            assert dates == sorted(dates)
            assert {every[one]["threadId"] for one in thread["emailIds"]} == {thread["id"]}
            members.add(frozenset(thread["emailIds"]))
    assert sum(map(len, members)) == len(every)
    return members


def show_everything(reader: Reader, ids: Sequence[str]) -> None:
    """Every message can be fetched with every property, every header form and every kind of body value."""
    for some in pages(ids):
        plain = reader.call("Email/get", ids=some, properties=[*PROPERTIES, *HEADER_PROPERTIES])
        cut = reader.call(
            "Email/get",
            ids=some,
            properties=PROPERTIES,
            bodyProperties=PART_PROPERTIES,
            fetchTextBodyValues=True,
            fetchHTMLBodyValues=True,
            maxBodyValueBytes=50,
        )
        for answer in (plain, cut):
            assert answer["notFound"] == []
            assert [email["id"] for email in answer["list"]] == list(some)
        for email in plain["list"]:
            assert email.keys() == {*PROPERTIES, *HEADER_PROPERTIES}
        for email in cut["list"]:
            for value in email["bodyValues"].values():
                assert len(value["value"].encode()) <= 50
            for part in leaves(email["bodyStructure"]):
                assert part.keys() == set(PART_PROPERTIES)


def check_blobs(reader: Reader, every: Mapping[str, dict[str, Any]]) -> dict[str, bytes]:
    """The octets of every message by email id; sizes agree, and every part is what its own blob holds."""
    octets: dict[str, bytes] = {}
    for key, email in every.items():
        data = octets[key] = reader.octets(email["blobId"])
        assert len(data) == email["size"]
        for part in leaves(email["bodyStructure"]):
            if part["blobId"] is not None and not part["type"].startswith("multipart/"):
                assert len(reader.octets(part["blobId"])) == part["size"]
    return octets


def leaves(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A part and all parts in it."""
    yield part
    for inner in part.get("subParts") or ():
        yield from leaves(inner)


def values(email: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The texts of a body list, images left out."""
    return tuple(
        email["bodyValues"][part["partId"]]["value"] for part in email[name] if part["type"].startswith("text/")
    )


def digest(data: bytes) -> str:
    """What tells messages apart by their octets."""
    return hashlib.sha256(data).hexdigest()


# --------------------------------------------------------------------------------------------- searching by brute force

_RUN = re.compile("[\u2600-\u27bf\u3005-\u30ff\u3400-\u9fff\uac00-\ud7ff\U0001f000-\U0001faff]")
"""Characters of scripts without spaces, Hangul and emoji: found anywhere, not as whole words."""


def fold(text: str) -> str:
    """A text without case and accents; signs of sound in kana are part of the letter."""
    if _RUN.search(text):
        return unicodedata.normalize("NFKC", text).casefold()
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return kept.replace("ł", "l").replace("ø", "o").replace("đ", "d").replace("æ", "ae").replace("ı", "i")


def words_of(text: str) -> list[str]:
    """The words of a text, in order; emoji stand among them like words."""
    return [word for part in re.findall("[^\\W_]+|[\U0001f000-\U0001faff]+", text) for word in fold(part).split()]


def holds(texts: Iterable[str], word: str) -> bool:
    """Whether a word, or the beginning of one from three letters on, stands in one of the texts."""
    wanted = fold(word)
    if _RUN.search(word):
        return any(wanted in fold(text) for text in texts)
    if len(wanted) < 3:
        return any(wanted == one for text in texts for one in words_of(text))
    return any(one.startswith(wanted) for text in texts for one in words_of(text))


def holds_phrase(texts: Iterable[str], phrase: str) -> bool:
    """Whether some words stand next to each other, whole and in this order."""
    wanted = words_of(phrase)
    size = len(wanted)
    return any(
        words[start : start + size] == wanted
        for words in map(words_of, texts)
        for start in range(len(words) - size + 1)
    )
