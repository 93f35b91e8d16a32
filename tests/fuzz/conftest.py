"""An account with a little mail, and the endpoint that every edge calls, which reports what nobody expected."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction

from jmap.edge import endpoint
from jmap.ids import encode
from jmap.models import Account
from jmap.protocol.errors import RequestError
from tests.corpus.generator import generate
from tests.mail.email.conftest import Person, people

__all__ = ["people"]

SITE = "http://127.0.0.1/jmap"
METHOD_ERRORS = {
    "unknownMethod", "invalidArguments", "invalidResultReference", "forbidden", "accountNotFound",
    "accountNotSupportedByMethod", "accountReadOnly", "requestTooLarge", "stateMismatch", "cannotCalculateChanges",
    "tooManyChanges", "anchorNotFound", "unsupportedSort", "unsupportedFilter", "fromAccountNotFound",
    "fromAccountNotSupportedByMethod",
}  # fmt: skip
"""Errors of a call that a client may cause (RFC 8620 §3.6.2, §5)."""
SET_ERRORS = {
    "forbidden", "overQuota", "tooLarge", "rateLimit", "notFound", "invalidPatch", "willDestroy", "invalidProperties",
    "singleton", "alreadyExists", "mailboxHasChild", "mailboxHasEmail", "blobNotFound", "tooManyKeywords",
    "tooManyMailboxes", "invalidEmail",
}  # fmt: skip
"""Errors of an object that a client may cause (RFC 8620 §5.3, RFC 8621 §2.5, §4.6 to §4.8)."""
REFUSED = ("notCreated", "notUpdated", "notDestroyed", "notCopied")


@dataclass
class Target:
    """Somebody whom requests are made for: they have an account, and may read or write in two others."""

    person: Person
    names: dict[str, str]
    reports: list[BaseException] = field(default_factory=list)

    def fill(self, text: str) -> str:
        """Placeholders replaced by what is there."""
        for placeholder in sorted(self.names, key=len, reverse=True):
            text = text.replace(placeholder, self.names[placeholder])
        return text

    def post(self, body: bytes) -> dict[str, Any] | None:
        """The Response, judged; None where the whole request was refused as it should be."""
        self.reports.clear()
        refused: RequestError | None = None
        try:
            octets = endpoint.api(self.person, body, SITE)  # type: ignore[arg-type]
        except RequestError as error:
            refused = error
        if refused is not None:
            assert 400 <= refused.status < 500
            assert json.loads(json.dumps(refused.document()))["type"].startswith("urn:ietf:params:jmap:error:")
            return None
        if self.reports:
            raise self.reports[0]
        response = json.loads(octets.decode())
        judge(response)
        return response

    def request(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """``post`` of a request with placeholders."""
        return self.post(self.fill(json.dumps(request)).encode())


def judge(response: dict[str, Any]) -> None:
    """Assert that a Response has the right shape and that no server failed (RFC 8620 §3.4)."""
    assert response.keys() - {"createdIds"} == {"methodResponses", "sessionState"}
    for name, arguments, call_id in response["methodResponses"]:
        assert isinstance(call_id, str)
        if name == "error":
            assert arguments["type"] in METHOD_ERRORS, arguments
            continue
        for key in REFUSED:
            for error in (arguments.get(key) or {}).values():
                assert error["type"] in SET_ERRORS, error
            assert arguments.get(key) is None or arguments[key]
        if name.endswith(("/get", "/parse")):
            assert isinstance(arguments.get("notFound"), list | None)
        if name.endswith("/query"):
            assert isinstance(arguments["ids"], list)
            assert isinstance(arguments["position"], int)
        if name.endswith("/queryChanges"):
            assert {"oldQueryState", "newQueryState", "removed", "added"} <= arguments.keys()
        if name.endswith("/changes"):
            assert {"oldState", "newState", "hasMoreChanges", "created", "updated", "destroyed"} <= arguments.keys()
        if name.endswith(("/set", "/import")):
            assert {"oldState", "newState"} <= arguments.keys()


@contextmanager
def undone() -> Iterator[None]:
    """Nothing that is written inside stays."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def target(people: Callable[[str], Person], monkeypatch: pytest.MonkeyPatch) -> Target:
    """Somebody with a few of the messages of our own making."""
    person, other, museum = people("fuzz"), people("other"), people("museum")
    person.may_enter(other)
    person.may_enter(museum, is_read_only=True)
    made = [one for one in generate(6, 3).maildir if len(one.data) < 50_000]
    for number, one in enumerate(made):
        person.deliver(one.data, *(["$seen"] if number % 2 else []), day=number % 28 + 1)
    emails = [person.deliver(f"From: a@x\nSubject: tea {n}\n\nTea for {n}\n", day=n + 1) for n in range(4)]
    elsewhere = other.deliver("From: a@x\nSubject: elsewhere\n\nTea\n")
    blobs = [person.get(key, "blobId")["blobId"] for key in emails[:2]]
    threads = [person.get(key, "threadId")["threadId"] for key in emails[:2]]
    names = {f"@e{n}": key for n, key in enumerate(emails)}
    names |= {f"@m{n}": person.mailbox(role) for n, role in enumerate(["inbox", "drafts", "trash"])}
    names |= {f"@b{n}": key for n, key in enumerate(blobs)} | {f"@t{n}": key for n, key in enumerate(threads)}
    names["@o0"] = elsewhere
    names["@ob"] = other.get(elsewhere, "blobId")["blobId"]
    names["@s0"] = "1-0"
    names |= {"@account": person.account_id, "@other": other.account_id, "@museum": museum.account_id}
    for letter, type_ in (("E", "Email"), ("M", "Mailbox"), ("T", "Thread")):
        names[f"@s{letter}"] = person.call(f"{type_}/get", ids=[])["state"]
    assert encode("u", Account.objects.get(pk=person.account.pk).pk) == person.account_id
    target = Target(person, names)
    monkeypatch.setattr(endpoint, "report", lambda error, where: target.reports.append(error))
    return target
