"""What a sender is told of a message: that it failed, that it waits, that it arrived (RFC 3464, RFC 3461 §4.1, §5.2).

Rules kept here:
- who asked for nothing hears of failures and delays; NEVER, and lists of what is wanted, are kept to;
- nobody is told of a message without a sender, and a report is never reported on;
- what goes back to an address that was rewritten for forwarding goes to whom it was rewritten for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone, translation

from mail.models import Address
from mail.services.accounts import split_address
from mail.services.delivery import check_recipient
from mail.services.errors import InvalidAddress
from submission import return_paths, secrets
from submission.conf import submission_options
from submission.dsn.compose import DELAYED, DELIVERED, FAILED, MAX_RETURNED, RELAYED, Original, Told, compose_dsn
from submission.models import Origin, QueuedMessage, QueuedRecipient
from submission.relay.hostname import hostname
from submission.relay.letter import Letter
from submission.services.outbox import NewRecipient, Outcome, Result

UNREPORTED = (Origin.DSN, Origin.VACATION)


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification to be queued: its octets, whom it goes to, and the recipients of whom it tells a delay."""

    data: bytes
    recipient: NewRecipient
    delayed: tuple[int, ...]


def notice(
    message: QueuedMessage,
    letter: Letter | None,
    rows: Sequence[QueuedRecipient],
    outcomes: Sequence[Outcome],
    *,
    hop_sends_dsn: bool,
    now: datetime | None = None,
) -> Notice | None:
    """What to tell the sender of these outcomes, if anything. Reads rows, and takes no lock."""
    if not message.mail_from or message.origin in UNREPORTED:
        return None
    moment = now or timezone.now()
    by_key = {row.pk: row for row in rows}
    told = [
        (outcome, action)
        for outcome in outcomes
        if (action := _action(message, by_key[outcome.recipient_id], outcome, hop_sends_dsn, moment))
    ]
    to = _reply_to(message, moment) if told else None
    if to is None:
        return None
    said = [_told(message, by_key[outcome.recipient_id], outcome, action) for outcome, action in told]
    with translation.override(None):
        data = compose_dsn(
            to=to.address,
            hostname=hostname(),
            message_id=own_message_id(message.pk, moment),
            original=_original(message, letter, said),
            told=said,
            now=moment,
        )
    delayed = tuple(outcome.recipient_id for outcome, action in told if action == DELAYED)
    return Notice(data, to, delayed)


def _action(
    message: QueuedMessage, row: QueuedRecipient, outcome: Outcome, hop_sends_dsn: bool, now: datetime
) -> str | None:
    wanted = set(row.notify.split(",")) if row.notify else {"FAILURE", "DELAY"}
    if outcome.result is Result.FAILED:
        return FAILED if "FAILURE" in wanted else None
    if outcome.result is Result.DEFERRED:
        return DELAYED if "DELAY" in wanted and not row.delay_told and is_late(message, now) else None
    if "SUCCESS" not in wanted:
        return None
    if outcome.result is Result.DELIVERED:
        return DELIVERED
    # A server that knows DSN answers for what becomes of it.
    return None if hop_sends_dsn else RELAYED


def is_late(message: QueuedMessage, now: datetime) -> bool:
    """Whether its sender should know that it still waits (RFC 3461 §4.1, DELAY)."""
    wait = submission_options().delay_notice
    return bool(wait) and now - (message.release_at or message.created_at) >= timedelta(seconds=wait)


def _told(message: QueuedMessage, row: QueuedRecipient, outcome: Outcome, action: str) -> Told:
    until = message.expires_at if action == DELAYED else None
    return Told(row.address, action, outcome.reply, row.orcpt, outcome.host.partition(":")[0], until)


def _original(message: QueuedMessage, letter: Letter | None, told: Sequence[Told]) -> Original:
    if letter is None:
        return Original(b"", None, message.created_at, message.envid)
    # RET speaks of failures alone: other reports bring the header section (RFC 3461 §4.3).
    is_whole = message.ret == "FULL" and letter.size <= MAX_RETURNED and any(one.action == FAILED for one in told)
    data = b"".join(letter.chunks(is_signed=False)) if is_whole else None
    return Original(letter.header, data, message.created_at, message.envid)


def _reply_to(message: QueuedMessage, now: datetime) -> NewRecipient | None:
    """Whom a notification goes to."""
    address = message.mail_from
    if return_paths.is_rewritten(address):
        try:
            address = return_paths.unwrap(address, now)
        except return_paths.NotOurs:
            return None
    elif message.origin == Origin.SUBMISSION and check_recipient(address) is not None:
        # An address of a whole domain that somebody may send from need not be one that takes mail.
        own = Address.objects.filter(account_id=message.account_id, is_primary=True).select_related("domain").first()
        address = str(own) if own is not None else address
    try:
        return NewRecipient(address, split_address(address)[1], notify="NEVER")
    except InvalidAddress:
        return None


# ------------------------------------------------------------------------------------------------ known when they come


def own_message_id(message_key: int, now: datetime) -> str:
    """The Message-ID of a notification of ours, which proves that it is."""
    name = f"{message_key}.{int(now.timestamp() * 1000)}"
    return f"dsn.{name}.{secrets.sign('dsn', name, 8)}@{hostname()}"


def is_own(message_id: str) -> bool:
    """Whether a notification was made here, and so known before it came."""
    kind, _, rest = message_id.partition("@")[0].partition(".")
    name, _, mac = rest.rpartition(".")
    return kind == "dsn" and secrets.is_signed("dsn", name, mac, 8)
