"""Which limit store is in force: Redis where it is configured, else a file, else the memory of the process."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register
from django.core.signals import setting_changed

from jmap.conf import OptionsReader, option
from jmap.limits.files import FileLimitStore
from jmap.limits.memory import MemoryLimitStore
from jmap.limits.ports import LimitStore, Rate


@dataclass(frozen=True, slots=True)
class LimitOptions:
    """``JMAP["LIMITS"]``: rates, and where limits are counted."""

    redis_url: str = ""
    """Redis shared by the worker processes of all hosts; empty: none."""
    file: str = ""
    """A file shared by the worker processes of one host; empty: every process counts for itself."""
    requests: int = option(60_000, minimum=1)
    """API requests that one user may make at once, refilled over ``requests_period`` seconds."""
    requests_period: int = option(60, minimum=1)
    failed_logins_of_name: int = option(20, minimum=1)
    """Wrong passwords for one user name from addresses not known as the user's own, in ``failed_logins_period``."""
    failed_logins_of_address: int = option(50, minimum=1)
    """Wrong passwords from one address, in ``failed_logins_period`` seconds."""
    failed_logins_period: int = option(600, minimum=1)
    known_address_days: int = option(60, minimum=1)
    """How long an address counts as a user's own after a log-in from it."""


limit_options = OptionsReader(LimitOptions, section="LIMITS")


@functools.cache
def limit_store() -> LimitStore:
    """The store in force in this process."""
    options = limit_options()
    local: LimitStore = MemoryLimitStore()
    if options.file:
        local = FileLimitStore(Path(options.file), settings.SECRET_KEY.encode())
    if options.redis_url:
        from jmap.limits.redis import RedisLimitStore

        return RedisLimitStore(options.redis_url, local)
    return local


@functools.cache
def request_rate() -> Rate:
    """How often one user may call the API."""
    options = limit_options()
    return Rate(options.requests, options.requests_period)


@register(deploy=True)
def name_the_store(**kwargs: Any) -> list[CheckMessage]:
    """System check (``check --deploy``): say which limit store is in force."""
    if limit_options.parse()[1] or store_can_be_used():
        return []
    return [Info(f"Limits are counted in {limit_store().describe()}.", id="jmap_core.I001")]


@register
def store_can_be_used(**kwargs: Any) -> list[CheckMessage]:
    """System check: refuse a limit store that cannot count."""
    if limit_options.parse()[1]:
        return []
    try:
        limit_store().describe()
    except OSError as error:
        return [Error(f"The file that counts limits cannot be used: {error}.", id="jmap_core.E002")]
    return []


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in {"JMAP", "SECRET_KEY"}:
        limit_store.cache_clear()
        request_rate.cache_clear()


setting_changed.connect(_forget, dispatch_uid="jmap.limits")
