"""A small account for tests of the store: mailboxes by role, and messages made of a few words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

from django.contrib.auth import get_user_model

from jmap.blobs import service as blobs
from jmap.models import Account
from jmap.store import writing
from mail.models import Mailbox
from mail.services import accounts, emails
from mail.services.content import derive
from mail.services.emails import AddedEmail, NewEmail, Placement

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1)


@dataclass
class Mailroom:
    """An account with its default mailboxes, and short ways to do what users do."""

    account: Account
    boxes: dict[str, int]

    @classmethod
    def open(cls) -> Mailroom:
        number = next(_numbers)
        accounts.create_domain("mail.test")
        user = get_user_model().objects.create_user(f"person{number}")
        account = accounts.create_account(user=user, address=f"person{number}@mail.test")
        rows = Mailbox.objects.filter(account=account)
        return cls(account, {row.role: row.pk for row in rows if row.role})

    def deliver(
        self,
        message_id: str,
        *,
        references: tuple[str, ...] = (),
        subject: str = "Hello",
        boxes: tuple[str, ...] = ("inbox",),
        keywords: tuple[str, ...] = (),
        minutes: int = 0,
    ) -> AddedEmail:
        """One message into the account; its links are message ids without angle brackets."""
        return self.deliver_all([(message_id, references, subject, boxes, keywords, minutes)])[0]

    def deliver_all(self, messages: list[tuple]) -> list[AddedEmail]:
        """Several messages in one transaction, each as (message id, references, subject, boxes, keywords, minutes)."""
        new = [self.new(*given) for given in messages]
        with writing(self.account.pk) as writer:
            return emails.add(writer, new)

    def new(
        self,
        message_id: str,
        references: tuple[str, ...] = (),
        subject: str = "Hello",
        boxes: tuple[str, ...] = ("inbox",),
        keywords: tuple[str, ...] = (),
        minutes: int = 0,
    ) -> NewEmail:
        """A message that is stored and derived, ready to be added."""
        data = message(message_id, references, subject)
        return NewEmail(
            derive(data),
            blobs.store_bytes(self.account.pk, data).pk,
            Placement(frozenset(self.boxes[box] for box in boxes), frozenset(keywords)),
            EPOCH + timedelta(minutes=minutes),
        )

    def place(self, *ids: int, boxes: tuple[str, ...] | None = None, keywords: tuple[str, ...] | None = None) -> None:
        """File and flag emails: what is None stays as it is."""
        with writing(self.account.pk) as writer:
            wanted = {}
            for key, was in emails.placements(self.account.pk, ids).items():
                mailboxes = was.mailboxes if boxes is None else frozenset(self.boxes[box] for box in boxes)
                wanted[key] = Placement(mailboxes, was.keywords if keywords is None else frozenset(keywords))
            emails.update(writer, wanted)

    def destroy(self, *ids: int) -> None:
        """Destroy emails."""
        with writing(self.account.pk) as writer:
            emails.destroy(writer, ids)

    def counts(self, box: str) -> tuple[int, int, int, int]:
        """totalEmails, unreadEmails, totalThreads, unreadThreads of a mailbox."""
        row = Mailbox.objects.get(pk=self.boxes[box])
        return row.total_emails, row.unread_emails, row.total_threads, row.unread_threads


def message(
    message_id: str, references: tuple[str, ...] = (), subject: str = "Hello", body: str = "Good day."
) -> bytes:
    """A plain message with the links given."""
    lines = [
        "From: Ada <ada@mail.test>",
        "To: Grace <grace@mail.test>",
        f"Subject: {subject}",
        f"Message-ID: <{message_id}@mail.test>",
        "Date: Thu, 01 Jan 2026 00:00:00 +0000",
    ]
    if references:
        lines.append("References: " + " ".join(f"<{one}@mail.test>" for one in references))
    return "\r\n".join([*lines, "", body, ""]).encode()
