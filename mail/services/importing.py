"""Taking in mail from a source: in slices, journalled, safe to interrupt and to run again.

Rules kept here:
- octets are stored and parsed outside the transaction; one transaction takes a slice of at most SLICE messages together
  with its journal, so that a message is there exactly when the journal says so;
- what the journal knows is passed over; a message that cannot be read is reported and the others go on;
- folders become mailboxes: the one with the role or the name that a folder says, otherwise a new one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.blobs.errors import BlobGone
from jmap.models import Account
from jmap.store import Writer, writing
from mail.importers.entry import Entry
from mail.models import ImportedMessage
from mail.services import emails, mailboxes
from mail.services.content import derive
from mail.services.emails import NewEmail, Placement
from mail.services.errors import MailError
from mail.services.mailboxes import Node

log = logging.getLogger("mail.import")

SLICE = 100
SLICE_OCTETS = 20_000_000

ROLES_OF_NAMES = {
    "inbox": "inbox",
    "archive": "archive",
    "archives": "archive",
    "drafts": "drafts",
    "sent": "sent",
    "sent items": "sent",
    "sent mail": "sent",
    "sent messages": "sent",
    "trash": "trash",
    "deleted items": "trash",
    "deleted messages": "trash",
    "junk": "junk",
    "junk e-mail": "junk",
    "spam": "junk",
}
"""What other programs call the mailboxes that have a role here, in lowercase."""


@dataclass(slots=True)
class Tally:
    """What an import did."""

    imported: int = 0
    known: int = 0
    failed: int = 0


def take_in(
    account: Account, source: bytes, entries: Iterable[Entry], progress: Callable[[int], None] = lambda count: None
) -> Tally:
    """Import all entries of a source (32 octets that name it) into an account.

    ``progress`` is called with the number of entries dealt with since it was last called.
    """
    tally = Tally()
    folders = _Folders(account)
    stream = iter(entries)
    while batch := list(islice(stream, SLICE)):
        fresh = _unknown(account.pk, source, batch)
        tally.known += len(batch) - len(fresh)
        progress(len(batch) - len(fresh))
        for loaded in _loaded(fresh, tally):
            _take_slice(account.pk, source, loaded, folders)
            tally.imported += len(loaded)
            progress(len(loaded))
    return tally


def _unknown(account_id: int, source: bytes, batch: Sequence[Entry]) -> list[Entry]:
    known = {
        bytes(key)
        for key in ImportedMessage.objects.filter(
            account_id=account_id, source=source, key__in=[entry.key for entry in batch]
        ).values_list("key", flat=True)
    }
    return [entry for entry in batch if entry.key not in known]


def _loaded(entries: Iterable[Entry], tally: Tally) -> Iterator[list[tuple[Entry, bytes]]]:
    """The entries with their octets, in groups that fit in memory."""
    group: list[tuple[Entry, bytes]] = []
    octets = 0
    for entry in entries:
        try:
            data = entry.load()
        except OSError as error:
            log.warning("a message of %s could not be read: %s", "/".join(entry.folder) or "inbox", error.strerror)
            tally.failed += 1
            continue
        group.append((entry, data))
        octets += len(data)
        if octets > SLICE_OCTETS:
            yield group
            group, octets = [], 0
    if group:
        yield group


def _take_slice(account_id: int, source: bytes, loaded: Sequence[tuple[Entry, bytes]], folders: _Folders) -> None:
    derived = [derive(data) for _, data in loaded]
    for attempt in (1, 2, 3):
        stored = blobs.store_many(account_id, [data for _, data in loaded])
        try:
            with writing(account_id) as writer:
                new = [
                    NewEmail(
                        content,
                        blob.pk,
                        Placement(frozenset({folders.key(writer, entry.folder)}), entry.keywords),
                        entry.received_at(data),
                    )
                    for (entry, data), content, blob in zip(loaded, derived, stored, strict=True)
                ]
                emails.add(writer, new)
                _journal(writer, source, [entry.key for entry, _ in loaded])
            return
        except BlobGone:
            folders.forget()
            if attempt == 3:
                raise


def _journal(writer: Writer, source: bytes, keys: Sequence[bytes]) -> None:
    now = timezone.now()
    ImportedMessage.objects.bulk_create(
        ImportedMessage(account_id=writer.account_id, source=source, key=key, imported_at=now) for key in keys
    )


class _Folders:
    """The mailbox of each folder of the source, found or made when first met."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._known: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        """After a transaction that came to nothing: what it made is not there."""
        self._known.clear()

    def key(self, writer: Writer, folder: tuple[str, ...]) -> int:
        """The key of a folder's mailbox."""
        if folder not in self._known:
            self._known[folder] = self._find(writer, folder or ("inbox",))
        return self._known[folder]

    def _find(self, writer: Writer, folder: tuple[str, ...]) -> int:
        present = mailboxes.load(self._account.pk, self._account.user_id, owned=True)
        parent: int | None = None
        for depth, given in enumerate(folder):
            name = mailboxes.normalized(given)
            role = ROLES_OF_NAMES.get(name.lower()) if depth == 0 else None
            found = next((key for key, node in present.items() if role and node.role == role), None)
            if found is None:
                found = next((key for key, node in present.items() if (node.parent, node.name) == (parent, name)), None)
            if found is None:
                node = Node(name, parent, role, 0, True)
                outcome = mailboxes.apply(writer, self._account.user_id, present, {"new": node}, {}, [])
                for refusal in outcome.refused.values():
                    raise MailError(f"folder {'/'.join(folder)!r} cannot become a mailbox: {refusal}")
                found = outcome.created["new"]
                present[found] = node
            parent = found
        assert parent is not None
        return parent
