"""What runs in a thread: the questions that connections put to the services.

Rules kept here: whatever fails on the way to the database is temporary, and said so; a connection that the database
server has closed meanwhile is opened again before anybody hears of it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError, connection

from jmap.blobs.spool import Spool
from mail.models import AddressTarget, Domain
from mail.services.accounts import normalized_domain, split_address
from mail.services.delivery import Envelope, Outcome, check_recipient, deliver, record_refusals
from mail.services.delivery import envelope as outcomes
from mail.services.errors import InvalidAddress

T = TypeVar("T")

log = logging.getLogger("mail.lmtp")


def check(envelope: Envelope, recipient: str) -> Outcome | None:
    """Why a recipient is not accepted, which is then in the delivery log; None where it is."""
    try:
        refusal = _asked(lambda: check_recipient(recipient, envelope.size))
    except AnyDatabaseError as error:
        log.error("a recipient could not be looked up: %s", type(error).__name__)
        return outcomes.TRY_AGAIN.to(recipient)
    if refusal is not None:
        record_refusals(envelope, [refusal])
    return refusal


def deliver_and_close(spool: Spool, rest: Sequence[bytes], envelope: Envelope) -> list[Outcome]:
    """Put what is missing into the spool, deliver it, and close it whatever happens."""
    with spool:
        try:
            spool.write_all(rest)
        except OSError as error:
            log.error("a message could not be spooled: %s", error)
            return [outcomes.not_stored(error).to(recipient) for recipient in envelope.recipients]
        return deliver(spool, envelope)


# --------------------------------------------------------------------------------------------- what Postfix looks up


def look_up(table: str, key: str) -> str:
    """The reply of a socketmap (socketmap_table(5)): ``OK value``, ``NOTFOUND ``, ``TEMP reason``, ``PERM reason``."""
    find = _TABLES.get(table)
    if find is None:
        return f"PERM there is no table of that name, only {', '.join(_TABLES)}"
    try:
        found = _asked(lambda: find(key))
    except InvalidAddress:
        found = None
    except AnyDatabaseError as error:
        log.error("a lookup in %s failed: %s", table, type(error).__name__)
        return "TEMP the database does not answer"
    return "NOTFOUND " if found is None else f"OK {found}"


def _domain(key: str) -> str | None:
    """Whether a domain is ours (relay_domains, virtual_mailbox_domains)."""
    name = normalized_domain(key)
    return name if Domain.objects.filter(name=name, is_active=True).exists() else None


def _recipient(key: str) -> str | None:
    """Whether an address exists (relay_recipient_maps, virtual_mailbox_maps); one that is full does."""
    refusal = check_recipient(key)
    is_full = refusal is not None and refusal.enhanced in (outcomes.FULL.enhanced, outcomes.FULL_FOR_NOW.enhanced)
    return key if refusal is None or is_full else None


def _access(key: str) -> str | None:
    """What check_recipient_access does: the answer that RCPT would get here, none for an address that is fine."""
    refusal = check_recipient(key)
    return None if refusal is None or refusal.enhanced == outcomes.NO_DOMAIN.enhanced else refusal.reply


def _alias(key: str) -> str | None:
    """Where an alias leads (virtual_alias_maps), for a Postfix that sends on itself what goes to other sites."""
    local, domain = split_address(key)
    rows = AddressTarget.objects.filter(
        address__local_part=local, address__domain__name=domain, address__domain__is_active=True
    )
    return ", ".join(rows.order_by("pk").values_list("target", flat=True)) or None


_TABLES: dict[str, Callable[[str], str | None]] = {
    "domains": _domain,
    "recipients": _recipient,
    "access": _access,
    "aliases": _alias,
}


def _asked(question: Callable[[], T]) -> T:
    """The answer; asked again on a new connection where the one of this thread turns out to be dead."""
    try:
        return question()
    except (OperationalError, InterfaceError):
        connection.close_if_unusable_or_obsolete()
        if connection.connection is not None:
            raise
    return question()
