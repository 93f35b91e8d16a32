"""What a case works with: a client of its own, things to make in the account, other principals, the adapter.

Rules kept here: every case works in mailboxes that it makes itself, so that cases may run side by side and the mail of
the account is never touched; what a run has made is found and removed by ``cleanup`` at its end.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from jmap_conformance import check
from jmap_conformance.adapters import Adapter, Push
from jmap_conformance.case import MAIL, SUBMISSION, Case
from jmap_conformance.client import Client, Exchange, Principal
from jmap_conformance.outcome import NotRun
from jmap_conformance.shared import Once

Found = TypeVar("Found")

MARK = "conformance"
"""Begins the names of everything that the suite makes."""

_COUNTER = itertools.count(1)
PATIENCE = 10.0


def unique(word: str = "") -> str:
    """A name that nobody else uses."""
    return f"{MARK}-{word}{'-' if word else ''}{next(_COUNTER)}-{secrets.token_hex(3)}"


@dataclass
class World:
    """What all cases of a run share."""

    client: Client
    second: Client | None = None
    adapter: Adapter | None = None
    made: Once = field(default_factory=Once)


class Toolkit:
    """Everything a case needs, bound to one run of one case."""

    def __init__(self, world: World, case: Case) -> None:
        self.world = world
        self.case = case
        self.jmap = world.client.fork()
        self._afterwards: list[Callable[[], object]] = []
        self._others: list[Client] = []

    # -- the first principal

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """See Client.call."""
        return self.jmap.call(method, **arguments)

    def error(self, method: str, *types: str, **arguments: Any) -> dict[str, Any]:
        """See Client.error."""
        return self.jmap.error(method, *types, **arguments)

    def calls(self, *calls: Any, **options: Any) -> list[list[Any]]:
        """See Client.calls."""
        return self.jmap.calls(*calls, **options)

    @property
    def session(self) -> dict[str, Any]:
        """The Session object."""
        return self.jmap.session

    @property
    def account(self) -> str:
        """The mail account."""
        return self.jmap.account(MAIL)

    @property
    def exchanges(self) -> list[Exchange]:
        """Every exchange of the case, over all its clients, in no fixed order between clients."""
        return [each for client in (*self._others, self.jmap) for each in client.exchanges]

    # -- other principals and the adapter

    @property
    def other(self) -> Client:
        """Another principal."""
        if self.world.second is None:
            raise NotRun("a second principal was not given")
        client = self.world.second.fork()
        self._others.append(client)
        return client

    def client(self, principal: Principal | None) -> Client:
        """A client for a principal that the case brings, None for nobody."""
        client = Client(self.world.client.session_url, principal)
        self._others.append(client)
        return client

    @property
    def adapter(self) -> Adapter:
        """The adapter."""
        if self.world.adapter is None:
            raise NotRun("no adapter was given")
        return self.world.adapter

    def newcomer(self) -> Client:
        """A principal with a fresh account, made by the adapter."""
        return self.client(self.adapter.make_account(unique("account")))

    # -- a tidy end

    def afterwards(self, action: Callable[[], object]) -> None:
        """Do something when the case is over, however it ended; last asked, first done."""
        self._afterwards.append(action)

    def finish(self) -> None:
        """Do what was asked for afterwards; what goes wrong there is no failure of the case."""
        kept = self.jmap.exchanges
        while self._afterwards:
            try:
                self._afterwards.pop()()
            except Exception:  # the end of the run looks for what was left over
                continue
        self.jmap.exchanges = kept

    # -- waiting

    def eventually(self, look: Callable[[], Found], what: str, patience: float = PATIENCE) -> Found:
        """What ``look`` gives as soon as that is something; a Failure if that never happens."""
        deadline = time.monotonic() + patience
        while True:
            found = look()
            if found:
                return found
            check.that(time.monotonic() < deadline, f"after {patience:.0f} seconds still not: {what}")
            time.sleep(0.1)

    # -- mailboxes and messages

    def mailbox(self, **properties: Any) -> str:
        """The id of a new mailbox."""
        created = self.call("Mailbox/set", create={"m": {"name": unique(), **properties}}).get("created") or {}
        check.that("m" in created, "a mailbox could not be created")
        return str(created["m"]["id"])

    def mailboxes(self, *properties: dict[str, Any]) -> list[str]:
        """The ids of several new mailboxes, one for each set of properties."""
        create = {f"m{number}": {"name": unique(), **each} for number, each in enumerate(properties)}
        created = self.call("Mailbox/set", create=create).get("created") or {}
        check.same_set(list(created), list(create), "the mailboxes created")
        return [str(created[key]["id"]) for key in create]

    def message(self, subject: str = "A subject", *, body: str = "A body.\r\n", **headers: str) -> bytes:
        """A message as octets; header fields by name, with underscores for hyphens."""
        fields = {
            "From": "Alice <alice@example.com>",
            "To": "Bob <bob@example.net>",
            "Subject": subject,
            "Date": "Thu, 2 May 2024 10:30:00 +0200",
            "Message-ID": f"<{unique()}@example.com>",
            "MIME-Version": "1.0",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Transfer-Encoding": "8bit",
        }
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return (head + "\r\n" + body).encode()

    def emails(self, mailbox: str, *sources: bytes, **properties: Any) -> list[str]:
        """Import messages into a mailbox, and their ids.

        A property that is a list or a tuple gives each message its own value.
        """
        blobs = [self.jmap.upload(source, "message/rfc822") for source in sources]
        create = {}
        for number, blob in enumerate(blobs):
            own = {
                key: value[number] if isinstance(value, list | tuple) else value for key, value in properties.items()
            }
            create[f"e{number}"] = {"blobId": blob, "mailboxIds": {mailbox: True}, **own}
        response = self.call("Email/import", emails=create)
        created = response.get("created") or {}
        check.that(len(created) == len(create), f"messages could not be imported: {check.show(response)}")
        return [str(created[key]["id"]) for key in create]

    def email(self, mailbox: str | None = None, source: bytes | None = None, **properties: Any) -> str:
        """Import one message, into a new mailbox if none is named, and its id."""
        return self.emails(mailbox or self.mailbox(), source or self.message(), **properties)[0]

    def get(self, kind: str, record: str, *properties: str, **arguments: Any) -> dict[str, Any]:
        """One record that has to be there."""
        wanted = {"properties": list(properties)} if properties else {}
        response = self.call(f"{kind}/get", ids=[record], **wanted, **arguments)
        found = response.get("list") or []
        check.that(len(found) == 1, f"{kind}/get of {record} gave {len(found)} records")
        return dict(found[0])

    def state(self, kind: str) -> str:
        """The state of a type."""
        return str(self.call(f"{kind}/get", ids=[])["state"])

    def update(self, kind: str, record: str, **patch: Any) -> dict[str, Any]:
        """Update one record, which has to succeed; the arguments of the response."""
        response = self.call(f"{kind}/set", update={record: patch})
        check.that(record in (response.get("updated") or {}), f"{record} could not be updated: {check.show(response)}")
        return response

    def patch(self, kind: str, record: str, patch: dict[str, Any]) -> dict[str, Any]:
        """Update one record by a patch with any keys, which has to succeed; the arguments of the response."""
        return self.update(kind, record, **patch)

    def destroy(self, kind: str, *records: str, **arguments: Any) -> dict[str, Any]:
        """Destroy records, which has to succeed; the arguments of the response."""
        response = self.call(f"{kind}/set", destroy=list(records), **arguments)
        check.same_set(response.get("destroyed") or [], records, "destroyed")
        return response

    def query(self, kind: str, **arguments: Any) -> list[str]:
        """The ids of a query."""
        return list(self.call(f"{kind}/query", **arguments)["ids"])

    # -- submission

    def identity(self) -> dict[str, Any]:
        """An identity to send from."""
        found = self.call("Identity/get", ids=None)["list"]
        if not found:
            raise NotRun("the account has no identity")
        with_address = [each for each in found if "@" in each["email"]]
        return dict((with_address or found)[0])

    @property
    def submission_account(self) -> str:
        """The account that is sent from."""
        return self.jmap.account(SUBMISSION)

    # -- pushes

    def push_endpoint(self) -> Push:
        """An endpoint for pushes, closed when the case is over."""
        endpoint = self.adapter.push_endpoint()
        self.afterwards(endpoint.close)
        return endpoint


def numbered(ids: Iterable[str]) -> dict[str, int]:
    """Positions of ids."""
    return {each: number for number, each in enumerate(ids)}
