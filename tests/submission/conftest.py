"""Somebody who sends: a person with addresses, a draft, and an eye on the queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

import submission.datatypes  # noqa: F401  declares the data types
from jmap.ids import decode
from jmap.protocol.method import CORE
from jmap.protocol.ports import AccountInfo
from mail.datatypes.capability import MAIL
from mail.services import accounts
from submission.datatypes.capability import SUBMISSION, VACATION
from submission.models import QueuedMessage
from tests.mail.email.conftest import Person


@dataclass
class Sender(Person):
    """A person who may send."""

    @property
    def identity(self) -> str:
        """The id of the first identity."""
        return self.call("Identity/get", ids=None)["list"][0]["id"]

    def draft(self, **properties: Any) -> str:
        """The id of a new draft, by default from alice to bob."""
        given = {"from": [{"email": "alice@example.org"}], "to": [{"email": "bob@example.net"}], **properties}
        return self.create(**given)["id"]

    def submit(self, email_id: str, **properties: Any) -> dict[str, Any]:
        """The whole answer to an EmailSubmission/set that sends an email."""
        given = {"identityId": self.identity, "emailId": email_id, **properties}
        return self.call("EmailSubmission/set", create={"s": given})

    def sent(self, email_id: str = "", **properties: Any) -> dict[str, Any]:
        """What the server says of a submission that it took."""
        answer = self.submit(email_id or self.draft(), **properties)
        assert answer["notCreated"] is None, answer["notCreated"]
        return answer["created"]["s"]

    def refused(self, email_id: str = "", **properties: Any) -> dict[str, Any]:
        """The SetError that a submission was refused with; nothing was queued."""
        answer = self.submit(email_id or self.draft(), **properties)
        assert answer["created"] is None
        assert not QueuedMessage.objects.exists()
        return answer["notCreated"]["s"]

    def submission(self, submission_id: str) -> dict[str, Any]:
        """A submission as it is now."""
        return self.call("EmailSubmission/get", ids=[submission_id])["list"][0]


def queued(submission_id: str) -> QueuedMessage:
    """What a submission put into the queue."""
    return QueuedMessage.objects.get(submission_key=decode("s", submission_id))


def envelope(*recipients: str, mail_from: str = "alice@example.org", **parameters: str | None) -> dict[str, Any]:
    """An Envelope; ``parameters`` are those of MAIL."""
    return {
        "mailFrom": {"email": mail_from, "parameters": parameters or None},
        "rcptTo": [{"email": recipient, "parameters": None} for recipient in recipients],
    }


def _sender(name: str) -> Sender:
    user = get_user_model().objects.create(username=name)
    accounts.create_domain("example.org")
    account = accounts.create_account(user=user, address=f"{name}@example.org", display_name=name.title())
    info = AccountInfo(account.wire_id, account.pk, account.name, True, False, {})
    info = replace(info, capabilities={CORE: {}, MAIL: {}, SUBMISSION: {}, VACATION: {}})
    return Sender(name, user.pk, account, {info.id: info})


@pytest.fixture
def senders(db: None) -> Callable[[str], Sender]:
    """Makes senders."""
    return _sender


@pytest.fixture
def alice(db: None) -> Sender:
    """alice@example.org."""
    return _sender("alice")
