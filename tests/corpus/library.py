"""A corpus that was imported, read back through JMAP: every claim that the corpus makes, as an assertion."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tests.corpus import checks
from tests.corpus.checks import Reader
from tests.corpus.generator import LATIN, TONGUES, Corpus, Made

FLAGS = {"S": "$seen", "R": "$answered", "F": "$flagged", "D": "$draft"}


@dataclass
class Library:
    """An account and what is expected in it."""

    reader: Reader
    corpus: Corpus

    @cached_property
    def emails(self) -> dict[str, dict[str, Any]]:
        """All emails by id, with all properties."""
        return checks.emails(self.reader)

    @cached_property
    def made(self) -> dict[str, Made]:
        """The message that each email was imported from: told by its octets, and by its place where two are alike."""
        alike: dict[str, list[Made]] = defaultdict(list)
        for one in self.corpus.all:
            alike[checks.digest(one.data)].append(one)
        names = {box["id"]: box["name"] for box in self.reader.call("Mailbox/get", ids=None)["list"]}
        found: dict[str, Made] = {}
        for key, email in self.emails.items():
            candidates = alike[checks.digest(self.reader.octets(email["blobId"]))]
            [box] = email["mailboxIds"]
            own = [one for one in candidates if self.place(one) == names[box]]
            assert own, "an email holds octets that nobody sent"
            found[key] = own[0]
        return found

    def place(self, made: Made) -> str:
        """The name of the mailbox where a message belongs."""
        if made in self.corpus.mbox:
            return "list"
        return made.folder[-1] if made.folder else "Inbox"

    # ---------------------------------------------------------------------------------------------------- assertions

    def holds_every_message(self) -> None:
        """Each message is there once, its octets unchanged, where its folder says, with its flags and date."""
        assert len(self.emails) == len(self.corpus.all)
        assert {one.name for one in self.made.values()} == {one.name for one in self.corpus.all}
        for key, made in self.made.items():
            email = self.emails[key]
            assert email["keywords"] == {FLAGS[flag]: True for flag in made.flags}
            assert email["receivedAt"] == made.received_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        checks.check_blobs(self.reader, self.emails)

    def has_the_right_threads(self) -> None:
        """Messages are in one thread exactly where they belong to one conversation."""
        expected: dict[str, set[str]] = defaultdict(set)
        for key, made in self.made.items():
            expected[made.thread].add(key)

        assert checks.threads(self.reader, self.emails) == set(map(frozenset, expected.values()))

    def has_the_right_headers(self) -> None:
        """Subjects, addresses, dates and ids are what was written."""
        for key, made in self.made.items():
            email = self.emails[key]
            if made.message_id is not None:
                assert email["messageId"] == [made.message_id]
                assert email["subject"] == made.subject
                assert email["sentAt"].startswith(made.sent_at.strftime("%Y-%m-%dT%H:%M:%S"))
                assert self._people(email["from"]) == [made.sender]
                assert self._people(email["to"]) == list(made.to or ())
                assert self._people(email["cc"]) == list(made.cc or ())

    @staticmethod
    def _people(addresses: list[dict[str, Any]] | None) -> list[tuple[str, str]]:
        return [(one["name"] or "", one["email"]) for one in addresses or ()]

    def shows_the_right_bodies(self) -> None:
        """textBody, htmlBody, attachments and hasAttachment are what each shape promises."""
        for key, made in self.made.items():
            email = self.emails[key]
            if made.text is not None:
                assert checks.values(email, "textBody") == made.text, made.name
            if made.html is not None:
                assert checks.values(email, "htmlBody") == made.html, made.name
            if made.attachments is not None:
                self._has_attachments(email, made)
            assert not any(value["isTruncated"] for value in email["bodyValues"].values())
            for part in (*email["textBody"], *email["htmlBody"]):
                if made.text is not None and made.html is not None:
                    assert not email["bodyValues"][part["partId"]]["isEncodingProblem"], made.name

    def _has_attachments(self, email: dict[str, Any], made: Made) -> None:
        assert made.attachments is not None
        listed = [(part["name"], part["type"]) for part in email["attachments"]]
        assert listed == [(one.name, one.type) for one in made.attachments], made.name
        for part, one in zip(email["attachments"], made.attachments, strict=True):
            assert self.reader.octets(part["blobId"]) == one.data, made.name
        assert email["hasAttachment"] == made.has_attachment, made.name

    def shows_everything(self) -> None:
        """All properties and header forms of every message, malformed ones too."""
        checks.show_everything(self.reader, list(self.emails))

    def finds_what_is_there(self, words: int = 40) -> None:
        """Each search finds exactly what reading every message finds."""
        chance = random.Random(7)
        own = [word for _, tongue in TONGUES.values() for word in tongue]
        sample = [*chance.sample(own, words // 2), *chance.sample(LATIN, words // 4), "rare7word", "RARE12WORD"]
        sample += [
            "orchard",
            "ivan.petrov@volga.example",
            "naive",
            "データ",
            "pdf",
            "xylophonist",
            "lan",
            "changed",
            "lodz",
            "strasse",
            "offnung",
        ]
        readable = {key: made.fields for key, made in self.made.items() if made.fields is not None}
        hits = 0
        for word in sample:
            for field in ("text", "from", "to", "cc", "subject", "body"):
                if field in ("cc", "to") and word in own:
                    continue
                expected = {key for key, fields in readable.items() if self._says(fields, field, word)}
                assert checks.found(self.reader, {field: word}) & readable.keys() == expected, (field, word)
                hits += len(expected)
        assert hits > len(sample)

    @staticmethod
    def _says(fields: dict[str, tuple[str, ...]], field: str, word: str) -> bool:
        texts = [text for name in (fields if field == "text" else [field]) for text in fields[name]]
        if "@" in word:
            return checks.holds_phrase(texts, word)
        return checks.holds(texts, word)

    def finds_phrases(self) -> None:
        """Words in quotes are found where they stand next to each other."""
        chance = random.Random(11)
        readable = {key: made.fields for key, made in self.made.items() if made.fields is not None}
        bodies = [text for fields in readable.values() for text in fields["body"]]
        for text in chance.sample(bodies, 20):
            pairs = [pair for pair in zip(text.split(), text.split()[1:]) if all(word in LATIN for word in pair)]
            if pairs:
                phrase = " ".join(chance.choice(pairs))
                expected = {key for key, fields in readable.items() if checks.holds_phrase(fields["body"], phrase)}
                got = checks.found(self.reader, {"body": f'"{phrase}"'})
                assert got & readable.keys() == expected, phrase
                assert expected

    def finds_headers(self) -> None:
        """Conditions on header fields, indexed or not, by their presence and by words in them."""
        well_formed = {key: made for key, made in self.made.items() if made.message_id is not None}
        on_list = {key for key, made in well_formed.items() if made.list_id}
        assert checks.found(self.reader, {"header": ["List-Id"]}) == on_list
        assert checks.found(self.reader, {"header": ["list-id", "talk.lists"]}) == on_list
        assert checks.found(self.reader, {"header": ["List-Id", "nothing"]}) == set()
        assert checks.found(self.reader, {"header": ["Message-ID"]}) >= well_formed.keys()
        for key, made in list(well_formed.items())[:5]:
            same = {other for other, one in well_formed.items() if one.message_id == made.message_id}
            assert key in same
            assert checks.found(self.reader, {"header": ["Message-ID", made.message_id]}) == same

    def finds_what_malformed_messages_say(self) -> None:
        """Words of malformed messages are found and shown."""
        for key, made in self.made.items():
            for word in made.says:
                assert key in checks.found(self.reader, {"text": word}), (made.name, word)
