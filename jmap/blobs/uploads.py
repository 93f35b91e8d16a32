"""Uploads: blobs that nothing refers to yet, each a claim of the user who sent it (RFC 8620 §6).

Rules kept here:
- an upload is seen by its uploader alone, and kept for ``upload_lifetime`` from the last time it was sent;
- what one user has uploaded to one account and nothing refers to stays within ``upload_quota``: the oldest go first, as
  RFC 8620 §6 demands, however young; what is referred to is not counted;
- evicting takes the claim away, never octets: those are the collector's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from jmap.blobs import service, sql
from jmap.blobs.conf import blob_options
from jmap.blobs.errors import BlobGone, OverQuota, ReadOnly
from jmap.blobs.spool import Spool
from jmap.models import Blob, Upload
from jmap.protocol.ports import AccountInfo, Principal
from jmap.store import writing

DEFAULT_TYPE = "application/octet-stream"

_ATTEMPTS = 3


def upload(principal: Principal, account: AccountInfo, type: str, spool: Spool) -> Upload:
    """Keep what a user sent to an account; ``type`` is a valid media type. Sending it again sets the clock again.

    Raises ReadOnly, OverQuota (one upload beyond the whole quota), OSError where the blob store takes no more.
    """
    return keep(principal, account, type, spool.size, lambda: service.store_spool(account.key, spool))


def copy(principal: Principal, found: service.FoundBlob, account: AccountInfo) -> Upload:
    """Keep a blob found in one account for another, as an upload there (RFC 8620 §6.3). Raises as ``upload`` does,
    and ObjectMissing."""
    type = found.type or DEFAULT_TYPE
    return keep(principal, account, type, found.size, lambda: service.copy(found, account.key))


def keep(principal: Principal, account: AccountInfo, type: str, size: int, store: Callable[[], Blob]) -> Upload:
    """Store octets, then claim them for the user; again if the collector took them in between."""
    if account.is_read_only:
        raise ReadOnly("the account may only be read")
    quota = blob_options().upload_quota
    if size > quota:
        raise OverQuota(quota)
    for _attempt in range(_ATTEMPTS):
        blob = store()
        with contextlib.suppress(BlobGone):
            return _claim(principal.key, account.key, blob, type, quota)
    raise BlobGone("the blob was collected again and again while it was uploaded")


def expire(now: datetime, most: int) -> int:
    """Take away claims whose time is over, up to so many; says how many."""
    before = now - timedelta(seconds=blob_options().upload_lifetime)
    keys = list(
        Upload.objects.filter(uploaded_at__lt=before).order_by("uploaded_at").values_list("pk", flat=True)[:most]
    )
    # The time is asked again: whoever sent it again meanwhile keeps it.
    return Upload.objects.filter(pk__in=keys, uploaded_at__lt=before).delete()[0] if keys else 0


def _claim(user_id: Any, account_id: int, blob: Blob, type: str, quota: int) -> Upload:
    now = timezone.now()
    # The account's lock makes the quota exact when one user sends several at once.
    with writing(account_id):
        service.pin(blob.pk)
        key = sql.claim(account_id, user_id, blob.pk, type, now)
        if sql.add_to_tally(account_id, user_id, blob.size) > quota:
            evicted, kept = _over_quota(sql.unreferenced_uploads(account_id, user_id), key, quota)
            if evicted:
                Upload.objects.filter(pk__in=evicted).delete()
            sql.set_tally(account_id, user_id, kept)
    return Upload(pk=key, account_id=account_id, user_id=user_id, blob=blob, type=type, uploaded_at=now)


def _over_quota(newest_first: list[tuple[int, int]], newest: int, quota: int) -> tuple[list[int], int]:
    """The uploads that do not fit beside the newer ones, and the octets of those that do."""
    total = kept = 0
    evicted = []
    for key, size in newest_first:
        total += size
        if total > quota and key != newest:
            evicted.append(key)
        else:
            kept += size
    return evicted, kept
