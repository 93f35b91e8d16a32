"""Realistic mail of our own making, the same for a seed, written as Maildir or mbox, with the right answers beside it.

Rules kept here:
- ``Made`` says what a server must answer of a message: its thread, texts, attachments, and what is found in it;
- conversations come out of order, with whole, shortened or missing References, and some change their subject midway;
- no message is anybody's: names, words and addresses are invented or of example domains.

    python -m tests.corpus.generator FOLDER [COUNT [SEED]]      writes FOLDER/maildir and FOLDER/list.mbox
"""

from __future__ import annotations

import base64
import os
import random
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.corpus import malformed
from tests.corpus.shapes import SHAPES, Attachment, Body, Dice, Words

CRLF = b"\r\n"
START = datetime(2019, 3, 1, 6, 0, tzinfo=UTC)

LATIN = [
    "harvest", "lantern", "copper", "meadow", "orchard", "violin", "granite", "thistle",
    "ferry", "blanket", "marble", "saddle", "cinnamon", "ribbon", "anchor", "walnut",
    "chimney", "pebble", "falcon", "ladder", "barrel", "compass", "velvet", "hammock",
    "kettle", "mirror", "paddle", "quarry", "rafter", "spindle",
]  # fmt: skip
TONGUES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "german": (
        ("utf-8", "iso-8859-1", "windows-1252", "iso-8859-15"),
        ("Grüße", "Straße", "Öffnung", "schön", "Äpfel"),
    ),
    "french": (("utf-8", "iso-8859-1"), ("déjà", "garçon", "Noël", "façade", "élève")),
    "polish": (("utf-8", "iso-8859-2", "windows-1250"), ("żółty", "łódź", "gęś", "święto")),
    "russian": (("utf-8", "koi8-r", "windows-1251", "iso-8859-5"), ("привет", "погода", "собрание", "ёлка")),
    "greek": (("utf-8", "iso-8859-7"), ("καλημέρα", "θάλασσα", "ουρανός")),
    "hebrew": (("utf-8", "windows-1255"), ("שלום", "ספר", "ילדים")),
    "arabic": (("utf-8", "windows-1256"), ("سلام", "كتاب", "مدينة")),
    "japanese": (("utf-8", "iso-2022-jp", "shift_jis", "euc-jp"), ("東京都", "会議の資料", "ありがとう", "カタカナ")),
    "chinese": (("utf-8", "gb18030", "gb2312"), ("北京市", "会议通知", "春天花园")),
    "taiwanese": (("utf-8", "big5"), ("臺北市", "會議通知")),
    "korean": (("utf-8", "euc-kr"), ("서울시", "안녕하세요", "회의록")),
    "emoji": (("utf-8", "utf-16"), ("🚀", "🎉", "🦊🐻")),
    "english": (("us-ascii", "utf-8"), ("weather", "minutes", "agenda", "budget")),
}
"""Charsets and words of each language."""

PEOPLE = (
    ("Ada Birch", "ada.birch@orchard.example"),
    ("Börje Åkesson", "borje@nordic.example"),
    ("山田太郎", "taro@tokyo.example"),
    ("Иван Петров", "ivan.petrov@volga.example"),
    ('O\'Neil, Mary "May"', "may+lists@isle.example"),
    ("Zoë", "zoe@quay.example"),
    ("", "robot-no-reply@machines.example"),
    ("محمد", "mohamed@nile.example"),
    ("Jean-Luc Dupré", "jl.dupre@seine.example"),
    ("Kim 민준", "kim@han.example"),
)
FILES = ("report.pdf", "Übersicht 2024.ods", "会議の資料.txt", "naïve café.png", "data-set_v2.csv", "résumé final.doc")
TYPES = ("application/pdf", "application/vnd.oasis.opendocument.spreadsheet", "text/plain", "image/png", "text/csv",
         "application/msword")  # fmt: skip

Person = tuple[str, str]


@dataclass(frozen=True)
class Made:
    """A message and all that a server must say of it. None: whatever the server says, it must say something.

    ``says`` are words that must be found by ``text``; ``fields`` the searchable texts by the field's name in filters.
    """

    name: str
    data: bytes
    thread: str
    folder: tuple[str, ...] = ()
    flags: str = ""
    received_at: datetime = START
    message_id: str | None = None
    subject: str | None = None
    sender: Person | None = None
    to: tuple[Person, ...] | None = None
    cc: tuple[Person, ...] | None = None
    sent_at: datetime | None = None
    list_id: str | None = None
    text: tuple[str, ...] | None = None
    html: tuple[str, ...] | None = None
    attachments: tuple[Attachment, ...] | None = None
    has_attachment: bool | None = None
    says: tuple[str, ...] = ()
    fields: dict[str, tuple[str, ...]] | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Corpus:
    """What was made, in the order in which it arrives: ``maildir`` and ``mbox`` go to the places of that name."""

    maildir: tuple[Made, ...]
    mbox: tuple[Made, ...]

    @property
    def all(self) -> tuple[Made, ...]:
        """Every message."""
        return self.maildir + self.mbox

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write it under a folder; the Maildir and the mbox."""
        root, box = folder / "maildir", folder / "list.mbox"
        for made in self.maildir:
            _write_file(root, made)
        folder.mkdir(parents=True, exist_ok=True)
        box.write_bytes(b"".join(_in_mbox(made) for made in self.mbox))
        return root, box


def _write_file(root: Path, made: Made) -> None:
    place = root / ("." + ".".join(made.folder)) if made.folder else root
    for name in ("cur", "new", "tmp"):
        (place / name).mkdir(parents=True, exist_ok=True)
    stamp = int(made.received_at.timestamp())
    path = (
        place
        / ("cur" if made.flags else "new")
        / (f"{stamp}.{made.name}.host" + (f":2,{made.flags}" if made.flags else ""))
    )
    path.write_bytes(made.data)
    os.utime(path, (stamp, stamp))


def _in_mbox(made: Made) -> bytes:
    lines = made.data.split(b"\n")
    quoted = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines]
    stamp = made.received_at.strftime("%a %b %d %H:%M:%S %Y").encode()
    return b"From sender@orchard.example " + stamp + b"\n" + b"\n".join(quoted) + b"\n"


# ------------------------------------------------------------------------------------------------------------ headers


def encoded_word(dice: Dice, text: str, charset: str) -> bytes:
    """A text as encoded words, each of whole characters (RFC 2047 §2)."""
    out = []
    for start in range(0, len(text), 8):
        raw = text[start : start + 8].encode(charset)
        if dice.chance.random() < 0.5:
            out.append(b"=?" + charset.encode() + b"?B?" + base64.b64encode(raw) + b"?=")
        else:
            safe = b"".join(
                b"_"
                if octet == 32
                else bytes([octet])
                if chr(octet).isascii() and chr(octet).isalnum()
                else b"=%02X" % octet
                for octet in raw
            )
            out.append(b"=?" + charset.encode() + b"?Q?" + safe + b"?=")
    return b"\r\n ".join(out)


def unstructured(dice: Dice, text: str, charset: str) -> bytes:
    """A text for an unstructured field: plain, encoded or raw UTF-8 (RFC 6532)."""
    if text.isascii():
        return text.encode()
    if dice.chance.random() < 0.25 or charset.startswith("utf-16"):
        return text.encode()
    return encoded_word(dice, text, charset)


def mailbox(dice: Dice, person: Person) -> bytes:
    """A person as an address field writes them."""
    name, address = person
    if not name:
        return address.encode()
    if name.isascii():
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'.encode()
    return encoded_word(dice, name, "utf-8") + b" <" + address.encode() + b">"


def _date(dice: Dice, moment: datetime) -> bytes:
    style = dice.chance.choice(
        ["%a, %d %b %Y %H:%M:%S +0000", "%d %b %Y %H:%M:%S GMT", "%a, %d %b %Y %H:%M:%S +0000 (UTC)"]
    )
    return moment.strftime(style).encode()


# ----------------------------------------------------------------------------------------------------------- messages


@dataclass
class _Links:
    """What a message points back to."""

    in_reply_to: str | None = None
    references: tuple[str, ...] = ()


@dataclass
class Generator:
    """Makes messages; ``number`` counts them."""

    dice: Dice
    number: int = 0

    def words(self) -> tuple[Words, str]:
        """A few paragraphs in one language, and the charset for its header fields."""
        chance = self.dice.chance
        charsets, own = TONGUES[chance.choice(list(TONGUES))]
        charset = chance.choice(charsets)
        paragraphs = []
        for _ in range(chance.randrange(1, 4)):
            some = [
                chance.choice(own) if chance.random() < 0.4 else chance.choice(LATIN)
                for _ in range(chance.randrange(3, 12))
            ]
            paragraphs.append(" ".join(some))
        paragraphs.append(f"{chance.choice(own)} rare{self.number}word")
        return Words(paragraphs, charset), charset

    def message(self, thread: str, subject: str, moment: datetime, links: _Links, list_id: str | None = None) -> Made:
        """One well-formed message."""
        chance, dice = self.dice.chance, self.dice
        self.number += 1
        message_id = f"{self.number}.{chance.randrange(10**9)}@{chance.choice(['orchard', 'quay', 'nile'])}.example"
        words, charset = self.words()
        name = chance.randrange(len(FILES))
        file = Attachment(FILES[name], TYPES[name], chance.randbytes(chance.randrange(0, 3_000)))
        body: Body = chance.choice(SHAPES)(dice, words, file)
        sender = chance.choice(PEOPLE)
        to = tuple(chance.sample(PEOPLE, chance.randrange(1, 4)))
        cc = tuple(chance.sample(PEOPLE, chance.randrange(0, 3)))
        if not subject.isascii():
            charset = "utf-8"
        lines = [
            b"Return-Path: <" + sender[1].encode() + b">",
            b"Received: from relay.example (relay.example [192.0.2.1])\r\n\tby mx.example with ESMTPS; "
            + _date(dice, moment),
            b"From: " + mailbox(dice, sender),
            b"To: " + b",\r\n ".join(mailbox(dice, person) for person in to),
            b"Subject: " + unstructured(dice, subject, charset),
            b"Date: " + _date(dice, moment),
            b"Message-ID: <" + message_id.encode() + b">",
            b"MIME-Version: 1.0",
        ]
        if cc:
            lines.append(b"Cc: " + b", ".join(mailbox(dice, person) for person in cc))
        if links.in_reply_to:
            lines.append(b"In-Reply-To: <" + links.in_reply_to.encode() + b">")
        if links.references:
            lines.append(b"References: " + b"\r\n ".join(b"<%b>" % one.encode() for one in links.references))
        if list_id:
            lines += [b"List-Id: Talk <" + list_id.encode() + b">", b"List-Post: <mailto:post@lists.example>"]
        names = tuple(one.name for one in body.attachments if one.name)
        return Made(
            name=f"m{self.number:05d}",
            data=CRLF.join(lines) + CRLF + body.octets,
            thread=thread,
            received_at=moment,
            message_id=message_id,
            subject=subject,
            sender=sender,
            to=to,
            cc=cc,
            sent_at=moment,
            list_id=list_id,
            text=body.text,
            html=body.html,
            attachments=body.attachments,
            has_attachment=body.has_attachment,
            fields={
                "subject": (subject,),
                "from": (" ".join(sender),),
                "to": tuple(map(" ".join, to)),
                "cc": tuple(map(" ".join, cc)),
                "body": body.visible,
                "names": names,
            },
        )

    def conversation(self, label: str, length: int, on_list: bool) -> list[Made]:
        """Messages that answer each other; one of them may begin a new conversation by another subject."""
        chance = self.dice.chance
        _, own = TONGUES[chance.choice(list(TONGUES))]
        subject = f"{chance.choice(own)} {chance.choice(LATIN)} {label}"
        list_id = "talk.lists.example" if on_list else None
        tag = "[talk] " if on_list else ""
        moment = START + timedelta(minutes=chance.randrange(60 * 24 * 300))
        made = [self.message(label, tag + subject, moment, _Links(), list_id)]
        chains: list[tuple[str, ...]] = [()]
        for step in range(1, length):
            parent = chance.randrange(len(made))
            above, parent_id = chains[parent], made[parent].message_id or ""
            chain = (*above, parent_id)
            thread = made[parent].thread
            base = subject if thread == label else f"changed {subject}"
            if thread == label and chance.random() < 0.08:
                thread, base = f"{label}/changed{step}", f"changed {subject}"
                chain_known = ()
                moment += timedelta(minutes=chance.randrange(1, 600))
                # Answers an old message to begin something new: points back, and yet belongs elsewhere.
                branch = self.message(label, f"{base} {step}", moment, _Links(parent_id, chain), list_id)
                made.append(replace(branch, thread=f"{label}/changed{step}"))
                chains.append(chain_known)
                continue
            if thread != label:
                base = (made[parent].subject or "").removeprefix(tag).removeprefix("Re: ")
            prefix = chance.choice(["Re: ", "RE: ", "Aw: ", "Re: Re: ", f"Re: {tag}", "Fwd: ", f"{tag}Re: "])
            base = base.removeprefix("Re: ")
            moment += timedelta(minutes=chance.randrange(1, 600))
            links = chance.choice([
                _Links(parent_id, chain),
                _Links(parent_id, chain),
                _Links(parent_id),
                _Links(None, chain),
                _Links(None, chain[-2:]),
                _Links(parent_id, (chain[0], parent_id)),
            ])  # fmt: skip
            answer = self.message(thread, prefix + _bare(base), moment, links, list_id)
            made.append(answer)
            chains.append(chain)
        return made

    def orphans(self, label: str) -> list[Made]:
        """Two answers to a message that nobody has here: they belong together all the same."""
        moment = START + timedelta(minutes=self.dice.chance.randrange(60 * 24 * 300))
        links = _Links(f"lost-{label}@elsewhere.example", (f"lost-{label}@elsewhere.example",))
        return [self.message(label, f"Re: orphan {label}", moment + timedelta(hours=n), links) for n in range(2)]


def _bare(subject: str) -> str:
    """A subject without what the generator itself put before it."""
    while True:
        for prefix in ("Re: ", "RE: ", "Aw: ", "Fwd: ", "[talk] "):
            if subject.startswith(prefix):
                subject = subject.removeprefix(prefix)
                break
        else:
            return subject


def _as_odd(one: malformed.Malformed, number: int) -> Made:
    return Made(
        name=f"odd{number:03d}",
        data=one.data,
        thread=one.thread or f"odd {one.name}",
        received_at=START + timedelta(days=400, minutes=number),
        text=one.text,
        says=one.says,
    )


def _with_lf(made: Made) -> Made:
    """The message as most programs keep it on disk; what it says stays the same, but for parts sent as they are."""
    plain = tuple(
        replace(one, data=one.data.replace(CRLF, b"\n")) if _is_verbatim(made.data, one) else one
        for one in made.attachments or ()
    )
    attachments = None if made.attachments is None else plain
    return replace(made, data=made.data.replace(CRLF, b"\n"), attachments=attachments)


def _is_verbatim(data: bytes, one: Attachment) -> bool:
    return CRLF in one.data and one.data in data


def generate(count: int = 120, seed: int = 1) -> Corpus:
    """About ``count`` messages and all malformed ones."""
    generator = Generator(Dice(random.Random(seed)))
    chance = generator.dice.chance
    maildir: list[Made] = []
    mbox: list[Made] = []
    conversations = 0
    while len(maildir) + len(mbox) < count:
        conversations += 1
        on_list = chance.random() < 0.4
        label = f"talk{conversations}"
        made = generator.conversation(label, chance.choice([1, 1, 2, 3, 5, 12]), on_list)
        if conversations % 7 == 0:
            made += generator.orphans(f"{label}o")
        if on_list and not any(CRLF + b"." in one.data for one in made):
            mbox += [_with_lf(one) for one in made if one.data.endswith(CRLF)]
            maildir += [one for one in made if not one.data.endswith(CRLF)]
        else:
            maildir += [_placed(chance, one) for one in made]
    maildir += [_as_odd(one, number) for number, one in enumerate(malformed.messages())]
    twin = next(one for one in maildir if one.fields and one.folder != ("Sent",))
    maildir.append(replace(twin, name="twin", folder=("Sent",), flags="S"))
    return Corpus(tuple(_shuffled(chance, maildir)), tuple(chance.sample(mbox, len(mbox))))


def _placed(chance: random.Random, made: Made) -> Made:
    """In some folder with some flags, and with the line ends of some program."""
    folder = chance.choice([(), (), (), ("Lists", "Talk"), ("Archive",), ("Sent",)])
    flags = "".join(letter for letter in "FRS" if chance.random() < 0.4)
    made = replace(made, folder=folder, flags=flags)
    return _with_lf(made) if chance.random() < 0.5 else made


def _shuffled(chance: random.Random, made: Sequence[Made]) -> Iterable[Made]:
    """Arrival in another order than that of writing: a Maildir is read by name."""
    order = chance.sample(range(len(made)), len(made))
    return [replace(one, received_at=START + timedelta(days=500, minutes=place)) for one, place in zip(made, order)]


if __name__ == "__main__":
    numbers = [int(value) for value in sys.argv[2:4]]
    generate(*numbers).write(Path(sys.argv[1]))
