"""Limits shared by the worker processes of one host, through one file.

Rules kept here:
- a slot in flight is a lock on one byte of the file: the kernel gives it back when its process dies, however that was;
- buckets and remembered keys stand in a table of fixed size in the same file, mapped into memory; a full set of the
  table loses the entry that would have ended first;
- the file is opened once in a process and never closed, since closing any descriptor of it would drop all locks.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jmap.limits.ports import Lease, Rate, Taken, spend

_ENTRY = struct.Struct("=Qd")
_WAYS = 4
_SETS = 1 << 14
_SET_SIZE = _WAYS * _ENTRY.size
_TABLE_SIZE = _SETS * _SET_SIZE
_BUCKETS, _KNOWN = 0, _TABLE_SIZE
_MAX_SLOTS = 1 << 12
_FIRST_SLOT = 1 << 40


class FileLease:
    """A locked byte of the file."""

    __slots__ = ("key", "slot", "store")

    def __init__(self, store: FileLimitStore, key: int, slot: int) -> None:
        self.store: FileLimitStore | None = store
        self.key = key
        self.slot = slot

    def release(self) -> None:
        """Give the slot back; a second call does nothing."""
        store, self.store = self.store, None
        if store is not None:
            store._release(self.key, self.slot)


class FileLimitStore:
    """See LimitStore. ``salt`` keeps anybody from choosing keys that share a set of the table."""

    blocking = False

    def __init__(self, path: Path, salt: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._salt = hashlib.sha256(salt).digest()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._descriptor).st_size < 2 * _TABLE_SIZE:
            os.truncate(self._descriptor, 2 * _TABLE_SIZE)
        self._table = mmap.mmap(self._descriptor, 2 * _TABLE_SIZE)
        self._forget_slots()
        # A forked child holds none of its parent's locks.
        os.register_at_fork(after_in_child=self._forget_slots)

    def describe(self) -> str:
        """What is in force."""
        return f"locks on {self.path}: shared by all worker processes of this host"

    def acquire(self, key: str, limit: int) -> Lease | None:
        """One of ``limit`` slots of the key, or None where all are taken."""
        number = self._number(key)
        first = _FIRST_SLOT + (number >> 24) * _MAX_SLOTS
        with self._lock:
            mine = self._mine.setdefault(number, set())
            for slot in range(min(limit, _MAX_SLOTS)):
                if slot in mine:
                    continue
                try:
                    fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, first + slot)
                except OSError:
                    continue
                mine.add(slot)
                return FileLease(self, number, slot)
            if not mine:
                del self._mine[number]
        return None

    def take(self, key: str, rate: Rate) -> Taken:
        """Count one event against the key's bucket if there is room."""
        tag = self._number(key)
        now = time.time()
        with self._entry(_BUCKETS, tag) as (at, full_at):
            full_at, taken = spend(full_at, now, rate)
            _ENTRY.pack_into(self._table, at, tag, full_at)
        return taken

    def refund(self, key: str, rate: Rate) -> None:
        """Undo one allowed ``take``."""
        tag = self._number(key)
        with self._entry(_BUCKETS, tag) as (at, full_at):
            _ENTRY.pack_into(self._table, at, tag, max(0.0, full_at - rate.interval))

    def remember(self, key: str, seconds: float) -> None:
        """Know the key for that long."""
        tag = self._number(key)
        with self._entry(_KNOWN, tag) as (at, _until):
            _ENTRY.pack_into(self._table, at, tag, time.time() + seconds)

    def knows(self, key: str) -> bool:
        """Whether the key is remembered."""
        tag = self._number(key)
        base = _KNOWN + tag % _SETS * _SET_SIZE
        now = time.time()
        return any(found == tag and until > now for found, until in self._ways(base))

    @contextmanager
    def _entry(self, table: int, tag: int) -> Iterator[tuple[int, float]]:
        """The place of a key in a table and its value there, held against all other threads and processes."""
        base = table + tag % _SETS * _SET_SIZE
        with self._lock:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX, 1, base)
            try:
                ways = self._ways(base)
                for way, (found, value) in enumerate(ways):
                    if found == tag:
                        yield base + way * _ENTRY.size, value
                        return
                way = min(range(_WAYS), key=lambda index: ways[index][1])
                yield base + way * _ENTRY.size, 0.0
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, base)

    def _ways(self, base: int) -> list[tuple[int, float]]:
        return list(_ENTRY.iter_unpack(self._table[base : base + _SET_SIZE]))

    def _number(self, key: str) -> int:
        return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8, key=self._salt).digest()) | 1

    def _release(self, key: int, slot: int) -> None:
        with self._lock:
            mine = self._mine.get(key)
            if mine is None or slot not in mine:
                return
            mine.discard(slot)
            if not mine:
                del self._mine[key]
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, 1, _FIRST_SLOT + (key >> 24) * _MAX_SLOTS + slot)

    def _forget_slots(self) -> None:
        self._lock = threading.Lock()
        self._mine: dict[int, set[int]] = {}
