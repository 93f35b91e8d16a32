"""The walk over accounts: every check of every account, then what belongs to the whole site.

Rules kept here:
- account by account, slice by slice; the order of the checks is that of what is derived from what, so that one run
  mends what follows from a fault too;
- an account that goes meanwhile is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Model

from jmap.blobs import checking
from jmap.models import Account
from jmap.protocol.errors import MethodError
from mail.checking import blobs, leftovers, usage
from mail.checking.days import AccountDays, MailboxDays
from mail.checking.derived import Contents, SearchEntries
from mail.checking.fault import Check, Fault, Walk
from mail.checking.heads import Heads
from mail.checking.homeless import Homeless
from mail.checking.keywords import KeywordMarks
from mail.checking.mailboxes import MailboxCounters
from mail.checking.memberships import Differing, WithoutEmail, WithoutMailbox
from mail.checking.threads import Holdings, References, ThreadCounts
from mail.checking.usage import Usage
from mail.models import Domain, Email, Mailbox, Quota, Thread

CHECKS: tuple[Check, ...] = (
    WithoutEmail(),
    WithoutMailbox(),
    Homeless(),
    Differing(),
    KeywordMarks(),
    Heads(),
    ThreadCounts(),
    References(),
    Holdings(),
    MailboxCounters(),
    MailboxDays(),
    AccountDays(),
    Contents(),
    SearchEntries(),
    Usage(),
)

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault, and whether it is mended."""

    fault: Fault
    is_mended: bool


@dataclass(slots=True)
class Report:
    """Everything that was found."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def lasting(self) -> list[Fault]:
        """The faults that are there still."""
        return [finding.fault for finding in self.findings if not finding.is_mended]

    def add(self, found: Sequence[Fault], left: Sequence[Fault]) -> None:
        """Count what was found, and what of it is left after mending."""
        still = set(map(_name, left))
        self.findings += [Finding(fault, _name(fault) not in still) for fault in found]


def size_of(account: Account) -> int:
    """How many keys a run looks at in an account, for a progress bar."""
    sizes = {walk: len(_keys(account.pk, walk)) for walk in Walk}
    return len(checking.keys_of(account.pk)) + sum(sizes[check.walk] for check in CHECKS)


def check_account(
    account: Account,
    report: Report,
    *,
    is_quick: bool = False,
    mend: bool = False,
    progress: Progress = lambda count: None,
) -> None:
    """Check one account, and mend what is wrong where ``mend`` says so."""
    try:
        _check_blobs(account.pk, report, is_quick, mend, progress)
        for check in CHECKS:
            for keys in _slices(_keys(account.pk, check.walk), check.walk.value):
                _run(check, account.pk, keys, report, mend)
                progress(len(keys))
    except MethodError as error:
        if error.type != "accountNotFound":
            raise


def check_site(report: Report, *, only: Account | None = None, mend: bool = False) -> None:
    """Check what accounts share; of one account alone what concerns it."""
    left = leftovers.find(only.pk if only else None)
    if left and mend:
        leftovers.mend(left)
    report.add(left, leftovers.find(only.pk if only else None) if left and mend else left)
    domains = Domain.objects.all()
    if only is not None:
        domains = domains.filter(pk__in=Quota.objects.filter(account=only, domain__isnull=False).values("domain"))
    keys = list(domains.order_by("pk").values_list("pk", flat=True))
    for some in _slices(keys, Walk.EMAIL.value):
        found = usage.find_domains(some)
        if found and mend:
            usage.mend_domains(some)
        report.add(found, usage.find_domains(some) if found and mend else found)


def _run(check: Check, account_id: int, keys: Sequence[int], report: Report, mend: bool) -> None:
    found = check.confirm(account_id, keys)
    if found and mend:
        check.repair(account_id, keys)
        report.add(found, check.confirm(account_id, keys))
    else:
        report.add(found, found)


def _check_blobs(account_id: int, report: Report, is_quick: bool, mend: bool, progress: Progress) -> None:
    for keys in _slices(checking.keys_of(account_id), checking.SLICE):
        _mend_blobs(blobs.find(account_id, keys, is_quick), report, mend)
        progress(len(keys))
    for found in blobs.find_orphans(account_id):
        _mend_blobs(found, report, mend)


def _mend_blobs(found: list[Fault], report: Report, mend: bool) -> None:
    mended = {_name(fault) for fault in blobs.mend(found)} if mend else set()
    report.add(found, [fault for fault in found if _name(fault) not in mended])


def _keys(account_id: int, walk: Walk) -> list[int]:
    if walk is Walk.ACCOUNT:
        return [account_id]
    rows = _MODELS[walk]._default_manager.filter(account_id=account_id)
    return sorted(rows.values_list("pk", flat=True))


_MODELS: dict[Walk, type[Model]] = {Walk.EMAIL: Email, Walk.THREAD: Thread, Walk.MAILBOX: Mailbox}


def _slices(keys: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))


def _name(fault: Fault) -> tuple[str, int | None, str]:
    return fault.kind, fault.account_id, fault.about
