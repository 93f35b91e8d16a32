"""Tells whoever serves somebody for long that access may have changed: credentials, users, accounts, sharing.

Rules kept here: told after the commit, as a hint that never raises; what is written past ``save`` and past the services
(a bare ``update()``) tells nobody, so receivers look at the database from time to time anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete, post_save

from jmap.signals import access_changed

log = logging.getLogger("jmap.access")


def changed(user_keys: Iterable[Any] = (), account_keys: Iterable[int] = ()) -> None:
    """Tell, after the commit of this transaction, that users or those who enter accounts are to be looked at again."""
    users, accounts = tuple(user_keys), tuple(account_keys)
    if users or accounts:
        transaction.on_commit(lambda: _tell(users, accounts), robust=True)


def connect() -> None:
    """Listen to the models that say who may do what."""
    from jmap.models import Account, AccountAccess, Credential

    user = get_user_model()
    for signal in (post_save, post_delete):
        signal.connect(_user, sender=user, dispatch_uid="jmap_core_access")
        signal.connect(_of_user, sender=Credential, dispatch_uid="jmap_core_access")
        signal.connect(_of_user, sender=AccountAccess, dispatch_uid="jmap_core_access")
        signal.connect(_account, sender=Account, dispatch_uid="jmap_core_access")
    user_logged_out.connect(_logged_out, dispatch_uid="jmap_core_access")


def _user(sender: Any, instance: Any, **kwargs: Any) -> None:
    only = kwargs.get("update_fields")
    if not kwargs.get("created") and (only is None or set(only) != {"last_login"}):
        changed(user_keys=[instance.pk])


def _of_user(sender: Any, instance: Any, **kwargs: Any) -> None:
    changed(user_keys=[instance.user_id])


def _account(sender: Any, instance: Any, **kwargs: Any) -> None:
    if not kwargs.get("created") or instance.user_id is not None:
        changed(user_keys=[] if instance.user_id is None else [instance.user_id], account_keys=[instance.pk])


def _logged_out(sender: Any, user: Any, **kwargs: Any) -> None:
    if user is not None:
        changed(user_keys=[user.pk])


def _tell(users: tuple[Any, ...], accounts: tuple[int, ...]) -> None:
    for receiver, answer in access_changed.send_robust(sender=None, user_keys=users, account_keys=accounts):
        if isinstance(answer, Exception):
            log.error("a listener to changed access failed: %r: %s", receiver, type(answer).__name__)
