"""The journal of imports: which messages of a source are here already.

Rules kept here:
- a message has a key of its source; one with a numbering that may be given up has two more: the how-manieth of its
  octets it is in its place under this numbering, and in its place at all. Numbered anew, it is the how-manieth again,
  and so known by the last, while two equal messages of one folder stay two;
- keys are written in the transaction of the message, under the account's lock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.utils import timezone

from jmap.store import Writer
from mail.importers.entry import Entry, key_of
from mail.models import ImportedMessage


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the journal says of a message: whether it is to be added, and the keys to write down for it."""

    is_new: bool
    keys: tuple[bytes, ...]


def known(account_id: int, source: bytes, keys: Iterable[bytes]) -> set[bytes]:
    """Those of the keys that the journal has."""
    found = ImportedMessage.objects.filter(account_id=account_id, source=source, key__in=list(keys))
    return {bytes(key) for key in found.values_list("key", flat=True)}


def judge(writer: Writer, source: bytes, entries: Sequence[tuple[Entry, bytes]]) -> list[Verdict]:
    """What is to become of entries, given with the digests of their octets. Reads under the lock."""
    seen = known(writer.account_id, source, (entry.key for entry, _ in entries))
    numbered = _numbered(writer, source, [one for one in entries if one[0].numbering and one[0].key not in seen])
    here = known(writer.account_id, source, (keys[1] for keys in numbered.values()))
    verdicts = []
    for entry, _ in entries:
        if entry.key in seen:
            verdicts.append(Verdict(False, ()))
            continue
        seen.add(entry.key)
        if entry.key not in numbered:
            verdicts.append(Verdict(True, (entry.key,)))
            continue
        counted, at_all = numbered[entry.key]
        is_new = at_all not in here
        verdicts.append(Verdict(is_new, (entry.key, counted, at_all) if is_new else (entry.key, counted)))
    return verdicts


def write(writer: Writer, source: bytes, keys: Iterable[bytes]) -> None:
    """Write keys down."""
    now = timezone.now()
    ImportedMessage.objects.bulk_create(
        ImportedMessage(account_id=writer.account_id, source=source, key=key, imported_at=now) for key in keys
    )


def _numbered(
    writer: Writer, source: bytes, entries: Sequence[tuple[Entry, bytes]]
) -> dict[bytes, tuple[bytes, bytes]]:
    """Key of each entry to its key under the numbering and its key in the place at all."""
    found: dict[bytes, tuple[bytes, bytes]] = {}
    taken: Counter[tuple[bytes, bytes]] = Counter()
    waiting = list(entries)
    while waiting:
        guesses = []
        for entry, digest in waiting:
            assert entry.numbering is not None
            taken[entry.numbering.name, digest] += 1
            ordinal = str(taken[entry.numbering.name, digest])
            guesses.append(
                (key_of(entry.numbering.name, digest, ordinal), key_of(entry.numbering.place, digest, ordinal))
            )
        seen = known(writer.account_id, source, (counted for counted, _ in guesses))
        again = []
        for one, keys in zip(waiting, guesses, strict=True):
            if keys[0] in seen:
                again.append(one)
            else:
                found[one[0].key] = keys
        waiting = again
    return found
