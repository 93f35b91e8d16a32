"""Octets that are lost, damaged, or nobody's (``jmap.blobs.checking``), and which emails are lost with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from jmap.blobs import checking
from jmap.blobs.checking import BlobFault, Wrong
from jmap.ids import encode
from mail.checking.fault import Fault
from mail.models import Email, RetainedEmail

_SAID = {
    Wrong.MISSING: "its octets are lost",
    Wrong.DAMAGED: "its octets are not those that were stored",
    Wrong.ORPHAN: "these octets have no row",
    Wrong.OVERDUE: "nothing needs it, and its time is long over: does the collector run?",
}


def find(account_id: int, blob_ids: Sequence[int], is_quick: bool) -> list[Fault]:
    """What is wrong with blobs of an account."""
    return _named(account_id, checking.find(blob_ids, is_quick))


def find_orphans(account_id: int) -> Iterator[list[Fault]]:
    """Objects of an account that have no row, in slices."""
    return (_named(account_id, faults) for faults in checking.find_orphans(account_id))


def mend(faults: Iterable[Fault]) -> list[Fault]:
    """Mend what can be mended; returns what was."""
    return [fault for fault in faults if checking.mend(fault.data[0])]


def _named(account_id: int, faults: Sequence[BlobFault]) -> list[Fault]:
    if not faults:
        return []
    names = _emails_of([fault.blob_id for fault in faults if fault.blob_id is not None])
    return [Fault(str(fault.wrong), account_id, _about(fault, names), _SAID[fault.wrong], (fault,)) for fault in faults]


def _about(fault: BlobFault, names: dict[int, list[str]]) -> str:
    if fault.blob_id is None:
        return f"object {fault.key.digest.hex()}"
    about = f"blob {encode('b', fault.blob_id)}"
    emails = names.get(fault.blob_id)
    return f"{about} of {', '.join(emails)}" if emails else about


def _emails_of(blob_ids: Sequence[int]) -> dict[int, list[str]]:
    names: dict[int, list[str]] = defaultdict(list)
    for blob, key in Email.objects.filter(blob_id__in=blob_ids).order_by("pk").values_list("blob_id", "pk"):
        names[blob].append(f"email {encode('e', key)}")
    kept = RetainedEmail.objects.filter(blob_id__in=blob_ids).order_by("pk")
    for blob, key in kept.values_list("blob_id", "email_key"):
        names[blob].append(f"destroyed email {encode('e', key)}")
    return names
