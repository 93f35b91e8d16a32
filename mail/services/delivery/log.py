"""The delivery log: a row for each recipient and attempt, written with what it tells of.

Rules kept here: no content and no subject; a success is logged in the transaction of the email, so that the log never
says what did not happen; a log that cannot be written hinders no answer.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError
from django.utils import timezone

from mail.services.accounts import split_address
from mail.services.delivery import sql
from mail.services.delivery.envelope import Envelope, Outcome
from mail.services.errors import InvalidAddress

log = logging.getLogger("mail.delivery")

_COLUMNS = (
    *("sender", "message_id", "queue_id", "client", "protocol", "size", "at"),
    *("verdict", "is_failed", "code", "enhanced", "text", "recipient", "target", "account_id", "mailbox", "email"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of a message for one recipient, and where it went: an account and its mailbox, or another site."""

    outcome: Outcome
    account_id: int | None = None
    mailbox: str = ""
    email: int | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What all rows about one message have in common."""

    envelope: Envelope
    message_id: str
    size: int
    at: datetime

    def write(self, entries: Sequence[Entry]) -> None:
        """Write a row for each entry, all at once."""
        given = self.envelope
        common = (
            _cut(logged_address(given.sender), 320),
            _cut(self.message_id, 255),
            _cut(given.queue_id, 64),
            _cut(given.client, 255),
            _cut(given.protocol, 20),
            self.size,
            self.at,
        )
        sql.log(_COLUMNS, [(*common, *_own(entry)) for entry in entries])


def record_refusals(envelope: Envelope, outcomes: Sequence[Outcome]) -> None:
    """Log answers to RCPT, which are given before there is a message. Never raises."""
    try:
        Attempt(envelope, "", envelope.size or 0, timezone.now()).write([Entry(outcome) for outcome in outcomes])
    except DatabaseError as error:
        log.error("%d refusals could not be logged: %s", len(outcomes), type(error).__name__)


def _own(entry: Entry) -> tuple[object, ...]:
    outcome = entry.outcome
    return (
        outcome.verdict.value,
        not outcome.is_success,
        outcome.code,
        outcome.enhanced,
        _cut(outcome.text, 255),
        _cut(logged_address(outcome.recipient), 320),
        _cut(entry.target, 320),
        entry.account_id,
        _cut(entry.mailbox, 255),
        entry.email,
    )


def logged_address(address: str) -> str:
    """An address as the log has it, however it was written: as it would be stored, or in lowercase if it is none."""
    try:
        return "@".join(split_address(address))
    except InvalidAddress:
        return address.lower()


def _cut(text: str, most: int) -> str:
    """What fits the column, of characters that every database takes."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]
