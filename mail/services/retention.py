"""What mail remembers beyond what is there: history for /queryChanges, and destroyed emails that can be restored.

Rules kept here: rows go in slices under the account's lock, the oldest first; a purged email's blob is then
nobody's and
the collector's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jmap.conf import OptionsReader, option
from jmap.store import writing, writing_slice
from mail.models import FormerMembership, RetainedEmail

SLICE = 1_000


@dataclass(frozen=True, slots=True)
class MailOptions:
    """What mail keeps, and for how long: ``JMAP["MAIL"]``."""

    retain_days: int = option(30, minimum=0)
    """How long a destroyed email is kept, so that it could be restored."""


mail_options = OptionsReader(MailOptions, section="MAIL")


def forget_memberships(sender: Any, account_id: int, modseq: int, **kwargs: Any) -> None:
    """Purge the history of memberships up to a modseq that no client can ask about any more."""
    last = SLICE
    while last == SLICE:
        with writing(account_id):
            old = FormerMembership.objects.filter(account_id=account_id, removed_modseq__lte=modseq)
            keys = list(old.values_list("pk", flat=True)[:SLICE])
            FormerMembership.objects.filter(pk__in=keys).delete()
            last = len(keys)


def purge_retained(now: datetime | None = None) -> int:
    """Purge destroyed emails that were kept for long enough; returns how many."""
    before = (now or timezone.now()) - timedelta(days=mail_options().retain_days)
    purged = 0
    for account_id in (
        RetainedEmail.objects.filter(destroyed_at__lt=before).values_list("account_id", flat=True).distinct()
    ):
        last = SLICE
        while last == SLICE:
            with writing_slice(account_id):
                old = RetainedEmail.objects.filter(account_id=account_id, destroyed_at__lt=before)
                keys = list(old.values_list("pk", flat=True)[:SLICE])
                RetainedEmail.objects.filter(pk__in=keys).delete()
                last = len(keys)
                purged += last
    return purged
