"""What the queue and the record of submissions keep, and for how long.

Rules kept here:
- octets are let go a day after the last recipient is settled; the record stays as long as the option says;
- what is old goes as a whole, in slices under the account's lock: the submission with a tombstone, its reports, its
  message and its recipients; what is not finished is never old.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from jmap.store import writing
from submission.conf import submission_options
from submission.models import QueuedMessage, QueuedRecipient
from submission.services import submissions

SLICE = 200
_OCTETS_STAY = timedelta(days=1)


def purge(now: datetime | None = None) -> int:
    """Let go of octets and records that are old enough; returns how many messages went. A chore."""
    moment = now or timezone.now()
    QueuedMessage.objects.filter(finished_at__lt=moment - _OCTETS_STAY, blob__isnull=False).update(blob=None)
    old = QueuedMessage.objects.filter(finished_at__lt=moment - timedelta(days=submission_options().retain_days))
    purged = 0
    for account_id in list(old.order_by().values_list("account_id", flat=True).distinct()):
        last = SLICE
        while last == SLICE:
            with writing(account_id) as writer:
                rows = list(old.filter(account_id=account_id).values_list("pk", "submission_key")[:SLICE])
                submissions.destroy(writer, [key for _pk, key in rows if key is not None])
                keys = [pk for pk, _key in rows]
                QueuedRecipient.objects.filter(account_id=account_id, message_id__in=keys).delete()
                QueuedMessage.objects.filter(pk__in=keys).delete()
            last = len(rows)
            purged += last
    return purged
