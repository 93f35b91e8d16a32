"""A client that only listens, and asks /changes when it is told, ends with exactly what the server has."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.push.conftest import PATIENCE, Stream
from tests.wire.conftest import CORE, Edge, Person, Site

MAIL = "urn:ietf:params:jmap:mail"
TYPES = ("Mailbox", "Email", "Thread")
STEPS = 120


@pytest.fixture(scope="module", params=["uvicorn", "daphne"])
def busy(request: pytest.FixtureRequest, site: Site) -> Iterator[Edge]:
    """A server that takes many requests of one user."""
    limits = {"WIRE_LIMITS": str(site.folder / f"replay-{request.param}"), "WIRE_REQUESTS": "100000"}
    with site.server(request.param, **limits) as running:
        yield running


class Wire:
    """Calls of one person."""

    def __init__(self, client: httpx.Client, account: str) -> None:
        self.client = client
        self.account = account

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The response arguments of one call."""
        body = {"using": [CORE, MAIL], "methodCalls": [[method, {"accountId": self.account, **arguments}, "c"]]}
        answer = self.client.post("/jmap/api", json=body).raise_for_status().json()
        name, given, _call_id = answer["methodResponses"][0]
        assert name == method, given
        return given


class Follower(threading.Thread):
    """Knows what it was told: states and objects by type. Loses its connection now and then."""

    def __init__(self, edge: Edge, person: Person, dice: random.Random) -> None:
        super().__init__(daemon=True)
        self.dice = dice
        self.states: dict[str, str] = {}
        self.known: dict[str, dict[str, Any]] = {}
        self.last_id = ""
        self.connections = 0
        self.failure: BaseException | None = None
        self.changed = threading.Condition()
        self.goal: dict[str, str] | None = None
        self._edge, self._person = edge, person
        self._client = edge.client(person)
        self._client.timeout = httpx.Timeout(PATIENCE)
        self._wire = Wire(self._client, person.account)
        for name in TYPES:
            found = self._wire.call(f"{name}/get", ids=None)
            self.states[name] = found["state"]
            self.known[name] = {one["id"]: one for one in found["list"]}

    def run(self) -> None:
        """Listen until what was told is the goal."""
        try:
            while self.goal is None or self.states != self.goal:
                self._listen()
        except BaseException as error:
            self.failure = error
        finally:
            self._client.close()

    def _listen(self) -> None:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        query = {"types": ",".join(TYPES), "closeafter": "no", "ping": "1"}
        with self._client.stream("GET", "/jmap/events", params=query, headers=headers) as response:
            assert response.status_code == 200
            self.connections += 1
            stream = Stream(response)
            for _ in range(self.dice.randrange(1, 3)):
                block = stream.block()
                self.last_id = stream.last_id or self.last_id
                if block is not None and block.name == "state":
                    for name, state in block.json["changed"].get(self._person.account, {}).items():
                        if state != self.states[name]:
                            self._follow(name)
                if self.goal is not None and self.states == self.goal:
                    return

    def _follow(self, name: str) -> None:
        more = True
        while more:
            page = self._wire.call(f"{name}/changes", sinceState=self.states[name], maxChanges=5)
            wanted = [*page["created"], *page["updated"]]
            for one in self._wire.call(f"{name}/get", ids=wanted)["list"]:
                self.known[name][one["id"]] = one
            for key in page["destroyed"]:
                self.known[name].pop(key, None)
            self.states[name], more = page["newState"], page["hasMoreChanges"]


def one_step(wire: Wire, dice: random.Random, number: int) -> None:
    """Something happens to mailboxes and emails."""
    boxes = [box["id"] for box in wire.call("Mailbox/get", ids=None, properties=["id"])["list"]]
    emails = wire.call("Email/query")["ids"]
    what = dice.choice(["box", "rename", "email", "email", "flag", "move", "drop"])
    if what == "box" or not boxes:
        wire.call("Mailbox/set", create={"b": {"name": f"Box {number}"}})
    elif what == "rename":
        wire.call("Mailbox/set", update={dice.choice(boxes): {"name": f"Name {number}"}})
    elif what == "email" or not emails:
        body = {"1": {"value": "text"}}
        email = {"mailboxIds": {dice.choice(boxes): True}, "subject": f"Subject {number % 7}", "bodyValues": body}
        wire.call("Email/set", create={"e": {**email, "textBody": [{"partId": "1", "type": "text/plain"}]}})
    elif what == "flag":
        wire.call("Email/set", update={dice.choice(emails): {"keywords/$seen": dice.choice([True, None])}})
    elif what == "move":
        wire.call("Email/set", update={dice.choice(emails): {"mailboxIds": {dice.choice(boxes): True}}})
    else:
        wire.call("Email/set", destroy=[dice.choice(emails)])


@pytest.mark.rfc(8620, "7.1")
@pytest.mark.rfc(8620, "7.3")
@pytest.mark.parametrize("seed", [1, 2])
def test_a_client_that_only_listens_ends_with_what_the_server_has(busy: Edge, person: Person, seed: int) -> None:
    edge = busy
    dice = random.Random(seed)
    follower = Follower(edge, person, random.Random(seed + 100))
    follower.start()
    with edge.client(person) as client:
        wire = Wire(client, person.account)
        wire.call("Mailbox/set", create={"b": {"name": "First"}})

        for number in range(STEPS if edge.name == "uvicorn" else STEPS // 2):
            one_step(wire, dice, number)

        now = {name: wire.call(f"{name}/get", ids=None) for name in TYPES}
        follower.goal = {name: found["state"] for name, found in now.items()}
        follower.join(PATIENCE)

    assert follower.failure is None
    assert follower.states == follower.goal
    assert follower.connections > 3
    for name, found in now.items():
        assert follower.known[name] == {one["id"]: one for one in found["list"]}
