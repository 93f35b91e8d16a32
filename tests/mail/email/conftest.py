"""A person with an account, and the engine to talk to: what the tests of the Email methods share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth import get_user_model

import mail.datatypes  # noqa: F401  declares the data types
from jmap import store
from jmap.blobs import service as blobs
from jmap.blobs import uploads
from jmap.blobs.spool import Spool
from jmap.blobs.storage import default_store
from jmap.ids import encode
from jmap.models import Account
from jmap.protocol.dispatch import process
from jmap.protocol.method import CORE
from jmap.protocol.plain import to_plain
from jmap.protocol.ports import AccountInfo, Limits
from jmap.registry import registry
from mail.datatypes.capability import MAIL
from mail.models import Mailbox
from mail.services import accounts, emails
from mail.services.content import derive
from mail.services.emails import NewEmail, Placement

LIMITS = Limits(max_objects_in_get=60, max_objects_in_set=60)


@dataclass
class Person:
    """A user with an account of their own, who calls methods and gets mail; also the Principal of the calls."""

    username: str
    key: int
    account: Account
    accounts: dict[str, AccountInfo] = field(default_factory=dict)
    limits: Limits = LIMITS

    @property
    def account_id(self) -> str:
        """The id of their own account."""
        return self.account.wire_id

    def send(self, *calls: tuple[str, dict[str, Any], str], **request: Any) -> dict[str, Any]:
        """The response to a whole request, with all in it plain JSON. Errors that nobody expected are raised."""
        body = json.dumps({"using": [CORE, MAIL], "methodCalls": calls, **request}).encode()
        unexpected: list[BaseException] = []
        response = process(
            body,
            principal=self,
            registry=registry,
            backend=store.OrmBackend(),
            limits=self.limits,
            session_state="0",
            report=lambda error, method: unexpected.append(error),
        )
        if unexpected:
            raise unexpected[0]
        return to_plain(response)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The arguments of the response to one call."""
        name, answer, _ = self.send((method, {"accountId": self.account_id, **arguments}, "0"))["methodResponses"][0]
        assert name == method, answer
        return answer

    def error(self, method: str, **arguments: Any) -> dict[str, Any]:
        """The error that one call is answered with."""
        name, answer, _ = self.send((method, {"accountId": self.account_id, **arguments}, "0"))["methodResponses"][0]
        assert name == "error", answer
        return answer

    def mailbox(self, role: str) -> str:
        """The id of the mailbox with a role."""
        return encode("m", Mailbox.objects.get(account=self.account, role=role).pk)

    def deliver(self, message: bytes | str, *keywords: str, role: str = "inbox", day: int = 1) -> str:
        """Add a message to a mailbox; the id of the Email. It was received on that day of January 2024."""
        data = message if isinstance(message, bytes) else message.replace("\n", "\r\n").encode()
        blob = blobs.store_bytes(self.account.pk, data)
        mailbox = Mailbox.objects.get(account=self.account, role=role).pk
        new = NewEmail(
            derive(data),
            blob.pk,
            Placement(frozenset({mailbox}), frozenset(keywords)),
            datetime(2024, 1, day, 12, tzinfo=UTC),
        )
        with store.writing(self.account.pk) as writer:
            return encode("e", emails.add(writer, [new])[0].id)

    def upload(self, data: bytes, type: str = "application/octet-stream") -> str:
        """Upload octets; the blobId."""
        with Spool() as spool:
            spool.write_all([data])
            return uploads.upload(self, self.accounts[self.account_id], type, spool).blob.wire_id

    def octets(self, blob_id: str) -> bytes:
        """What a download of a blob gives."""
        found = blobs.find(self, self.accounts[self.account_id], blob_id)
        assert found is not None
        return found.read()

    def lose_octets(self, blob_id: str) -> None:
        """Take a blob's octets away behind the store's back, as a broken disk would."""
        found = blobs.find(self, self.accounts[self.account_id], blob_id)
        assert found is not None
        default_store().delete(blobs.key_of(found.blob))

    def get(self, email_id: str, *properties: str, **arguments: Any) -> dict[str, Any]:
        """One Email with some of its properties."""
        return self.call("Email/get", ids=[email_id], properties=list(properties) or None, **arguments)["list"][0]

    def create(self, **properties: Any) -> dict[str, Any]:
        """Create one Email in drafts; what the server says of it."""
        answer = self.call("Email/set", create={"c": {"mailboxIds": {self.mailbox("drafts"): True}, **properties}})
        assert answer["notCreated"] is None, answer["notCreated"]
        return answer["created"]["c"]

    def refusal(self, **properties: Any) -> dict[str, Any]:
        """The SetError that creating an Email in drafts is refused with."""
        answer = self.call("Email/set", create={"c": {"mailboxIds": {self.mailbox("drafts"): True}, **properties}})
        assert answer["created"] is None
        return answer["notCreated"]["c"]

    def may_enter(self, other: Person, is_read_only: bool = False) -> None:
        """Open somebody else's account to this person."""
        info = _info(other.account, is_personal=False, is_read_only=is_read_only)
        self.accounts[info.id] = info


def _info(account: Account, is_personal: bool = True, is_read_only: bool = False) -> AccountInfo:
    return AccountInfo(account.wire_id, account.pk, account.name, is_personal, is_read_only, {CORE: {}, MAIL: {}})


def _person(name: str) -> Person:
    user = get_user_model().objects.create(username=name)
    accounts.create_domain("example.org")
    account = accounts.create_account(user=user, address=f"{name}@example.org")
    return Person(name, user.pk, account, {account.wire_id: _info(account)})


@pytest.fixture
def people(db: None) -> Callable[[str], Person]:
    """Makes persons."""
    return _person


@pytest.fixture
def alice(db: None) -> Person:
    """Somebody with an account that holds the usual mailboxes and no mail."""
    return _person("alice")
