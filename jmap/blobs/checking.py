"""Whether the blob store holds what the rows say, and nothing else; what is found can mostly be mended.

Rules kept here:
- rows and objects are looked at without a lock, and what looks wrong once more under the row's lock, so that neither
  writers nor the collector give false alarms;
- octets that are lost or damaged come back from another account that holds the same ones; where nobody does, nothing is
  deleted: the fault lasts and names the blob;
- a store that cannot be reached is no fault of its objects: then OSError is raised;
- an object without a row is left to the collector, by a dying row, and only when no writer can be about to make one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice

from django.db import transaction
from django.utils import timezone

from jmap.blobs import collector, sql
from jmap.blobs.conf import blob_options
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import BlobKey, default_store
from jmap.models import Blob

SLICE = 200
"""Rows or objects looked at between two steps of a progress bar."""

_YOUNG = 3_600.0
"""Seconds in which an object without a row may be that of a writer who is about to make it."""
_LATE = timedelta(days=1)
"""How long after its time of grace a blob should be gone wherever the collector runs at all."""


class Wrong(StrEnum):
    """What can be wrong with a blob."""

    MISSING = "missing-object"
    DAMAGED = "damaged-object"
    ORPHAN = "orphan-object"
    OVERDUE = "overdue-blob"


@dataclass(frozen=True, slots=True)
class BlobFault:
    """One thing that is wrong; ``blob_id`` is None for an object without a row."""

    wrong: Wrong
    key: BlobKey
    blob_id: int | None
    size: int


def keys_of(account_id: int) -> list[int]:
    """The keys of all blobs of an account."""
    return sorted(Blob.objects.filter(account_id=account_id).values_list("pk", flat=True))


def find(blob_ids: Sequence[int], is_quick: bool) -> list[BlobFault]:
    """What is wrong with blobs of these keys; the quick way reads no octets, and so sees no flipped byte."""
    suspects = _look(blob_ids, is_quick)
    if not suspects:
        return []
    with transaction.atomic():
        there = sql.lock([fault.blob_id for fault in suspects if fault.blob_id is not None])
        sound = {f.blob_id for f in suspects if f.wrong is Wrong.MISSING and default_store().size(f.key) == f.size}
        needed = set(sql.needed(there))
    return [
        fault
        for fault in suspects
        if fault.blob_id in there and fault.blob_id not in sound and _counts(fault, there, needed)
    ]


def find_orphans(account_id: int) -> Iterator[list[BlobFault]]:
    """Objects of an account that have no row, and have had the time to get one; a list for each slice of objects."""
    store = default_store()
    keys = store.keys(account_id)
    while some := list(islice(keys, SLICE)):
        faults = []
        for key in _without_row(account_id, some):
            age, size = store.age(key), store.size(key)
            if age is not None and size is not None and age > _YOUNG:
                faults.append(BlobFault(Wrong.ORPHAN, key, None, size))
        # Its row may have come since.
        still = set(_without_row(account_id, [fault.key for fault in faults]))
        yield [fault for fault in faults if fault.key in still]


def mend(fault: BlobFault) -> bool:
    """Mend what can be mended; False where the octets are nowhere else, or a hold keeps what should be deleted."""
    match fault.wrong:
        case Wrong.ORPHAN:
            now = timezone.now()
            row = Blob(account_id=fault.key.account_id, digest=fault.key.digest, size=fault.size, dying_since=now)
            Blob.objects.bulk_create([row], ignore_conflicts=True)
            return True
        case Wrong.OVERDUE:
            return not collector.is_held() and collector.delete_batch([fault.blob_id or 0], _overdue()) == 1
        case _:
            return _forget(fault) or _bring_back(fault)


def _look(blob_ids: Sequence[int], is_quick: bool) -> list[BlobFault]:
    store, faults = default_store(), []
    rows = Blob.objects.filter(pk__in=blob_ids).order_by("pk")
    for pk, account, digest, size, dying in rows.values_list("pk", "account_id", "digest", "size", "dying_since"):
        key = BlobKey(account, bytes(digest))
        if dying is not None and dying < _overdue():
            faults.append(BlobFault(Wrong.OVERDUE, key, pk, size))
        elif (found := store.size(key)) is None:
            faults.append(BlobFault(Wrong.MISSING, key, pk, size))
        elif found != size or not (is_quick or _is_sound(key)):
            faults.append(BlobFault(Wrong.DAMAGED, key, pk, size))
    return faults


def _counts(fault: BlobFault, there: dict[int, tuple[int, bytes, bool]], needed: set[int]) -> bool:
    """Whether a suspect is a fault: a dying blob may lack its octets, and one that is needed is not overdue."""
    assert fault.blob_id is not None
    is_needed, is_dying = fault.blob_id in needed, there[fault.blob_id][2]
    if fault.wrong is Wrong.OVERDUE:
        return is_dying and not is_needed
    return is_needed or not is_dying


def _overdue() -> datetime:
    return timezone.now() - timedelta(seconds=blob_options().grace) - _LATE


def _is_sound(key: BlobKey) -> bool:
    """Whether the octets are those of the digest. Raises OSError where the store cannot be reached at all."""
    store, digest = default_store(), hashlib.sha256()
    try:
        for octets in store.open_range(key):
            digest.update(octets)
    except ObjectMissing:
        return False
    except OSError:
        # Where the store still answers it is the object that cannot be read.
        store.size(key)
        return False
    return digest.digest() == key.digest


def _without_row(account_id: int, keys: Sequence[BlobKey]) -> list[BlobKey]:
    digests = {key.digest for key in keys}
    rows = Blob.objects.filter(account_id=account_id, digest__in=digests).values_list("digest", flat=True)
    known = {bytes(digest) for digest in rows}
    return [key for key in keys if key.digest not in known]


def _forget(fault: BlobFault) -> bool:
    """Let the collector have a blob that nothing needs."""
    assert fault.blob_id is not None
    with transaction.atomic():
        return bool(sql.lock([fault.blob_id])) and sql.mark_dying([fault.blob_id], timezone.now()) == 1


def _bring_back(fault: BlobFault) -> bool:
    """Take the octets from another account that holds the same."""
    store = default_store()
    twins = Blob.objects.filter(digest=fault.key.digest, dying_since=None).exclude(pk=fault.blob_id or 0)
    for owner in twins.values_list("account_id", flat=True):
        source = BlobKey(owner, fault.key.digest)
        if not _is_sound(source):
            continue
        with transaction.atomic():
            sql.lock([fault.blob_id or 0])
            if fault.wrong is Wrong.DAMAGED:
                store.delete(fault.key)
            store.copy(source, fault.key.account_id)
        return True
    return False
