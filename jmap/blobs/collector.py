"""The collector: removes blobs that nothing needs, without ever taking one from under a writer.

Rules kept here:
- first a row is marked dying, under its lock and only while nothing needs it; after a grace period, in another
  transaction and under the lock again, what is still dying and still not needed loses its octets and its row;
- octets are deleted only under the lock of a dying row, so a writer that made the row live keeps them;
- a hold stops every deletion: a backup copies the database first and the octets after it;
- work goes in slices, each a short transaction; stopped anywhere and run again it ends the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from jmap.blobs import sql, uploads
from jmap.blobs.conf import blob_options
from jmap.blobs.storage import BlobKey, default_store
from jmap.models import Account, Blob, BlobHold

SLICE = 5_000
"""Keys looked at in one statement, which reads and locks nothing."""

BATCH = 100
"""Rows locked in one transaction."""

UNFINISHED = 86_400.0
"""Seconds after which a temporary file belongs to nobody any more."""


@dataclass(slots=True)
class Collected:
    """What one run did."""

    expired: int = 0
    marked: int = 0
    deleted: int = 0
    swept: int = 0
    held: bool = False


def collect(now: datetime | None = None, progress: Callable[[str], None] | None = None) -> Collected:
    """One run: claims whose time is over, then marking, then deleting, then what unfinished writes left behind."""
    now = now or timezone.now()
    say = progress or (lambda step: None)
    result = Collected()
    say("uploads")
    while expired := uploads.expire(now, BATCH):
        result.expired += expired
    say("marking")
    result.marked = mark(now)
    say("deleting")
    result.deleted, result.held = delete(now)
    if not result.held:
        result.swept = default_store().sweep(UNFINISHED)
    return result


def mark(now: datetime) -> int:
    """Mark blobs dying that nothing needs; says how many.

    One that is younger than an hour is left, so that a writer between storing and pinning is not troubled.
    """
    before = now - timedelta(hours=1)
    marked = 0
    for after, until in _ranges():
        keys = sql.collectable(after, until, before)
        for start in range(0, len(keys), BATCH):
            with transaction.atomic():
                locked = sql.lock_to_collect(keys[start : start + BATCH], None)
                marked += sql.mark_dying(locked, now) if locked else 0
    return marked


def _ranges() -> Iterator[tuple[int, int]]:
    """Ranges of keys, (after, until], that hold SLICE rows at most: after a restore there are wide gaps in between."""
    after = 0
    while True:
        last = Blob.objects.filter(pk__gt=after).order_by("pk")[:SLICE].aggregate(last=Max("pk"))["last"]
        if last is None:
            return
        yield after, last
        after = last


def delete(now: datetime) -> tuple[int, bool]:
    """Delete blobs that have been dying for the grace period: how many, and whether a hold stopped that."""
    before = now - timedelta(seconds=blob_options().grace)
    deleted, after = 0, 0
    while True:
        if is_held():
            return deleted, True
        dying = Blob.objects.filter(dying_since__lt=before, pk__gt=after).order_by("pk")
        keys = list(dying.values_list("pk", flat=True)[:BATCH])
        if not keys:
            return deleted, False
        after = keys[-1]
        deleted += delete_batch(keys, before)


def delete_batch(keys: list[int], before: datetime) -> int:
    """Delete those of these blobs that have been dying since before then and that nothing needs; says how many."""
    with transaction.atomic():
        locked = sql.lock_to_collect(keys, before)
        if not locked:
            return 0
        for key in sql.needed_again(locked):
            del locked[key]
        if locked:
            # Rows first: a foreign key that somebody forgot fails here, before any octet is gone.
            sql.purge(locked)
            store = default_store()
            for account_id, digest in locked.values():
                store.delete(BlobKey(account_id, digest))
        return len(locked)


def adopt_orphans(now: datetime | None = None, account_id: int | None = None) -> int:
    """Give objects that have no row a dying one, so that they are collected like any other; says how many.

    Orphans are what a writer leaves that ended between putting octets and making their row. One that is about to make
    it finds the row dying and makes it live. Objects of accounts that do not exist are left alone.
    """
    now = now or timezone.now()
    store, adopted = default_store(), 0
    owners = Account.objects.values_list("pk", flat=True) if account_id is None else [account_id]
    for owner in owners:
        keys = store.keys(owner)
        while digests := {key.digest for key in islice(keys, BATCH)}:
            known = Blob.objects.filter(account_id=owner, digest__in=digests).values_list("digest", flat=True)
            rows = []
            for digest in sorted(digests - {bytes(digest) for digest in known}):
                size = store.size(BlobKey(owner, digest))
                if size is not None:
                    rows.append(Blob(account_id=owner, digest=digest, size=size, dying_since=now))
            Blob.objects.bulk_create(rows, ignore_conflicts=True)
            adopted += len(rows)
    return adopted


def is_held() -> bool:
    """Whether a hold is in force."""
    return BlobHold.objects.filter(expires_at__gt=timezone.now()).exists()


class Hold:
    """A hold in force; ``renew`` it before it expires."""

    def __init__(self, row: BlobHold, seconds: int) -> None:
        self._row = row
        self._seconds = seconds

    def renew(self) -> None:
        """Hold for the whole time again, from now. Raises LookupError where it was lifted meanwhile."""
        until = timezone.now() + timedelta(seconds=self._seconds)
        if not BlobHold.objects.filter(pk=self._row.pk).update(expires_at=until):
            raise LookupError("the hold was lifted")


@contextmanager
def hold(reason: str, seconds: int = 3_600) -> Iterator[Hold]:
    """Keep all octets while inside; for at most that long after the last ``renew``, so that a killed backup lets go."""
    now = timezone.now()
    BlobHold.objects.filter(expires_at__lt=now).delete()
    row = BlobHold.objects.create(reason=reason, expires_at=now + timedelta(seconds=seconds))
    try:
        yield Hold(row, seconds)
    finally:
        row.delete()
