"""A site that receives mail: an account, and short ways to hand messages in and to see what arrived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jmap.blobs import service as blobs
from jmap.blobs.spool import Spool
from mail.models import Email, Mailbox, Membership
from mail.services.delivery import Envelope, Outcome, deliver
from tests.store.invariants import check
from tests.store.mailroom import Mailroom, message

SENDER = "grace@elsewhere.test"


@dataclass
class PostOffice:
    """Hands messages in as an edge does."""

    room: Mailroom

    @classmethod
    def open(cls) -> PostOffice:
        return cls(Mailroom.open())

    @property
    def address(self) -> str:
        """The primary address of the account."""
        return str(self.room.account.addresses.get(is_primary=True))

    def hand_in(self, data: bytes, *recipients: str, sender: str = SENDER, **given: Any) -> list[Outcome]:
        """Deliver to these recipients, by default to the account."""
        with Spool() as spool:
            spool.write(data)
            return deliver(spool, Envelope(sender, recipients or (self.address,), **given))

    def send(self, message_id: str, *recipients: str, **given: Any) -> list[Outcome]:
        """Deliver a plain message."""
        return self.hand_in(message(message_id), *recipients, **given)

    def in_box(self, box: str = "inbox") -> list[Email]:
        """What a mailbox of the account holds, oldest first."""
        keys = Membership.objects.filter(mailbox_id=self.room.boxes[box]).values("email")
        return list(Email.objects.filter(pk__in=keys).order_by("pk"))

    def octets(self, email: Email) -> bytes:
        """The message as it is stored."""
        return blobs.read(email.blob)

    def check(self) -> None:
        """Assert that the books of the account are right."""
        check(self.room.account.pk)

    def count(self) -> int:
        """How many emails the account holds."""
        return sum(Mailbox.objects.filter(account=self.room.account).values_list("total_emails", flat=True))
