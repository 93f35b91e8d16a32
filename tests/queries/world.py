"""A small account with a random past, and a brute-force answer to every query over it.

The past is written through the services. ``Snapshot`` reads the plain rows back, by tables that queries hardly use, and
answers filter, sort and collapse in the most literal way: it is what the queries are held to.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key, lru_cache
from typing import Any

from jmap.blobs import service as blobs
from jmap.models import Account
from jmap.protocol.collation import COLLATIONS
from jmap.store import current_state, writing
from mail.mime.subject import base_subject
from mail.models import Email, EmailKeyword, Mailbox, Membership
from mail.models.email import KEYWORD_COLUMNS
from mail.queries import conditions as asked
from mail.services import emails
from mail.services.content import Derived, derive
from mail.services.ledger import Placement

KEYWORDS = ("$seen", "$flagged", "$answered", "$draft", "todo")
WORDS = ("apple", "pear", "quince", "medlar")
SENDERS = ("Zoë Berg <zoe@one.example>", "adam ant <adam@two.example>", "ADAM ANT <ant@two.example>",
           "bob@three.example", "Éva Ös <eva@four.example>")  # fmt: skip
FIRST_DAY = datetime(2024, 2, 27, 22, 0, tzinfo=UTC)
MAILBOXES = 4


@dataclass(frozen=True)
class Message:
    """What a message says, and its octets."""

    subject: str
    sender: str
    to: str
    words: frozenset[str]
    mark: str | None
    data: bytes


@lru_cache
def message(number: int) -> Message:
    """One of endlessly many messages, always the same for a number; ten of them talk in three threads."""
    chance = random.Random(number)
    thread = chance.randrange(12)
    subject = f"{chance.choice(['', 'Re: ', 'Fwd: '])}{('Alpha', 'beta', 'ALPHA b', 'Ünder')[thread % 4]}"
    sender, to = chance.choice(SENDERS), chance.choice(SENDERS)
    words = frozenset(chance.sample(WORDS, chance.randrange(3)))
    mark = chance.choice([None, None, "left turn", "right turn"])
    date = (FIRST_DAY + timedelta(hours=chance.randrange(100))).strftime("%a, %d %b %Y %H:%M:%S +0000")
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: <m{number}@world.example>",
        f"References: <thread{thread}@world.example>",
        *([f"Date: {date}"] if chance.random() < 0.8 else []),
        *([f"X-Mark: {mark}"] if mark else []),
        "MIME-Version: 1.0",
    ]
    body = " ".join(sorted(words)) + " filler" * chance.randrange(20)
    if chance.random() < 0.3:
        lines += ['Content-Type: multipart/mixed; boundary="b"', "", "--b", "Content-Type: text/plain", "", body]
        lines += ["--b", "Content-Type: application/pdf", "Content-Disposition: attachment", "", "pdf", "--b--", ""]
    else:
        lines += ["Content-Type: text/plain; charset=utf-8", "", body, ""]
    return Message(subject, sender, to, words, mark, "\r\n".join(lines).encode())


@lru_cache
def derived(number: int) -> Derived:
    """What the services derive from a message."""
    return derive(message(number).data)


class World:
    """An account whose emails come, move, are flagged and go."""

    def __init__(self, seed: int, steps: int) -> None:
        self.chance = random.Random(seed)
        self.account = Account.objects.create(name="world").pk
        with writing(self.account) as writer:
            self.mailboxes = [
                Mailbox.objects.create(
                    account_id=self.account,
                    name=f"box {number}",
                    created_modseq=(modseq := writer.next("Mailbox")),
                    modseq=modseq,
                    properties_modseq=modseq,
                ).pk
                for number in range(MAILBOXES)
            ]
        self.numbers = 0
        self.numbers_by_blob: dict[int, int] = {}
        self.past: list[tuple[str, Snapshot]] = [self.now()]
        for _ in range(steps):
            self.step()
            self.past.append(self.now())

    def now(self) -> tuple[str, Snapshot]:
        """The state of Email, and everything as it is."""
        return current_state(self.account, "Email"), Snapshot.of(self)

    def step(self) -> None:
        """Let something happen, in one transaction."""
        ids = list(Email.objects.filter(account_id=self.account).order_by("pk").values_list("pk", flat=True))
        happening = self.chance.choices(["deliver", "change", "destroy"], [5, 6, 1])[0]
        if happening == "deliver" or len(ids) < 8:
            self.deliver(self.chance.randrange(1, 6))
        elif happening == "change":
            chosen = self.chance.sample(ids, self.chance.randrange(1, 5))
            with writing(self.account) as writer:
                now = emails.placements(self.account, chosen)
                emails.update(writer, {key: self.changed(placement) for key, placement in now.items()})
        else:
            with writing(self.account) as writer:
                emails.destroy(writer, self.chance.sample(ids, 2))

    def deliver(self, count: int) -> None:
        """New messages, some of them older than what is there."""
        new = []
        for _ in range(count):
            self.numbers += 1
            blob = blobs.store_bytes(self.account, message(self.numbers).data)
            self.numbers_by_blob[blob.pk] = self.numbers
            at = FIRST_DAY + timedelta(minutes=30 * self.chance.randrange(12 * 24))
            new.append(emails.NewEmail(derived(self.numbers), blob.pk, self.placement(), at))
        with writing(self.account) as writer:
            emails.add(writer, new)

    def placement(self) -> Placement:
        boxes = self.chance.sample(self.mailboxes, self.chance.choice([1, 1, 1, 2, 3]))
        return Placement(frozenset(boxes), frozenset(k for k in KEYWORDS if self.chance.random() < 0.35))

    def changed(self, placement: Placement) -> Placement:
        other = self.placement()
        if self.chance.random() < 0.5:
            return Placement(placement.mailboxes, other.keywords)
        return Placement(other.mailboxes, placement.keywords)


@dataclass(frozen=True)
class Known:
    """One email as the tables have it."""

    id: int
    thread: int
    received_at: datetime
    sent_at: datetime | None
    size: int
    has_attachment: bool
    keywords: frozenset[str]
    mailboxes: frozenset[int]
    message: Message


class Snapshot:
    """All emails of an account at one moment."""

    def __init__(self, every: Iterable[Known]) -> None:
        self.emails = list(every)

    @classmethod
    def of(cls, world: World) -> Snapshot:
        """What the tables hold now."""
        boxes: dict[int, set[int]] = {}
        for mailbox, email in Membership.objects.filter(account_id=world.account).values_list("mailbox_id", "email_id"):
            boxes.setdefault(email, set()).add(mailbox)
        rare: dict[int, set[str]] = {}
        for email, keyword in EmailKeyword.objects.filter(account_id=world.account).values_list("email_id", "keyword"):
            rare.setdefault(email, set()).add(keyword)
        return cls(
            Known(
                row.pk,
                row.thread_id,
                row.received_at,
                row.sent_at,
                row.size,
                row.has_attachment,
                frozenset(
                    {k for k, column in KEYWORD_COLUMNS.items() if getattr(row, column)} | rare.get(row.pk, set())
                ),
                frozenset(boxes[row.pk]),
                message(world.numbers_by_blob[row.blob_id]),
            )
            for row in Email.objects.filter(account_id=world.account)
        )

    def answer(self, query: asked.EmailQuery) -> list[int]:
        """The whole list of a query, whatever its window."""
        found = [email for email in self.emails if self.matches(email, query.filter)]
        found.sort(key=cmp_to_key(lambda a, b: self.compare(a, b, query.sort)))
        if not query.collapse_threads:
            return [email.id for email in found]
        seen: set[int] = set()
        return [email.id for email in found if not (email.thread in seen or seen.add(email.thread))]  # type: ignore[func-returns-value]

    def in_thread(self, email: Known) -> list[Known]:
        return [other for other in self.emails if other.thread == email.thread]

    def matches(self, email: Known, part: asked.Filter) -> bool:
        """Whether a filter is true of an email, condition by condition (RFC 8621 §4.4.1)."""
        match part:
            case asked.And(parts):
                return all(self.matches(email, inner) for inner in parts)
            case asked.Or(parts):
                return any(self.matches(email, inner) for inner in parts)
            case asked.Not(parts):
                return not any(self.matches(email, inner) for inner in parts)
            case asked.InMailbox(mailbox):
                return mailbox in email.mailboxes
            case asked.InMailboxOtherThan(mailboxes):
                return bool(email.mailboxes - set(mailboxes))
            case asked.Before(moment):
                return email.received_at < moment
            case asked.After(moment):
                return email.received_at >= moment
            case asked.MinSize(octets):
                return email.size >= octets
            case asked.MaxSize(octets):
                return email.size < octets
            case asked.HasKeyword(keyword):
                return keyword in email.keywords
            case asked.ThreadKeyword(quantity, keyword):
                have = [keyword in other.keywords for other in self.in_thread(email)]
                return {"all": all(have), "some": any(have), "none": not any(have)}[quantity]
            case asked.HasAttachment(value):
                return email.has_attachment == value
            case asked.Text(field, text):
                return self.says(email.message, field, text)
            case asked.Header(name, text):
                return self.has_header(email.message, name, text)
        raise AssertionError(part)

    @staticmethod
    def says(message: Message, field: str, text: str) -> bool:
        """Whether a field holds one of the words of this world, given whole."""
        fields = {
            "body": " ".join(message.words),
            "subject": message.subject,
            "from": message.sender,
            "to": message.to,
            "cc": "",
            "bcc": "",
        }
        wanted = fields.values() if field == "text" else [fields[field]]
        return any(text in value.lower().replace("@", " ").replace("<", " ").split() for value in wanted)

    @staticmethod
    def has_header(message: Message, name: str, text: str | None) -> bool:
        value = {"x-mark": message.mark, "subject": message.subject}.get(name.lower())
        return value is not None and (text is None or text in value.lower().split())

    def compare(self, a: Known, b: Known, sort: tuple[asked.SortKey, ...]) -> int:
        """Negative where the first stands first (RFC 8621 §4.4.2)."""
        for key in sort:
            left, right = self.value(a, key), self.value(b, key)
            if left != right:
                return (-1 if left < right else 1) * (1 if key.ascending else -1)
        return (a.id - b.id) * (1 if sort[-1].ascending else -1)

    def value(self, email: Known, key: asked.SortKey) -> Any:
        collate = COLLATIONS[key.collation]
        match key.property:
            case "received_at":
                return email.received_at
            case "sent_at":
                return (email.sent_at is None, email.sent_at or FIRST_DAY)
            case "size":
                return email.size
            case "subject":
                return collate(base_subject(email.message.subject))
            case "from" | "to":
                address = email.message.sender if key.property == "from" else email.message.to
                return collate(address.partition(" <")[0])
            case "has_keyword":
                return key.keyword in email.keywords
            case "all_in_thread":
                return all(key.keyword in other.keywords for other in self.in_thread(email))
            case "some_in_thread":
                return any(key.keyword in other.keywords for other in self.in_thread(email))
        raise AssertionError(key)


def splice(old: list[int], removed: Iterable[int], added: Iterable[tuple[int, int]]) -> list[int]:
    """What a client makes of a list and its changes (RFC 8620 §5.6)."""
    gone = set(removed)
    new = [email for email in old if email not in gone]
    for index, email in added:
        new.insert(index, email)
    return new
