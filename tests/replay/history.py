"""What people do to an account, through JMAP requests alone: the owner, and a delegate who also has mail of their own.

Every step is made of choices of a ``random.Random``, so that hypothesis can shrink them and threads can make their own.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from jmap.protocol.ports import Limits
from tests.mail.email.conftest import Person

ROLES = ("inbox", "archive", "trash", "drafts", "junk")
SUBJECTS = ("Tea", "Re: Tea", "Cake", "Fwd: cake")
NAMES = "abcdefgh"
KEYWORDS = ("$seen", "$flagged", "$draft", "blue", "$answered")
LIMITS = Limits(max_objects_in_get=500, max_objects_in_set=500)


@dataclass
class House:
    """An account that several people change: ``owner`` has it, ``guest`` may write in it."""

    owner: Person
    guest: Person
    boxes: list[str] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)

    @classmethod
    def open(cls, people: Callable[[str], Person], name: str) -> House:
        """A new one, with a little mail in the guest's own account."""
        owner, guest = people(f"owner{name}"), people(f"guest{name}")
        guest.may_enter(owner)
        owner.limits = guest.limits = LIMITS
        house = cls(owner, guest, [owner.mailbox(role) for role in ROLES])
        for number in range(3):
            guest.deliver(letter(NAMES[number], (), SUBJECTS[number], number))
        return house

    @property
    def account_id(self) -> str:
        """The account that everything is about."""
        return self.owner.account_id

    def call(self, person: Person, method: str, **arguments: Any) -> dict[str, Any]:
        """The response to one call about the account."""
        return person.call(method, **{"accountId": self.account_id, **arguments})

    def take(self, chance: Random) -> str:
        """Let somebody do something; what it was."""
        person = chance.choice([self.owner, self.owner, self.guest])
        step = chance.choice(STEPS)
        step(self, person, chance)
        return step.__name__

    # ---------------------------------------------------------------------------------------------------- what is there

    def emails(self) -> list[str]:
        """The ids of all emails."""
        return self.call(self.owner, "Email/query", sort=[{"property": "receivedAt"}])["ids"]

    def mailboxes(self) -> list[str]:
        """The ids of all mailboxes."""
        return [box["id"] for box in self.call(self.owner, "Mailbox/get", ids=None, properties=["id"])["list"]]

    def some(self, chance: Random, most: int = 3) -> list[str]:
        """A few emails."""
        every = self.emails()
        return chance.sample(every, min(len(every), chance.randrange(1, most + 1)))

    def places(self, chance: Random) -> dict[str, bool]:
        """One or two mailboxes to be in."""
        every = self.mailboxes()
        return dict.fromkeys(chance.sample(every, min(len(every), chance.choice([1, 1, 2]))), True)

    def number(self) -> int:
        """A number that no other has."""
        return next(self._numbers)


def letter(name: str, references: tuple[str, ...], subject: str, number: int) -> str:
    """A message with links to others."""
    links = "References: " + " ".join(f"<{one}@x>" for one in references) + "\n" if references else ""
    return (
        f"From: {'Ada' if number % 2 else 'Bob'} <p{number % 3}@x>\nSubject: {subject}\nMessage-ID: <{name}@x>\n{links}"
        f"Date: Mon, 1 Jan 2024 0{number % 10}:00:00 +0000\n\nletter {number} {'tea' if number % 2 else 'cake'}\n"
    )


def _keywords(chance: Random) -> dict[str, bool]:
    return dict.fromkeys(chance.sample(KEYWORDS, chance.choice([0, 0, 1, 2])), True)


def _received(chance: Random) -> str:
    return f"2024-01-{chance.randrange(1, 9):02d}T{chance.randrange(24):02d}:00:00Z"


# ------------------------------------------------------------------------------------------------------------ the steps


def imports(house: House, person: Person, chance: Random) -> None:
    """Messages arrive, in any order; some show that two threads are one."""
    wanted = {}
    for _ in range(chance.randrange(1, 4)):
        number = house.number()
        links = tuple(chance.sample(NAMES, chance.choice([0, 1, 1, 2])))
        message = letter(f"{chance.choice(NAMES)}", links, chance.choice(SUBJECTS), number)
        with_person = house.owner if person is house.owner else person
        blob = _upload(house, with_person, message.replace("\n", "\r\n").encode())
        wanted[f"i{number}"] = {
            "blobId": blob,
            "mailboxIds": house.places(chance),
            "keywords": _keywords(chance),
            "receivedAt": _received(chance),
        }
    house.call(person, "Email/import", emails=wanted)


def _upload(house: House, person: Person, data: bytes) -> str:
    from jmap.blobs import uploads
    from jmap.blobs.spool import Spool

    with Spool() as spool:
        spool.write_all([data])
        return uploads.upload(person, person.accounts[house.account_id], "message/rfc822", spool).blob.wire_id


def creates(house: House, person: Person, chance: Random) -> None:
    """A draft, perhaps in place of another, perhaps an answer."""
    number = house.number()
    draft = {
        "mailboxIds": house.places(chance),
        "keywords": {"$draft": True} if chance.random() < 0.5 else {},
        "subject": chance.choice(SUBJECTS),
        "from": [{"name": "Ada", "email": "ada@x"}],
        "receivedAt": _received(chance),
        "messageId": [f"{chance.choice(NAMES)}{number}@x"],
        "inReplyTo": [f"{chance.choice(NAMES)}@x"],
        "textBody": [{"partId": "1", "type": "text/plain"}],
        "bodyValues": {"1": {"value": f"draft {number} tea"}},
    }
    old = house.some(chance, 1) if chance.random() < 0.4 else []
    house.call(person, "Email/set", create={"d": draft}, destroy=old)


def flags(house: House, person: Person, chance: Random) -> None:
    """Keywords are set and removed, one by one or all at once."""
    update: dict[str, Any] = {}
    for key in house.some(chance):
        if chance.random() < 0.3:
            update[key] = {"keywords": _keywords(chance)}
        else:
            update[key] = {f"keywords/{chance.choice(KEYWORDS)}": chance.choice([True, True, None, False])}
    house.call(person, "Email/set", update=update)


def moves(house: House, person: Person, chance: Random) -> None:
    """Emails are filed elsewhere, or in one more mailbox."""
    update: dict[str, Any] = {}
    for key in house.some(chance):
        places = house.places(chance)
        update[key] = (
            {"mailboxIds": places}
            if chance.random() < 0.6
            else {f"mailboxIds/{box}": chance.choice([True, None]) for box in places}
        )
    house.call(person, "Email/set", update=update)


def destroys(house: House, person: Person, chance: Random) -> None:
    """Emails go, together with one that nobody has."""
    house.call(person, "Email/set", destroy=[*house.some(chance, 2), "e2222"])


def copies(house: House, person: Person, chance: Random) -> None:
    """The guest copies mail of their own into the account, or moves it there."""
    own = house.guest.call("Email/query")["ids"]
    if not own:
        house.guest.deliver(letter(chance.choice(NAMES), (), chance.choice(SUBJECTS), house.number()))
        return
    wanted = {"id": chance.choice(own), "mailboxIds": house.places(chance), "keywords": _keywords(chance)}
    answers = house.guest.send(
        (
            "Email/copy",
            {
                "accountId": house.account_id,
                "fromAccountId": house.guest.account_id,
                "create": {"c": wanted},
                "onSuccessDestroyOriginal": chance.random() < 0.5,
            },
            "0",
        )
    )["methodResponses"]
    assert answers[0][0] == "Email/copy", answers


def new_mailbox(house: House, person: Person, chance: Random) -> None:
    """A mailbox is made, and one in it."""
    parent = chance.choice([None, *house.mailboxes()])
    name = f"box {chance.randrange(6)}"
    create = {"a": {"name": name, "parentId": parent}, "b": {"name": "inner", "parentId": "#a"}}
    house.call(person, "Mailbox/set", create=create)


def changes_mailbox(house: House, person: Person, chance: Random) -> None:
    """A mailbox gets another name, place, role, order or reader."""
    every = house.mailboxes()
    patch = chance.choice(
        [
            {"name": f"box {chance.randrange(6)}"},
            {"parentId": chance.choice([None, *every])},
            {"sortOrder": chance.randrange(4)},
            {"isSubscribed": chance.random() < 0.5},
            {"role": chance.choice([None, "trash", "archive", "junk"])},
        ]
    )
    house.call(person, "Mailbox/set", update={chance.choice(every): patch})


def swaps_roles(house: House, person: Person, chance: Random) -> None:
    """Trash and another mailbox trade their roles."""
    boxes = {box["role"]: box["id"] for box in house.call(house.owner, "Mailbox/get", ids=None)["list"] if box["role"]}
    other = chance.choice(["junk", "archive"])
    if "trash" in boxes and other in boxes:
        update = {boxes["trash"]: {"role": other}, boxes[other]: {"role": "trash"}}
        house.call(person, "Mailbox/set", update=update)


def destroys_mailbox(house: House, person: Person, chance: Random) -> None:
    """A mailbox goes, perhaps with all that is in it alone."""
    house.call(
        person,
        "Mailbox/set",
        destroy=[chance.choice(house.mailboxes())],
        onDestroyRemoveEmails=chance.random() < 0.7,
    )


STEPS: tuple[Callable[[House, Person, Random], None], ...] = (
    imports, imports, imports, imports, creates, creates, flags, flags, flags, moves, moves, destroys, copies,
    new_mailbox, changes_mailbox, swaps_roles, destroys_mailbox,
)  # fmt: skip
"""What may happen; what is frequent in life stands here more than once."""
