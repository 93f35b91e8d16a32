"""The blob service: octets in, octets out, and who may see which (RFC 8620 §6).

Rules kept here:
- octets are durable before a row says that they are there, and no lock is held while they are written;
- after its row is live a writer looks whether the object is there still, since the collector, which deletes only dying
  rows and only under the row's lock, may have come in between; from then on nobody deletes it;
- whoever makes a reference pins the blob in the same transaction: locked and live, or BlobGone;
- a blob is found by what may be seen of it: a visible reference in the account, or the user's own upload.

    blob = service.store_bytes(account_id, data)        # outside the transaction
    with store.writing(account_id) as writer:
        service.pin(blob.pk)
        Email(blob=blob, ...)
"""

from __future__ import annotations

import hashlib
import mmap
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from django.utils import timezone

from jmap.blobs import sql
from jmap.blobs.errors import BlobGone
from jmap.blobs.spool import Spool
from jmap.blobs.storage import BlobKey, Octets, Reader, default_store
from jmap.ids import decode
from jmap.models import Blob
from jmap.protocol.ports import AccountInfo, Principal

BATCH = 200
"""Blobs in one statement and one round of syncs."""

_PART = re.compile(r"[0-9A-Za-z_]{1,64}", re.ASCII)


# ----------------------------------------------------------------------------------------------------------- octets in


def store_bytes(account_id: int, data: Octets) -> Blob:
    """Keep octets durably for an account; the same octets give the same Blob. Call it outside the transaction.

    Raises OSError where the blob store takes no more.
    """
    key = BlobKey(account_id, hashlib.sha256(data).digest())
    return _store(key, len(data), lambda: default_store().put(key, data))


def store_many(account_id: int, many: Iterable[Octets]) -> list[Blob]:
    """Keep several runs of octets at the cost of few syncs; the Blobs come in the order of the octets."""
    blobs: list[Blob] = []
    slice_: list[Octets] = []
    for data in many:
        slice_.append(data)
        if len(slice_) == BATCH:
            blobs += _store_slice(account_id, slice_)
            slice_ = []
    return blobs + (_store_slice(account_id, slice_) if slice_ else [])


def store_file(account_id: int, path: Path, digest: bytes, size: int) -> Blob:
    """Keep the octets of a file whose SHA-256 and size are known. The caller never writes to the file again."""
    key = BlobKey(account_id, digest)
    return _store(key, size, lambda: default_store().put_file(key, path))


def store_spool(account_id: int, spool: Spool) -> Blob:
    """Keep what a spool holds; it may be stored for several accounts, and takes no more octets."""
    spool.seal()
    if spool.path is not None:
        return store_file(account_id, spool.path, spool.digest, spool.size)
    return store_bytes(account_id, spool.view())


def copy(found: FoundBlob, account_id: int) -> Blob:
    """Keep a found blob, or the decoded octets of a part, for another account too.

    Raises ObjectMissing where the octets are gone.
    """
    if found.part is None:
        source = key_of(found.blob)
        target = BlobKey(account_id, source.digest)
        return _store(target, found.size, lambda: default_store().copy(source, account_id))
    with Spool() as spool:
        return store_spool(account_id, spool.write_all(found.open_range()))


@dataclass(frozen=True, slots=True)
class Stored:
    """Octets that are durable and have no row yet."""

    key: BlobKey
    size: int


def put_spool(account_id: int, spool: Spool) -> Stored:
    """Make what a spool holds durable, without a row: the quick way of a delivery, which makes the row by ``attach``
    in the transaction of the message and so commits once, not twice. Call it outside that transaction."""
    spool.seal()
    key = BlobKey(account_id, spool.digest)
    if spool.path is not None:
        default_store().put_file(key, spool.path)
    else:
        default_store().put(key, spool.view())
    return Stored(key, spool.size)


def put_many(account_id: int, many: Sequence[Octets]) -> list[Stored]:
    """Make several runs of octets durable, without rows, at the cost of few syncs; as ``put_spool``."""
    made = [Stored(BlobKey(account_id, hashlib.sha256(data).digest()), len(data)) for data in many]
    distinct = {stored.key: data for stored, data in zip(made, many, strict=True)}
    default_store().put_many(sorted(distinct.items(), key=lambda item: item[0]))
    return made


def attach(stored: Stored) -> Blob:
    """Make the row of stored octets, or find it, live and locked until the end of this transaction: stands for ``pin``.

    Raises BlobGone where the collector took the octets in between: put them again, outside of this transaction.
    """
    return _blob(ask_attach(stored)(), stored.key, stored.size)


def ask_attach(stored: Stored) -> Callable[[], int]:
    """``attach`` that is waited for when the result is called, which gives the key of the row. Raises BlobGone then."""
    asked = sql.ask_upsert(stored.key.account_id, [(stored.key.digest, stored.size)], timezone.now())

    def key() -> int:
        ((_digest, blob_id),) = asked()
        if default_store().size(stored.key) != stored.size:
            raise BlobGone("a blob was collected before it was referred to")
        return int(blob_id)

    return key


def attach_many(many: Iterable[Stored]) -> dict[BlobKey, int]:
    """``attach`` for several at the cost of few statements: the keys of their rows. Raises BlobGone."""
    rows: dict[BlobKey, int] = {}
    sizes = {(one.key.account_id, one.key.digest): one.size for one in many}
    for account_id in sorted({account_id for account_id, _ in sizes}):
        items = sorted((digest, size) for (owner, digest), size in sizes.items() if owner == account_id)
        for start in range(0, len(items), BATCH):
            found = sql.upsert(account_id, items[start : start + BATCH], timezone.now())
            rows |= {BlobKey(account_id, digest): key for digest, key in found.items()}
    store = default_store()
    if any(store.size(key) != sizes[key.account_id, key.digest] for key in rows):
        raise BlobGone("a blob was collected before it was referred to")
    return rows


def abandon(stored: Stored) -> None:
    """Tell the collector of octets that no row came to refer to, after the transaction that should have done so."""
    sql.upsert(stored.key.account_id, [(stored.key.digest, stored.size)], timezone.now())


def pin(*blob_ids: int) -> None:
    """Lock these blobs, live, until the end of the transaction that makes a reference to them.

    One that is dying lives again if its octets are there still. Raises BlobGone where one is not: store it again,
    outside of this transaction.
    """
    keys = sorted(set(blob_ids))
    locked = sql.lock(keys)
    dying = [key for key, (_account, _digest, is_dying) in locked.items() if is_dying]
    store = default_store()
    if len(locked) < len(keys) or any(store.size(BlobKey(*locked[key][:2])) is None for key in dying):
        raise BlobGone("a blob was collected before it was referred to")
    if dying:
        Blob.objects.filter(pk__in=dying).update(dying_since=None)


def _store(key: BlobKey, size: int, put: Callable[[], None]) -> Blob:
    put()
    blob_id = sql.upsert(key.account_id, [(key.digest, size)], timezone.now())[key.digest]
    if default_store().size(key) != size:
        put()
    return _blob(blob_id, key, size)


def _store_slice(account_id: int, many: Sequence[Octets]) -> list[Blob]:
    keys = [BlobKey(account_id, hashlib.sha256(data).digest()) for data in many]
    distinct = dict(sorted(zip(keys, many), key=lambda item: item[0]))
    store = default_store()
    store.put_many(list(distinct.items()))
    rows = sql.upsert(account_id, [(key.digest, len(data)) for key, data in distinct.items()], timezone.now())
    store.put_many([(key, data) for key, data in distinct.items() if store.size(key) != len(data)])
    return [_blob(rows[key.digest], key, len(data)) for key, data in zip(keys, many)]


def _blob(blob_id: int, key: BlobKey, size: int) -> Blob:
    return Blob.from_db("default", ["id", "account_id", "digest", "size"], [blob_id, key.account_id, key.digest, size])


# ---------------------------------------------------------------------------------------------------------- octets out


def key_of(blob: Blob) -> BlobKey:
    """What the blob's octets are stored under."""
    return BlobKey(blob.account_id, bytes(blob.digest))


def read(blob: Blob) -> bytes:
    """All octets. Raises ObjectMissing."""
    return default_store().read(key_of(blob))


def map(blob: Blob) -> mmap.mmap | bytes:
    """All octets, mapped where the store keeps files. Raises ObjectMissing."""
    return default_store().map(key_of(blob))


def open_range(blob: Blob, start: int = 0, stop: int | None = None) -> Reader:
    """The octets from ``start`` up to, not including, ``stop``, in slices. Raises ObjectMissing."""
    return default_store().open_range(key_of(blob), start, stop)


# ------------------------------------------------------------------------------------------------------ finding by id


class Part(Protocol):
    """A part of a message as a blob of its own: its decoded octets (RFC 8621 §4.1.4)."""

    @property
    def size(self) -> int:
        """Decoded octets."""

    @property
    def type(self) -> str | None: ...

    @property
    def name(self) -> str | None: ...

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        """Decoded octets from ``start`` up to, not including, ``stop``, in slices."""


PartResolver = Callable[[Blob, str], "Part | None"]
"""Finds a part in a blob by the number that its id ends in."""

_part_resolvers: list[PartResolver] = []


def register_parts(resolver: PartResolver) -> None:
    """Let an app answer for ids ``b…-<part>``; call it from ``AppConfig.ready``."""
    if resolver not in _part_resolvers:
        _part_resolvers.append(resolver)


def unregister_parts(resolver: PartResolver) -> None:
    """Take a resolver back."""
    _part_resolvers.remove(resolver)


@dataclass(frozen=True, slots=True)
class FoundBlob:
    """A blob that the principal may see: a whole one, or the decoded octets of a part of it.

    ``size`` counts the octets that a reader gets; ``type`` and ``name`` are known for parts alone.
    """

    wire_id: str
    blob: Blob
    size: int
    part: str | None = None
    type: str | None = None
    name: str | None = None
    content: Part | None = None

    def open_range(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Octets from ``start`` up to, not including, ``stop``, in slices. Raises ObjectMissing."""
        until = self.size if stop is None else min(stop, self.size)
        return open_range(self.blob, start, until) if self.content is None else self.content.open_range(start, until)

    def read(self) -> bytes:
        """All octets. Raises ObjectMissing."""
        return read(self.blob) if self.content is None else b"".join(self.open_range())


def find(principal: Principal, account: AccountInfo, wire_id: str) -> FoundBlob | None:
    """What a blobId stands for in an account, or None where this principal may not see it or there is no such blob."""
    return find_many(principal, account, [wire_id]).get(wire_id)


def find_many(principal: Principal, account: AccountInfo, wire_ids: Iterable[str]) -> dict[str, FoundBlob]:
    """What several blobIds stand for, by id; those that may not be seen are left out. One query for every BATCH."""
    if account.id not in principal.accounts:
        return {}
    wanted = {wire_id: parsed for wire_id in wire_ids if (parsed := _parse(wire_id)) is not None}
    keys = sorted({key for key, _part in wanted.values()})
    blobs: dict[int, Blob] = {}
    for start in range(0, len(keys), BATCH):
        for key, digest, size in sql.visible(principal.key, account.key, keys[start : start + BATCH]):
            blobs[key] = _blob(key, BlobKey(account.key, digest), size)
    found: dict[str, FoundBlob] = {}
    for wire_id, (key, part) in wanted.items():
        if key not in blobs:
            continue
        if part is None:
            found[wire_id] = FoundBlob(wire_id, blobs[key], blobs[key].size)
        elif (content := _find_part(blobs[key], part)) is not None:
            found[wire_id] = FoundBlob(wire_id, blobs[key], content.size, part, content.type, content.name, content)
    return found


def _parse(wire_id: str) -> tuple[int, str | None] | None:
    whole, dash, part = wire_id.partition("-")
    key = decode("b", whole)
    if key is None or (dash and not _PART.fullmatch(part)):
        return None
    return key, part if dash else None


def _find_part(blob: Blob, part: str) -> Part | None:
    for resolver in _part_resolvers:
        found = resolver(blob, part)
        if found is not None:
            return found
    return None
