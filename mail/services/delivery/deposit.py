"""One message into one account: octets first, then a short transaction that makes the Email and everything about it.

Rules kept here:
- the octets are durable before the account is locked; under the lock rows are written, and nothing is parsed or synced;
- that it was received, the Email, the books, the quota and the log are one transaction: all of it happened or nothing;
- a message that came before is not added again; who sends it again hears the same as at first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jmap.blobs import service as blobs
from jmap.blobs.errors import BlobGone
from jmap.blobs.spool import Spool
from jmap.store import Writer, writing
from mail.services import emails, inbox
from mail.services.content import Derived
from mail.services.delivery import envelope as outcomes
from mail.services.delivery import sql
from mail.services.delivery.envelope import Outcome
from mail.services.delivery.log import Attempt, Entry
from mail.services.emails import NewEmail, Placement
from mail.signals import Delivered, email_delivered

_ATTEMPTS = 3


@dataclass(slots=True)
class Message:
    """A message with its trace header, ready for any number of accounts.

    ``key``: what it is known by when it comes again, None where that does not matter.
    """

    spool: Spool
    content: Derived
    key: bytes | None
    is_spam: bool
    attempt: Attempt


def deposit(account_id: int, message: Message, recipients: Sequence[str]) -> Outcome:
    """Put a message into an account; ``recipients``: those of the envelope who stand for it.

    Returns delivered or duplicate, after the commit. Raises OverQuota, MethodError accountNotFound, OSError,
    DatabaseError: then nothing is there, or the message is known when it comes again.
    """
    for attempt in range(_ATTEMPTS):
        stored = blobs.put_spool(account_id, message.spool)
        is_attached = False
        try:
            with writing(account_id, is_pipelined=True) as writer:
                outcome = _write(writer, message, stored, recipients)
            is_attached = True
            return outcome
        except BlobGone:
            if attempt == _ATTEMPTS - 1:
                raise
        finally:
            if not is_attached:
                blobs.abandon(stored)
    raise AssertionError("unreachable")


def _write(writer: Writer, message: Message, stored: blobs.Stored, recipients: Sequence[str]) -> Outcome:
    attempt, account_id = message.attempt, writer.account_id
    # Three questions that are waited for once. Octets that came before get a row too: the collector finds them by it.
    fresh = sql.remember(account_id, message.key, attempt.at) if message.key else None
    blob_id = blobs.ask_attach(stored)
    boxes = sql.mailboxes(account_id, ("inbox", "junk"))
    if fresh is not None and not fresh():
        outcome = outcomes.duplicate()
        attempt.write([Entry(outcome.to(one), account_id) for one in recipients])
        return outcome
    blob = blob_id()
    mailbox, name = _mailbox(writer, boxes(), message.is_spam)
    placement = Placement(frozenset({mailbox}), frozenset())
    (added,) = emails.add_judged(writer, [NewEmail(message.content, blob, placement, attempt.at)])
    outcome = outcomes.delivered(((account_id, added.id),))
    attempt.write([Entry(outcome.to(one), account_id, name, added.id) for one in recipients])
    arrival = Delivered(added.id, blob, attempt.envelope.sender, recipients, message.is_spam, attempt.at)
    email_delivered.send(sender=None, writer=writer, arrival=arrival)
    return outcome


def _mailbox(writer: Writer, rows: Iterable[tuple[Any, ...]], is_spam: bool) -> tuple[int, str]:
    """(key, name) of where the message goes: Inbox, or Junk for spam where there is one."""
    found = {role: (key, name) for role, key, name in rows}
    return (is_spam and found.get("junk")) or found.get("inbox") or inbox.make(writer)
