"""Signals of mail, sent inside the transaction of what happened: a receiver that raises undoes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.dispatch import Signal

addresses_changed = Signal()
"""Sent by ``mail.services.accounts`` with ``account_id`` and ``added``, the keys of addresses new to it.

The account's own addresses, or which of them is the primary one, are others than before. The lock of the account is
held by the transaction, not by a Writer: a receiver that writes opens ``jmap.store.writing`` itself.
"""

email_delivered = Signal()
"""Sent by ``mail.services.delivery`` with ``writer``, which holds the account, and ``arrival``, a ``Delivered``.

A message was delivered to the account, for the first time. Everybody's mail waits for the receivers: they are quick,
and leave what takes long to a queue (``jmap.work``).
"""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A message that was delivered: its Email and blob, and the envelope with those recipients who are this account."""

    email_id: int
    blob_id: int
    sender: str
    recipients: Sequence[str]
    is_spam: bool
    at: datetime
