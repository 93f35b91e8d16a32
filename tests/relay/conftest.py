"""A site that sends: two people, a smarthost that follows a script, and what waits between them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.models import Account
from jmap.store import writing
from mail.models import Email
from mail.services import accounts
from submission.models import EmailSubmission, Origin, QueuedMessage, QueuedRecipient, Smarthost
from submission.relay import sessions, worker
from submission.services import outbox, smarthosts
from submission.services.outbox import NewMessage, NewRecipient
from tests.relay.scripted import Script, ScriptedServer

MESSAGE = (
    b"From: Ada <ada@a.example>\r\nTo: bob@b.example\r\nSubject: tea\r\nMessage-ID: <tea@a.example>\r\n\r\nHello\r\n"
)


@dataclass
class Sending:
    """An account that sends, and the server that takes its mail."""

    account: Account
    server: ScriptedServer

    def submit(self, *addresses: str, data: bytes = MESSAGE, origin: Origin = Origin.SUBMISSION, **more: Any) -> int:
        """Queue a message; the key of its row. ``notify`` is for all recipients."""
        notify = more.pop("notify", "")
        blob = blobs.store_bytes(self.account.pk, data)
        with writing(self.account.pk) as writer:
            key = None
            if origin == Origin.SUBMISSION:
                modseq = writer.next("EmailSubmission")
                key = EmailSubmission.objects.create(
                    account=self.account, created_modseq=modseq, modseq=modseq, identity_key=1, email_key=1,
                    thread_key=1, envelope={}, send_at=timezone.now(),
                ).pk  # fmt: skip
            to = [NewRecipient(one, one.rpartition("@")[2], notify) for one in addresses or ("bob@b.example",)]
            given = {"mail_from": "ada@a.example", "sender_domain": "a.example", **more}
            message = NewMessage(blob.pk, blob.size, origin, recipients=to, submission_key=key, **given)
            return outbox.enqueue(self.account.pk, [message])[0].pk

    def work(self) -> None:
        """Send what is due."""
        worker.run()

    def later(self) -> None:
        """Let everything that waits be due, and every server be tried, and work."""
        QueuedRecipient.objects.filter(status="waiting").update(next_attempt_at=timezone.now())
        sessions.reopen()
        worker.run()

    def row(self, message: int, address: str = "bob@b.example") -> QueuedRecipient:
        """What the queue knows of a recipient."""
        return QueuedRecipient.objects.get(message_id=message, address=address)

    def inbox(self, account: Account | None = None) -> list[bytes]:
        """The messages that an account has, the oldest first."""
        rows = Email.objects.filter(account=account or self.account).order_by("pk").select_related("blob")
        return [blobs.read(row.blob) for row in rows]


@pytest.fixture
def script() -> Script:
    """What the smarthost does; a test changes it as it goes."""
    return Script()


@pytest.fixture
def server(script: Script) -> Iterator[ScriptedServer]:
    """The smarthost."""
    with ScriptedServer(script) as running:
        yield running


def person(address: str) -> Account:
    """An account with its address and mailboxes."""
    accounts.create_domain(address.rpartition("@")[2])
    user = get_user_model().objects.create_user(username=address)
    return accounts.create_account(user=user, address=address)


def use(server: ScriptedServer, **values: Any) -> None:
    """Make a server the site's smarthost."""
    given = {"host": "127.0.0.1", "port": server.port, "security": "none", "signs_return_path": False, **values}
    smarthosts.save(given, password=None, smarthost=Smarthost.objects.filter(domain=None).first())


@pytest.fixture
def sending(db: None, server: ScriptedServer) -> Sending:
    """ada@a.example, whose mail leaves by the scripted smarthost."""
    use(server)
    return Sending(person("ada@a.example"), server)


def message_of(pk: int) -> QueuedMessage:
    """A queued message as it is now."""
    return QueuedMessage.objects.get(pk=pk)
