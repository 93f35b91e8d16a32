"""A client with a cache: it remembers what it was shown, follows /changes and /queryChanges, and then must be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.mail.email.conftest import Person
from tests.replay.history import KEYWORDS, House

TYPES = ("Email", "Thread", "Mailbox")
EMAIL_PROPERTIES = ["id", "threadId", "blobId", "mailboxIds", "keywords", "receivedAt", "size", "subject"]

Objects = dict[str, dict[str, Any]]
Query = Mapping[str, Any]


@dataclass
class Moment:
    """Everything that somebody saw at one time: states and objects by type, queryStates and ids by query."""

    states: dict[str, str]
    objects: dict[str, Objects]
    lists: list[tuple[str, list[str]]]
    mailbox_lists: list[tuple[str, list[str]]]


def look(house: House, person: Person, queries: Sequence[Query], mailbox_queries: Sequence[Query]) -> Moment:
    """See everything, in one request."""
    account = {"accountId": house.account_id}
    ids = {"resultOf": "all", "name": "Email/query", "path": "/ids"}
    calls = [
        ("Email/query", account, "all"),
        ("Email/get", {**account, "#ids": ids, "properties": EMAIL_PROPERTIES}, "Email"),
        ("Thread/get", {**account, "ids": None}, "Thread"),
        ("Mailbox/get", {**account, "ids": None}, "Mailbox"),
        *(("Email/query", {**account, **query}, f"q{number}") for number, query in enumerate(queries)),
        *(("Mailbox/query", {**account, **query}, f"m{number}") for number, query in enumerate(mailbox_queries)),
    ]
    answers: dict[str, dict[str, Any]] = {}
    for name, answer, call_id in person.send(*calls)["methodResponses"]:
        assert name != "error", answer
        answers[call_id] = answer
    listed = [(answers[f"q{number}"], f"q{number}") for number in range(len(queries))]
    assert all(answer["canCalculateChanges"] for answer, _ in listed)
    return Moment(
        {name: answers[name]["state"] for name in TYPES},
        {name: {one["id"]: one for one in answers[name]["list"]} for name in TYPES},
        [(answer["queryState"], answer["ids"]) for answer, _ in listed],
        [(answers[f"m{n}"]["queryState"], answers[f"m{n}"]["ids"]) for n in range(len(mailbox_queries))],
    )


def follow(
    house: House, person: Person, name: str, state: str, known: Objects, now: Objects, limit: int | None
) -> tuple[str, Objects]:
    """The state and the cache after all pages of /changes; what changed is looked up in ``now``."""
    known = dict(known)
    for _page in range(5_000):
        page = house.call(person, f"{name}/changes", sinceState=state, maxChanges=limit)
        assert page["oldState"] == state
        named = [*page["created"], *page["updated"], *page["destroyed"]]
        assert len(set(named)) == len(named)
        assert limit is None or len(named) <= limit
        for key in (*page["created"], *page["updated"]):
            if key in now:
                known[key] = now[key]
            else:
                known.pop(key, None)
        for key in page["destroyed"]:
            known.pop(key, None)
        assert page["newState"] != state or not page["hasMoreChanges"]
        state = page["newState"]
        if not page["hasMoreChanges"]:
            return state, known
    raise AssertionError("/changes has no end")


def splice(old: Iterable[str], removed: Iterable[str], added: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a client makes of a list and its changes (RFC 8620 §5.6)."""
    gone = set(removed)
    new = [key for key in old if key not in gone]
    indexes = [item["index"] for item in added]
    assert indexes == sorted(indexes)
    for item in added:
        if item["index"] <= len(new):
            new.insert(item["index"], item["id"])
    return new


def check_list(
    house: House, person: Person, method: str, query: Query, old: tuple[str, list[str]], new: tuple[str, list[str]]
) -> None:
    """The splice of an old list equals the fresh one, and maxChanges is kept to the number."""
    changes = house.call(person, method, **query, sinceQueryState=old[0], calculateTotal=True)
    assert splice(old[1], changes["removed"], changes["added"]) == new[1], (query, changes)
    assert (changes["oldQueryState"], changes["newQueryState"], changes["total"]) == (old[0], new[0], len(new[1]))
    many = len(changes["removed"]) + len(changes["added"])
    if many:
        exactly = house.call(person, method, **query, sinceQueryState=old[0], maxChanges=many)
        assert (exactly["removed"], exactly["added"]) == (changes["removed"], changes["added"])
    if many > 1:
        arguments = {"accountId": house.account_id, **query, "sinceQueryState": old[0], "maxChanges": many - 1}
        assert person.error(method, **arguments)["type"] == "tooManyChanges"


def check_beginning(
    house: House, person: Person, query: Query, old: tuple[str, list[str]], new: tuple[str, list[str]], chance: Random
) -> None:
    """A client that holds only the beginning of a list, and says so by upToId, has the beginning of the new list."""
    if not old[1]:
        return
    last = chance.choice(old[1])
    cached = old[1][: old[1].index(last) + 1]
    changes = house.call(person, "Email/queryChanges", **query, sinceQueryState=old[0], upToId=last)
    spliced = splice(cached, changes["removed"], changes["added"])
    if last in new[1]:
        end = new[1].index(last) + 1
        assert spliced[:end] == new[1][:end], (query, last, changes)


# ------------------------------------------------------------------------------------------------------------ questions


def _leaf(chance: Random, boxes: Sequence[str]) -> dict[str, Any]:
    day = f"2024-01-{chance.randrange(1, 9):02d}T12:00:00Z"
    return chance.choice(
        [
            {"inMailbox": chance.choice(boxes)},
            {"inMailbox": chance.choice(boxes)},
            {"inMailboxOtherThan": chance.sample(boxes, 2)},
            {"hasKeyword": chance.choice(KEYWORDS)},
            {"notKeyword": chance.choice(KEYWORDS)},
            {"someInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"allInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"noneInThreadHaveKeyword": chance.choice(KEYWORDS)},
            {"before": day},
            {"after": day},
            {"minSize": 150},
            {"text": chance.choice(["tea", "cake", "draft"])},
            {"from": "ada", "maxSize": 400},
            {"header": ["Message-ID", chance.choice("abc")]},
            {"hasAttachment": False},
        ]
    )


def question(chance: Random, boxes: Sequence[str]) -> dict[str, Any]:
    """An Email/query as some client might ask it."""
    kind = chance.choice(["plain", "plain", "both", "one", "tree", "all"])
    box = {"inMailbox": chance.choice(boxes)}
    wanted: Any = None
    if kind == "plain":
        wanted = box
    elif kind == "both":
        wanted = {"operator": "AND", "conditions": [box, _leaf(chance, boxes)]}
    elif kind == "one":
        wanted = _leaf(chance, boxes)
    elif kind == "tree":
        inner = {"operator": chance.choice(["OR", "NOT"]), "conditions": [_leaf(chance, boxes), _leaf(chance, boxes)]}
        wanted = {"operator": chance.choice(["AND", "OR", "NOT"]), "conditions": [_leaf(chance, boxes), inner]}
    keyword = {"keyword": chance.choice(KEYWORDS)}
    sort = chance.choice(
        [
            None,
            [{"property": "receivedAt", "isAscending": False}],
            [{"property": "receivedAt", "isAscending": True}],
            [{"property": "subject"}, {"property": "receivedAt", "isAscending": False}],
            [{"property": "from", "collation": "i;octet"}, {"property": "size"}],
            [{"property": "sentAt", "isAscending": False}],
            [{"property": "hasKeyword", **keyword}, {"property": "receivedAt", "isAscending": False}],
            [{"property": "someInThreadHaveKeyword", "isAscending": False, **keyword}],
            [{"property": "allInThreadHaveKeyword", **keyword}, {"property": "size", "isAscending": False}],
        ]
    )
    return {"filter": wanted, "sort": sort, "collapseThreads": chance.random() < 0.5}


MAILBOX_QUESTIONS: tuple[Query, ...] = (
    {},
    {"sort": [{"property": "name"}]},
    {"sort": [{"property": "sortOrder"}, {"property": "name", "isAscending": False}], "filter": {"hasAnyRole": True}},
    {"filter": {"parentId": None}, "sort": [{"property": "name"}]},
    {"filter": {"isSubscribed": True}, "sort": [{"property": "name"}], "sortAsTree": True, "filterAsTree": True},
    {"filter": {"operator": "NOT", "conditions": [{"name": "box"}, {"role": "trash"}]}, "sortAsTree": True},
)
"""Ways to list mailboxes."""
