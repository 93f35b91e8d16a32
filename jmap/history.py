"""How long changes are remembered: tombstones older than the kept history are purged (RFC 8620 §5.2).

Rules kept here:
- each run leaves a mark (account, modseq, now), so that a later run knows what is old without dates on tombstones;
- purging raises ``Account.history_modseq`` under the account's lock before anything goes, so a client with an older
  state
  hears cannotCalculateChanges and never half a list;
- rows go in slices; other apps purge their history on the signal ``history_purged``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone

from jmap.conf import OptionsReader, option
from jmap.models import Account, HistoryMark, Tombstone, TypeState
from jmap.signals import history_purged
from jmap.store import Writer, writing, writing_slice

SLICE = 1_000


@dataclass(frozen=True, slots=True)
class HistoryOptions:
    """How long changes are remembered: ``JMAP["HISTORY"]``."""

    days: int = option(90, minimum=1)
    """A client that was away for longer fetches everything anew."""


history_options = OptionsReader(HistoryOptions, section="HISTORY")


def purge(now: datetime | None = None) -> int:
    """Mark where every account is now and purge what is older than the kept history; returns how many tombstones
    went.
    """
    moment = now or timezone.now()
    _mark(moment)
    old = HistoryMark.objects.filter(at__lte=moment - timedelta(days=history_options().days))
    purged = 0
    for account_id, modseq in old.values("account_id").annotate(last=Max("modseq")).values_list("account_id", "last"):
        mark = HistoryMark.objects.get(account_id=account_id, modseq=modseq)
        purged += _purge_account(mark)
        HistoryMark.objects.filter(account_id=account_id, modseq__lte=modseq).delete()
    return purged


def end(writer: Writer, type_name: str) -> None:
    """Let no state of a type from before this transaction be answered with changes: what it stood for was wrong, so
    clients fetch everything anew (RFC 8620 §5.2).
    """
    modseq = writer.next(type_name)
    TypeState.objects.update_or_create(
        account_id=writer.account_id,
        type=type_name,
        defaults={"history_modseq": modseq},
        create_defaults={"modseq": modseq, "history_modseq": modseq},
    )


def _mark(moment: datetime) -> None:
    """One mark for each account that changed since its last one, read under its lock."""
    last = dict(HistoryMark.objects.values("account_id").annotate(last=Max("modseq")).values_list("account_id", "last"))
    for account_id, seen in Account.objects.values_list("pk", "modseq").iterator():
        if last.get(account_id) == seen or not seen:
            continue
        with writing(account_id) as writer:
            states = dict(TypeState.objects.filter(account_id=account_id).values_list("type", "modseq"))
            HistoryMark.objects.update_or_create(
                account_id=account_id, modseq=writer.modseq, defaults={"states": states, "at": moment}
            )


def _purge_account(mark: HistoryMark) -> int:
    account_id, modseq = mark.account_id, mark.modseq
    purged, last = 0, SLICE
    while last == SLICE:
        with writing_slice(account_id):
            for name, seen in mark.states.items():
                known = TypeState.objects.filter(account_id=account_id, type=name, history_modseq__lt=seen)
                known.update(history_modseq=seen)
            keys = list(
                Tombstone.objects.filter(account_id=account_id, modseq__lte=modseq).values_list("pk", flat=True)[:SLICE]
            )
            Tombstone.objects.filter(pk__in=keys).delete()
            last = len(keys)
            purged += last
    history_purged.send(sender=None, account_id=account_id, modseq=modseq)
    return purged
