"""Taking in mail from a source: in slices, journalled, safe to interrupt and to run again.

Rules kept here:
- octets are stored and parsed outside the transaction; one transaction takes a slice of at most SLICE messages together
  with its journal, so that a message is there exactly when the journal says so, even where two imports of one source
  run at a time;
- what the journal knows is passed over; a message that cannot be read is reported and the others go on;
- no more is in memory than SLICE messages, or those of SLICE_OCTETS and one more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice

from jmap.blobs import service as blobs
from jmap.blobs.errors import BlobGone
from jmap.blobs.service import Stored
from jmap.models import Account
from jmap.store import Writer, writing
from mail.importers.entry import Entry, Folder, Known, MessageUnreadable, key_of
from mail.mime.index import Octets
from mail.services import emails, journal
from mail.services.content import Derived, derive
from mail.services.emails import MAX_KEYWORDS, MAX_MAILBOXES, NewEmail, Placement, is_keyword
from mail.services.folders import Folders

log = logging.getLogger("mail.import")

SLICE = 50
"""Messages in one transaction: SQLite's only write lock is held for some tens of milliseconds, and free for longer
while the next ones are read."""
SLICE_OCTETS = 20_000_000
_TAKEN_OVER = key_of("mailboxes")
"""What the journal knows the mailboxes of a source by, once they were taken over."""


@dataclass(slots=True)
class Tally:
    """What an import did; ``notes`` are what could not be taken over as it was, a line each."""

    imported: int = 0
    known: int = 0
    failed: int = 0
    notes: dict[str, None] = field(default_factory=dict)

    def note(self, line: str) -> None:
        """Remember a line for the person who imports, once."""
        if line not in self.notes:
            log.info("%s", line)
            self.notes[line] = None

    def add(self, other: Tally) -> None:
        """Count another import with this one."""
        self.imported += other.imported
        self.known += other.known
        self.failed += other.failed
        self.notes |= other.notes


def take_in(
    account: Account,
    source: bytes,
    entries: Iterable[Entry],
    progress: Callable[[int], object] = lambda count: None,
    *,
    folders: Iterable[Folder] = (),
    adopt: bool = False,
    tally: Tally | None = None,
) -> Tally:
    """Import all entries of a source (32 octets that name it) into an account.

    ``progress`` is called with the number of entries dealt with since it was last called. ``folders`` become mailboxes
    even where they hold nothing; with ``adopt`` empty mailboxes also take over their order, names and subscriptions.
    ``tally`` is counted on, so that it tells what was done where this ends with an error. Raises MailError where the
    account takes no more.
    """
    tally = tally or Tally()
    places = Folders(account, folders, tally.note)
    _make_folders(account.pk, source, places, adopt)
    stream = iter(entries)
    while batch := list(islice(stream, SLICE)):
        seen = journal.known(account.pk, source, (entry.key for entry in batch))
        fresh = [entry for entry in batch if entry.key not in seen]
        tally.known += len(batch) - len(fresh)
        progress(len(batch) - len(fresh))
        for loaded in _loaded(fresh, tally):
            _take_slice(account.pk, source, _prepared(account.pk, loaded), places, tally)
            progress(len(loaded))
    return tally


def knower(account: Account, source: bytes) -> Known:
    """Tells which messages of a source are in an account already."""
    return partial(journal.known, account.pk, source)


def _make_folders(account_id: int, source: bytes, places: Folders, adopt: bool) -> None:
    with writing(account_id) as writer:
        is_new = adopt and not journal.known(account_id, source, [_TAKEN_OVER])
        places.make_all(writer, is_new)
        if is_new:
            journal.write(writer, source, [_TAKEN_OVER])


Loaded = tuple[Entry, Octets]


def _loaded(entries: Iterable[Entry], tally: Tally) -> Iterator[list[Loaded]]:
    """The entries with their octets, in groups that fit in memory."""
    group: list[Loaded] = []
    octets = 0
    for entry in entries:
        try:
            data = entry.load()
        except (OSError, MessageUnreadable) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            log.warning("a message of %s could not be read: %s", ", ".join(map(str, entry.folders)), reason)
            tally.failed += 1
            continue
        group.append((entry, data))
        octets += len(data)
        if octets > SLICE_OCTETS:
            yield group
            group, octets = [], 0
    if group:
        yield group


@dataclass(slots=True)
class _Ready:
    """A message whose octets are durable, with all that the transaction needs of it."""

    entry: Entry
    data: Octets
    stored: Stored
    content: Derived
    received_at: datetime


def _prepared(account_id: int, loaded: Sequence[Loaded]) -> list[_Ready]:
    with ThreadPoolExecutor(1) as beside:
        # Octets go to the disk while they are read for what is in them: one waits, the other computes.
        putting = beside.submit(blobs.put_many, account_id, [data for _, data in loaded])
        read = [(entry, data, derive(data), entry.received_at(data)) for entry, data in loaded]
        stored = putting.result()
    return [_Ready(entry, data, one, content, at) for (entry, data, content, at), one in zip(read, stored, strict=True)]


def _take_slice(account_id: int, source: bytes, ready: Sequence[_Ready], places: Folders, tally: Tally) -> None:
    for attempt in (1, 2, 3):
        try:
            with writing(account_id) as writer:
                # Judged again under the lock: another import of the same source may have come first.
                verdicts = journal.judge(writer, source, [(one.entry, one.stored.key.digest) for one in ready])
                fresh = [one for one, verdict in zip(ready, verdicts, strict=True) if verdict.is_new]
                rows = blobs.attach_many(one.stored for one in fresh)
                emails.add(
                    writer,
                    [
                        NewEmail(
                            one.content,
                            rows[one.stored.key],
                            _placed(writer, one.entry, places, tally),
                            one.received_at,
                        )
                        for one in fresh
                    ],
                )
                journal.write(writer, source, [key for verdict in verdicts for key in verdict.keys])
            tally.imported += len(fresh)
            tally.known += len(ready) - len(fresh)
            return
        except BlobGone:
            places.forget()
            if attempt == 3:
                raise
            blobs.put_many(account_id, [one.data for one in ready])


def _placed(writer: Writer, entry: Entry, places: Folders, tally: Tally) -> Placement:
    """The mailboxes and keywords of a message, as many as an email may have."""
    mailboxes = frozenset(places.key(writer, folder) for folder in entry.folders[:MAX_MAILBOXES])
    keywords = sorted(keyword for keyword in entry.keywords if is_keyword(keyword))[:MAX_KEYWORDS]
    if len(keywords) < len(entry.keywords) or len(entry.folders) > MAX_MAILBOXES:
        tally.note(f"a message of {entry.folders[0]} has more mailboxes or other keywords than an email may have here")
    return Placement(mailboxes, frozenset(keywords))
