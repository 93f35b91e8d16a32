"""What accounts and domains hold, against their quotas (RFC 9425), counted anew.

Rules kept here: a domain is counted under its own lock; who changes what an account holds takes that lock last, in the
same transaction, so that what is committed agrees.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.models import Domain, Quota


class Usage(LockedCheck):
    """An account holds more or less than its quota says."""

    kind = "wrong-usage"
    walk = Walk.ACCOUNT

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        row = sql.usage(account_id)
        if row is None or tuple(row[:2]) == tuple(map(int, row[2:])):
            return []
        emails, octets = int(row[2]), int(row[3])
        detail = f"emails and octets are stored as {tuple(row[:2])}, counted as {(emails, octets)}"
        return [Fault(self.kind, account_id, "the quota", detail, (emails, octets))]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        for fault in faults:
            emails, octets = fault.data
            held = {"emails": emails, "octets": octets, "modseq": writer.next("Quota")}
            Quota.objects.update_or_create(account_id=writer.account_id, defaults=held)


KIND = "wrong-domain-usage"


def find_domains(domains: Sequence[int]) -> list[Fault]:
    """Domains that say they hold more or less than their accounts do together."""
    if not domains or not sql.domain_usage(domains):
        return []
    with transaction.atomic():
        return _counted(domains)


def mend_domains(domains: Sequence[int]) -> None:
    """Count such domains anew."""
    with transaction.atomic():
        for fault in _counted(domains):
            key, emails, octets = fault.data
            Domain.objects.filter(pk=key).update(emails=emails, octets=octets)


def _counted(domains: Sequence[int]) -> list[Fault]:
    list(Domain.objects.select_for_update(no_key=True).filter(pk__in=domains).order_by("pk"))
    return [
        Fault(
            KIND,
            None,
            f"domain {name}",
            f"emails and octets are stored as {(emails, octets)}, of its accounts as {(int(held), int(filled))}",
            (key, int(held), int(filled)),
        )
        for key, name, emails, octets, held, filled in sql.domain_usage(domains)
    ]
