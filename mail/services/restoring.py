"""Bringing back emails that were destroyed and are still kept (``RetainedEmail``), under new ids.

Rules kept here:
- an email comes back into those of its mailboxes that are there still, or else into the Inbox, with its keywords and
  receivedAt; thread, metadata and search are derived anew, as for any new email;
- the email and the end of its retained row are one transaction, so that none comes back twice;
- slices of at most SLICE emails; octets are read and parsed outside the lock;
- quotas hold: what does not fit stays retained, and so does what has lost its octets.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from jmap.blobs import service as blobs
from jmap.blobs.errors import ObjectMissing
from jmap.models import Account
from jmap.store import Writer, writing_slice
from mail.models import RetainedEmail
from mail.services import emails, inbox, quotas
from mail.services.content import Derived, derive
from mail.services.emails import NewEmail, Placement

log = logging.getLogger("mail.restore")

SLICE = 50


@dataclass(slots=True)
class Tally:
    """What came back, and what could not: for want of room in account or domain, or of octets."""

    restored: int = 0
    over_quota: int = 0
    missing: int = 0


def waiting(account_id: int, since: datetime) -> int:
    """How many emails of an account were destroyed since then and are still kept."""
    return _retained(account_id, since).count()


def restore(
    account: Account,
    since: datetime,
    *,
    most: int | None = None,
    progress: Callable[[int], object] = lambda count: None,
) -> Tally:
    """Bring back what was destroyed since then (an aware moment), the oldest first; at most so many are looked at."""
    tally = Tally()
    last, seen = 0, 0
    while rows := _next(account.pk, since, last, SLICE if most is None else min(SLICE, most - seen)):
        last, seen = rows[-1].pk, seen + len(rows)
        derived: dict[int, Derived] = {}
        for row in rows:
            try:
                derived[row.pk] = derive(blobs.read(row.blob))
            except ObjectMissing:
                log.error("the octets of destroyed email %s of account %s are missing", row, account.wire_id)
                tally.missing += 1
        with writing_slice(account.pk) as writer:
            restored, left = _write(writer, derived)
        tally.restored += restored
        tally.over_quota += left
        progress(len(rows))
    log.info("account %s: %d destroyed emails restored", account.wire_id, tally.restored)
    return tally


def _retained(account_id: int, since: datetime) -> QuerySet[RetainedEmail]:
    return RetainedEmail.objects.filter(account_id=account_id, destroyed_at__gte=since)


def _next(account_id: int, since: datetime, last: int, most: int) -> list[RetainedEmail]:
    return list(_retained(account_id, since).filter(pk__gt=last).select_related("blob").order_by("pk")[:most])


def _write(writer: Writer, derived: Mapping[int, Derived]) -> tuple[int, int]:
    """How many came back, and how many there was no room for; what was purged meanwhile is neither."""
    there = RetainedEmail.objects.filter(pk__in=derived).order_by("pk")
    room = quotas.room(writer)
    wanted = list(there)
    chosen = [row for row in wanted if room.take(derived[row.pk].size)]
    if chosen:
        emails.add(writer, _new(writer, chosen, derived))
        RetainedEmail.objects.filter(pk__in=[row.pk for row in chosen]).delete()
    return len(chosen), len(wanted) - len(chosen)


def _new(writer: Writer, rows: Sequence[RetainedEmail], derived: Mapping[int, Derived]) -> list[NewEmail]:
    known = emails.mailbox_keys(writer.account_id)
    homes = {row.pk: known.intersection(row.mailboxes) for row in rows}
    if not all(homes.values()):
        fallback = frozenset({inbox.find_or_make(writer)})
        homes = {key: mailboxes or fallback for key, mailboxes in homes.items()}
    return [
        NewEmail(derived[row.pk], row.blob_id, Placement(homes[row.pk], frozenset(row.keywords)), row.received_at)
        for row in rows
    ]
