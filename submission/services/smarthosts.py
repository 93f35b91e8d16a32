"""Smarthosts, and the secrets that the tables of mail out keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone

from jmap import work
from submission import secrets
from submission.models import DkimKey, QueuedRecipient, Smarthost, Status
from submission.relay import sessions
from submission.services.outbox import QUEUE


def save(values: Mapping[str, Any], *, password: str | None, smarthost: Smarthost | None = None) -> Smarthost:
    """Make a smarthost, or change one; a ``password`` of None stays what it is. What waited for a way out goes now."""
    with transaction.atomic():
        row = smarthost or Smarthost()
        for name, value in values.items():
            setattr(row, name, value)
        if password is not None:
            row.sealed_password = secrets.seal(password) if password else ""
        row.save()
        sessions.reopen(str(row))
        wake_waiting()
    return row


def remove(smarthost: Smarthost) -> None:
    """Use a smarthost no more."""
    Smarthost.objects.filter(pk=smarthost.pk).delete()


def wake_waiting() -> int:
    """Make due what waits because there was no way out; how many recipients."""
    waiting = QueuedRecipient.objects.filter(status=Status.WAITING, reply_enhanced="4.3.5", relay_host="")
    woken = waiting.update(next_attempt_at=timezone.now())
    work.wake(QUEUE)
    return woken


def reseal() -> int:
    """Seal every stored secret with the newest key; how many. Raises SealBroken, and then none is changed."""
    count = 0
    with transaction.atomic():
        for row in Smarthost.objects.select_for_update().exclude(sealed_password=""):
            Smarthost.objects.filter(pk=row.pk).update(sealed_password=secrets.reseal(row.sealed_password))
            count += 1
        for key in DkimKey.objects.select_for_update():
            DkimKey.objects.filter(pk=key.pk).update(sealed_key=secrets.reseal(key.sealed_key))
            count += 1
    return count
