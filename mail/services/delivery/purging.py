"""The chore of delivery: its log and its memory of what came in end after their time.

Rules kept here: rows are as old as their keys are low, so the oldest are found without an index for it; they go in
slices, each a transaction of its own, and no delivery waits for one.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Model
from django.utils import timezone

from mail.models import DeliveryRecord, ReceivedMessage
from mail.services.delivery.conf import delivery_options

SLICE = 1_000


def purge(now: datetime | None = None) -> int:
    """Purge what is older than is kept; returns how many rows went."""
    moment, options = now or timezone.now(), delivery_options()
    return _purge(DeliveryRecord, "at", moment - timedelta(days=options.log_days)) + _purge(
        ReceivedMessage, "received_at", moment - timedelta(days=options.repeat_days)
    )


def _purge(model: type[Model], column: str, before: datetime) -> int:
    rows = model._default_manager.order_by("pk")
    purged, old = 0, SLICE
    while old == SLICE:
        oldest = list(rows.values_list("pk", column)[:SLICE])
        keys = [key for key, at in oldest if at < before]
        model._default_manager.filter(pk__in=keys).delete()
        old = len(keys)
        purged += old
    return purged
