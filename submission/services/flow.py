"""Counting what flows: for the charts, for limits, and for the alarms.

Rules kept here: increments are one statement a table, so that nothing is read before it is written; rows are written in
the order of their keys, so that two workers never wait for each other in a circle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils import timezone

from submission import sql
from submission.models import AccountFlow, DomainFlow, Forwarded, QueueFlow
from submission.services.outbox import Result

SLICE = timedelta(minutes=5)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
KEPT = timedelta(days=8)
"""How long slices are kept: what is usual for an account is judged by a week."""
KEPT_HOURS = timedelta(days=90)
"""How long the hours of the charts are kept."""

COUNTED = {
    Result.RELAYED: "sent",
    Result.DELIVERED: "sent",
    Result.DEFERRED: "deferred",
    Result.FAILED: "failed",
}
"""What an outcome counts as."""

_HOURS = ("sent", "deferred", "failed", "doubtful")


def slice_of(now: datetime) -> datetime:
    """The beginning of the five minutes that a moment lies in."""
    return datetime.fromtimestamp(now.timestamp() // SLICE.total_seconds() * SLICE.total_seconds(), now.tzinfo)


def count_outcomes(counts: Mapping[tuple[int, str], int], now: datetime | None = None) -> None:
    """Add outcomes, by account and one of "sent", "deferred", "failed" and "doubtful"."""
    moment = now or timezone.now()
    total: Counter[str] = Counter()
    accounts: dict[int, Counter[str]] = {}
    for (account, what), number in counts.items():
        total[what] += number
        accounts.setdefault(account, Counter())[what] += number
    if not total.total():
        return
    hour = moment.replace(minute=0, second=0, microsecond=0)
    table = QueueFlow._meta.db_table
    sql.count_flow(table, ("at",), _HOURS, [(hour, *(total[name] for name in _HOURS))])
    rows = [(key, slice_of(moment), 0, 0, some["sent"], some["failed"], 0) for key, some in sorted(accounts.items())]
    _count_accounts(rows)


def count_submitted(account_id: int, messages: int, recipients: int, now: datetime) -> None:
    """Add what an account sends, in the transaction that queues it."""
    _count_accounts([(account_id, slice_of(now), messages, recipients, 0, 0, 0)])


def count_of_domain(domain_id: int, messages: int, recipients: int, now: datetime) -> None:
    """Add what an account of a domain sends."""
    counts = ("messages", "recipients")
    row = (domain_id, slice_of(now), messages, recipients)
    sql.count_flow(DomainFlow._meta.db_table, ("domain_id", "at"), counts, [row])


def count_complaint(account_id: int, now: datetime) -> None:
    """Add a complaint about what an account sent."""
    _count_accounts([(account_id, slice_of(now), 0, 0, 0, 0, 1)])


def _count_accounts(rows: Sequence[tuple[object, ...]]) -> None:
    counts = ("messages", "recipients", "sent", "failed", "complaints")
    sql.count_flow(AccountFlow._meta.db_table, ("account_id", "at"), counts, rows)


def sent_by_account(account_id: int, span: timedelta, now: datetime) -> tuple[int, int]:
    """(messages, recipients) of an account in the time before now."""
    return _sums(AccountFlow.objects.filter(account_id=account_id, at__gt=now - span))


def sent_by_domain(domain_id: int, span: timedelta, now: datetime) -> tuple[int, int]:
    """The same of a domain."""
    return _sums(DomainFlow.objects.filter(domain_id=domain_id, at__gt=now - span))


def _sums(rows: QuerySet[Any]) -> tuple[int, int]:
    sums = rows.aggregate(messages=Sum("messages"), recipients=Sum("recipients"))
    return sums["messages"] or 0, sums["recipients"] or 0


def purge(now: datetime | None = None) -> None:
    """Forget counts that are older than anybody looks at."""
    moment = now or timezone.now()
    AccountFlow.objects.filter(at__lt=moment - KEPT).delete()
    DomainFlow.objects.filter(at__lt=moment - KEPT).delete()
    QueueFlow.objects.filter(at__lt=moment - KEPT_HOURS).delete()
    Forwarded.objects.filter(at__lt=moment - KEPT).delete()
