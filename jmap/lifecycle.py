"""How an account ends: it is marked destroyed, nobody enters it any more, and it is kept for the purge.

Rules kept here: a Django user who goes never takes the mail along; what an account held is purged later, in slices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.db.models.signals import pre_delete
from django.utils import timezone

from jmap import access


def connect() -> None:
    """Listen to the site's user model."""
    pre_delete.connect(_user_goes, sender=settings.AUTH_USER_MODEL, dispatch_uid="jmap_core_user_goes")


def destroy(account_keys: Iterable[int]) -> int:
    """Mark accounts destroyed; returns how many were not yet."""
    from jmap.models import Account

    return _mark(Account.objects.filter(pk__in=list(account_keys)))


def _user_goes(sender: Any, instance: Any, **kwargs: Any) -> None:
    from jmap.models import Account

    _mark(Account.objects.filter(user=instance))


def _mark(accounts: QuerySet[Any]) -> int:
    keys = list(accounts.filter(destroyed_at=None).values_list("pk", flat=True))
    marked = accounts.model.objects.filter(pk__in=keys, destroyed_at=None)
    count: int = marked.update(destroyed_at=timezone.now(), is_active=False)
    access.changed(account_keys=keys)
    return count
