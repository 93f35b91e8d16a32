"""Adding messages to the mail store, as Email/set, Email/import and Email/copy do it alike (RFC 8621 §4.6 to §4.8).

Rules kept here:
- octets are kept, and all is derived from them, before the account's lock is taken; under it only rows are written;
- one method call is one transaction, so that its newState covers its own changes and nobody else's;
- one email that is refused never hinders another.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from mmap import mmap

from jmap import store
from jmap.blobs import service as blobs
from jmap.blobs.errors import BlobGone
from jmap.blobs.service import Stored
from jmap.ids import decode, encode
from jmap.protocol.errors import SetError
from jmap.protocol.ports import Json, SetResult
from jmap.store import Writer
from mail.datatypes.email_errors import set_error
from mail.services import emails, quotas
from mail.services.content import Derived
from mail.services.emails import NewEmail, Placement
from mail.services.errors import MailboxNotFound, MailError

_ATTEMPTS = 3


@dataclass(slots=True)
class Arrival:
    """A message about to be added: its octets, kept durably, and what was derived from them.

    ``blob``: the key of its row, or what was stored and has no row yet. ``tell``: properties to answer besides id,
    blobId, threadId and size.
    """

    data: bytes | mmap
    blob: int | Stored
    content: Derived
    placement: Placement
    received_at: datetime
    tell: dict[str, Json] = field(default_factory=dict)


def placement(mailbox_ids: Iterable[str], keywords: Iterable[str]) -> Placement:
    """Where an email is to go, from ids of the wire. Raises MailboxNotFound."""
    return Placement(mailbox_keys(mailbox_ids), frozenset(keywords))


def mailbox_keys(wires: Iterable[str]) -> frozenset[int]:
    """The keys behind mailbox ids. Raises MailboxNotFound for ids that no mailbox can have."""
    keys: set[int] = set()
    unknown: list[str] = []
    for wire in wires:
        key = decode("m", wire)
        if key is None:
            unknown.append(wire)
        else:
            keys.add(key)
    if unknown:
        raise MailboxNotFound(unknown)
    return frozenset(keys)


def refuse_misplaced(account_id: int, places: Mapping[str, Placement]) -> dict[str, SetError]:
    """SetErrors by creation id for what may not go where it is meant to; judged again under the lock."""
    known = emails.mailbox_keys(account_id)
    refused: dict[str, SetError] = {}
    for creation_id, place in places.items():
        try:
            emails.check(place, known)
        except MailError as refusal:
            refused[creation_id] = set_error(refusal)
    return refused


def add(writer: Writer, arrivals: Mapping[str, Arrival], result: SetResult) -> None:
    """Add messages by creation id under the account's lock, and tell what became of each. Raises BlobGone."""
    refused = refuse_misplaced(
        writer.account_id, {creation_id: arrival.placement for creation_id, arrival in arrivals.items()}
    )
    fine = {creation_id: arrival for creation_id, arrival in arrivals.items() if creation_id not in refused}
    if fine:
        refused |= _refuse_what_does_not_fit(writer, fine)
        fine = {creation_id: arrival for creation_id, arrival in fine.items() if creation_id not in refused}
    result.not_created.update(refused)
    if not fine:
        return
    keys = _hold(fine.values())
    new = [NewEmail(one.content, key, one.placement, one.received_at) for one, key in zip(fine.values(), keys)]
    for (creation_id, arrival), added in zip(fine.items(), emails.add_judged(writer, new), strict=True):
        result.created[creation_id] = {
            "id": encode("e", added.id),
            "blobId": encode("b", added.blob_id),
            "threadId": encode("t", added.thread_id),
            "size": added.size,
            **arrival.tell,
        }


def _refuse_what_does_not_fit(writer: Writer, arrivals: Mapping[str, Arrival]) -> dict[str, SetError]:
    """SetErrors by creation id where the account, or its domain, has no room left (RFC 8620 §5.3)."""
    room = quotas.room(writer)
    return {
        creation_id: SetError("overQuota", "the account has no room for this email")
        for creation_id, arrival in arrivals.items()
        if not room.take(arrival.content.size)
    }


def _hold(arrivals: Iterable[Arrival]) -> list[int]:
    """The keys of the arrivals' blobs, live and locked until the end of the transaction. Raises BlobGone."""
    kept = [arrival.blob for arrival in arrivals]
    rows = blobs.attach_many(blob for blob in kept if isinstance(blob, Stored))
    blobs.pin(*(blob for blob in kept if isinstance(blob, int)))
    return [rows[blob.key] if isinstance(blob, Stored) else blob for blob in kept]


def write(account_id: int, arrivals: Mapping[str, Arrival], work: Callable[[Writer], SetResult]) -> SetResult:
    """Run ``work`` in one transaction that holds the account; again where the collector took a blob just before."""
    added: Container[str] = ()
    try:
        for attempt in range(_ATTEMPTS):
            try:
                with store.writing(account_id) as writer:
                    result = work(writer)
                added = result.created
                return result
            except BlobGone:
                if attempt == _ATTEMPTS - 1:
                    raise
                kept = blobs.put_many(account_id, [arrival.data for arrival in arrivals.values()])
                for arrival, stored in zip(arrivals.values(), kept, strict=True):
                    arrival.blob = stored
        raise AssertionError("unreachable")
    finally:
        for creation_id, arrival in arrivals.items():
            if creation_id not in added and isinstance(arrival.blob, Stored):
                blobs.abandon(arrival.blob)
