"""Carriers: how news reach the other processes of a site.

Rules kept here: a carrier never raises and never makes whoever committed wait for the network; it has one subscription
a process, whatever number of streams there are; losing one costs latency, never correctness.
"""

from __future__ import annotations

import functools

from django.core.signals import setting_changed

from push.carriers.ports import Carrier, NoCarrier
from push.conf import push_options

__all__ = ["Carrier", "carrier"]


@functools.cache
def carrier() -> Carrier:
    """The carrier in force in this process."""
    options = push_options()
    if options.carrier == "sockets" and options.folder:
        from push.carriers.sockets import SocketCarrier

        return SocketCarrier(options.folder)
    if options.carrier == "redis":
        from push.carriers.redis import RedisCarrier

        return RedisCarrier(options.redis_url)
    if options.carrier == "postgres":
        from push.carriers.postgres import PostgresCarrier

        return PostgresCarrier()
    return NoCarrier()


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting == "JMAP":
        carrier.cache_clear()


setting_changed.connect(_forget, dispatch_uid="push.carriers")
