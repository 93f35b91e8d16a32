"""Marks push subscriptions as due when an account changed or credentials may have, and wakes whoever sends.

Rules kept here: the processes that serve streams hear of everything, so they mark, each in a thread; where nobody has a
subscription to mark, nothing is written; a mark that is lost is made by the sweep of ``push.deliver``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

from django.db import Error, connection
from django.db.models import Q
from django.utils import timezone

from jmap import work
from push import sql
from push.carriers.publisher import Publisher
from push.models import PushSubscription
from push.news import News, StateNews
from push.subscriptions import QUEUE


@functools.cache
def marker() -> Publisher:
    """The marker of this process."""
    return Publisher(mark)


def mark(waiting: Sequence[News]) -> int:
    """Mark whom these news concern; how many were not marked yet."""
    accounts = {news.account_id for news in waiting if isinstance(news, StateNews)}
    users = {key for news in waiting if not isinstance(news, StateNews) for key in news.user_keys}
    try:
        everybody = {*sql.users_of(accounts), *users}
        of_them = PushSubscription.objects.filter(Q(asked_at=None) | Q(user_id__in=users), user_id__in=everybody)
        keys = list(of_them.filter(changed_at=None).values_list("pk", flat=True)) if everybody else []
        marked = PushSubscription.objects.filter(pk__in=keys, changed_at=None).update(changed_at=timezone.now())
    except Error:
        connection.close()
        raise
    if marked:
        work.wake(QUEUE)
    return marked
