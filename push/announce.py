"""From the signals of the core to the hubs of this process and, by the carrier, to those of others.

Rules kept here: a receiver never raises and never waits.
"""

from __future__ import annotations

import logging
from typing import Any

from jmap.signals import access_changed, state_changed
from push.carriers import carrier
from push.hub import Hub
from push.news import AccessNews, News, state_news

log = logging.getLogger("jmap.push")

hubs: set[Hub] = set()
"""The hubs of this process; one for each event loop that serves streams."""


def connect() -> None:
    """Listen to the core; called once by ``PushConfig.ready``."""
    state_changed.connect(_state_changed, dispatch_uid="jmap_push")
    access_changed.connect(_access_changed, dispatch_uid="jmap_push")


def _state_changed(
    sender: Any, account_id: int, changed: dict[str, str], since: int, until: int, **kwargs: Any
) -> None:
    news = state_news(account_id, changed, since, until)
    if news is not None:
        _tell(news)


def _access_changed(sender: Any, user_keys: tuple[Any, ...], account_keys: tuple[int, ...], **kwargs: Any) -> None:
    _tell(AccessNews(tuple(map(str, user_keys)), account_keys))


def _tell(news: News) -> None:
    for hub in tuple(hubs):
        hub.tell(news)
    carrier().publish(news)
