"""What happens to accounts when Django users go: the account is marked destroyed and kept for the purge."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models.signals import pre_delete
from django.utils import timezone


def connect() -> None:
    """Listen to the site's user model."""
    pre_delete.connect(_user_goes, sender=settings.AUTH_USER_MODEL, dispatch_uid="jmap_core_user_goes")


def _user_goes(sender: Any, instance: Any, **kwargs: Any) -> None:
    from jmap.models import Account

    Account.objects.filter(user=instance, destroyed_at=None).update(destroyed_at=timezone.now(), is_active=False)
