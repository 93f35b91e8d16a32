"""Limits shared by the worker processes of many hosts, through Redis.

Rules kept here:
- a slot in flight is a member of a sorted set with a time at which it ends; its holder prolongs it while it works, and
  a holder that died does not;
- each decision is one script, so it is atomic; time is the Redis server's;
- where Redis cannot be reached the local store decides, and the log says so at most once a minute.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from jmap.limits.ports import Lease, LimitStore, Rate, Taken

log = logging.getLogger("jmap.limits")

T = TypeVar("T")

LEASE_SECONDS = 30.0

_NOW = "local t = redis.call('TIME') local now = t[1] + t[2] / 1000000 "
_ACQUIRE = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[3] * 1000))
return 1
"""
)
_PROLONG = (
    _NOW
    + """
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] * 1000))
return 1
"""
)
_TAKE = (
    _NOW
    + """
local period, interval = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = math.min(math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now), now + period)
local slack = now + period - (full + interval)
if slack < -0.000001 then return {0, 0, tostring(-slack)} end
redis.call('SET', KEYS[1], string.format('%.6f', full + interval), 'PX', math.ceil((full + interval - now) * 1000))
return {1, math.floor(slack / interval + 0.000001), '0'}
"""
)
_REFUND = """
local full = redis.call('GET', KEYS[1])
if full then redis.call('SET', KEYS[1], string.format('%.6f', full - ARGV[1]), 'KEEPTTL') end
return 1
"""


class RedisLease:
    """A member of a key's sorted set."""

    __slots__ = ("key", "member", "store")

    def __init__(self, store: RedisLimitStore, key: str, member: str) -> None:
        self.store: RedisLimitStore | None = store
        self.key = key
        self.member = member

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        store, self.store = self.store, None
        if store is not None:
            store._release(self)


class RedisLimitStore:
    """See LimitStore. ``local`` decides where Redis cannot be reached."""

    blocking = True

    def __init__(self, url: str, local: LimitStore, prefix: str = "jmap:limits:") -> None:
        import redis

        self._redis = redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)
        self._errors = redis.RedisError
        self._local = local
        self._prefix = prefix
        self._held: set[RedisLease] = set()
        self._lock = threading.Lock()
        self._keeper: threading.Thread | None = None
        self._warned = 0.0
        self._acquire: Any = self._redis.register_script(_ACQUIRE)
        self._prolong: Any = self._redis.register_script(_PROLONG)
        self._take: Any = self._redis.register_script(_TAKE)
        self._refund: Any = self._redis.register_script(_REFUND)

    def describe(self) -> str:
        """What is in force."""
        return "Redis: shared by all worker processes of all hosts"

    def acquire(self, key: str, limit: int) -> Lease | None:
        """One of ``limit`` slots of the key, or None where all are taken."""
        lease = RedisLease(self, self._prefix + "slots:" + key, secrets.token_hex(8))

        def ask() -> Lease | None:
            if not self._acquire(keys=[lease.key], args=[limit, lease.member, LEASE_SECONDS]):
                return None
            with self._lock:
                self._held.add(lease)
                if self._keeper is None:
                    self._keeper = threading.Thread(target=self._keep, name="jmap-leases", daemon=True)
                    self._keeper.start()
            return lease

        return self._try(ask, lambda: self._local.acquire(key, limit))

    def take(self, key: str, rate: Rate) -> Taken:
        """Count one event against the key's bucket if there is room."""

        def ask() -> Taken:
            allowed, remaining, retry_after = self._take(
                keys=[self._prefix + "rate:" + key], args=[rate.period, rate.interval]
            )
            return Taken(bool(allowed), int(remaining), float(retry_after))

        return self._try(ask, lambda: self._local.take(key, rate))

    def refund(self, key: str, rate: Rate) -> None:
        """Undo one allowed ``take``."""
        self._try(
            lambda: self._refund(keys=[self._prefix + "rate:" + key], args=[rate.interval]),
            lambda: self._local.refund(key, rate),
        )

    def remember(self, key: str, seconds: float) -> None:
        """Know the key for that long."""
        self._local.remember(key, seconds)
        self._try(
            lambda: self._redis.set(self._prefix + "known:" + key, 1, px=int(seconds * 1000)),
            lambda: None,
        )

    def knows(self, key: str) -> bool:
        """Whether the key is remembered."""
        return self._try(
            lambda: bool(self._redis.exists(self._prefix + "known:" + key)), lambda: self._local.knows(key)
        )

    def _release(self, lease: RedisLease) -> None:
        with self._lock:
            self._held.discard(lease)
        self._try(lambda: self._redis.zrem(lease.key, lease.member), lambda: None)

    def _try(self, ask: Callable[[], T], otherwise: Callable[[], T]) -> T:
        try:
            return ask()
        except self._errors as error:
            if time.monotonic() - self._warned > 60 or not self._warned:
                self._warned = time.monotonic()
                log.warning("Redis is out of reach (%s): limits hold for each host by itself", type(error).__name__)
            return otherwise()

    def _keep(self) -> None:
        """Prolong the slots that are held, three times within a lease."""
        while True:
            time.sleep(LEASE_SECONDS / 3)
            with self._lock:
                held = list(self._held)
            for lease in held:
                self._try(
                    lambda lease=lease: self._prolong(keys=[lease.key], args=[lease.member, LEASE_SECONDS]),  # type: ignore[misc]
                    lambda: None,
                )
