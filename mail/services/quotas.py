"""What accounts and domains hold, and may hold (RFC 9425).

Rules kept here:
- what an account holds moves in the transaction that adds or removes emails, by the ledger alone, so that it is exact;
- an account is locked by its own lock; the domain, which accounts share, is locked last: one conditional UPDATE at the
  end of the transaction, so that nobody waits for it longer than a commit takes and nobody waits in a circle;
- what would not fit undoes the transaction (OverQuota); who wants to know beforehand asks ``room`` under the lock;
- taking mail away is always allowed, and so is a limit below what is held: nothing more comes in then.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import F
from django.utils.translation import gettext as _

from jmap.models import Account
from jmap.store import Writer, writing
from mail import sql
from mail.models import Domain, Quota
from mail.services.errors import OverQuota

USAGE = "usage"


@dataclass(slots=True)
class Usage:
    """What a transaction adds to an account, settled at its end."""

    emails: int = 0
    octets: int = 0

    def settle(self, writer: Writer) -> None:
        """Write it to account and domain. Raises OverQuota."""
        if not self.emails and not self.octets:
            return
        account_fits, domain_fits = sql.move_usage(writer.account_id, self.emails, self.octets, writer.next("Quota"))
        if not account_fits:
            raise OverQuota(_("the account is full"))
        if not domain_fits:
            raise OverQuota(_("the domain is full"))


@dataclass(slots=True)
class Room:
    """How much more may come into an account; None for no limit."""

    emails: int | None
    octets: int | None

    def take(self, octets: int) -> bool:
        """Claim room for one more email of that size; False where there is none."""
        if self.emails == 0 or (self.octets is not None and octets > self.octets):
            return False
        if self.emails is not None:
            self.emails -= 1
        if self.octets is not None:
            self.octets -= octets
        return True


def move(writer: Writer, emails: int, octets: int) -> None:
    """Count emails and octets that come into the account, or negative ones that go."""
    usage = writer.pending.setdefault(USAGE, Usage())
    assert isinstance(usage, Usage)
    usage.emails += emails
    usage.octets += octets


def room(writer: Writer) -> Room:
    """How much more may come in, until the end of this transaction.

    A domain with limits is locked, so that nobody takes its room meanwhile.
    """
    held = sql.usage(writer.account_id)
    if held is None:
        return Room(None, None)
    limits, domain_id, domain_is_limited = held
    rows = [limits]
    if domain_id is not None and domain_is_limited:
        domain = Domain.objects.select_for_update(no_key=True).get(pk=domain_id)
        rows.append((domain.max_emails, domain.emails, domain.max_octets, domain.octets))
    usage = writer.pending.get(USAGE, Usage())
    assert isinstance(usage, Usage)
    return Room(
        _least(_left(most, emails + usage.emails) for most, emails, _, _ in rows),
        _least(_left(most, octets + usage.octets) for _, _, most, octets in rows),
    )


def limit_account(account: Account, *, max_emails: int | None, max_octets: int | None) -> None:
    """Say how much mail an account may hold; None for no limit."""
    with writing(account.pk) as writer:
        quota, _made = Quota.objects.get_or_create(account_id=account.pk)
        if (quota.max_emails, quota.max_octets) == (max_emails, max_octets):
            return
        quota.modseq = quota.limits_modseq = writer.next("Quota")
        quota.max_emails, quota.max_octets = max_emails, max_octets
        quota.save(update_fields=("max_emails", "max_octets", "modseq", "limits_modseq"))


def limit_domain(domain: Domain, *, max_emails: int | None, max_octets: int | None) -> None:
    """Say how much mail the accounts of a domain may hold all together; None for no limit."""
    Domain.objects.filter(pk=domain.pk).update(max_emails=max_emails, max_octets=max_octets)


def join_domain(account_id: int, domain_id: int | None) -> None:
    """Count an account in a domain, and no longer in the one before; under the account's lock.

    Nothing is refused: a domain that is over its limits then takes no more mail.
    """
    quota, _made = Quota.objects.get_or_create(account_id=account_id)
    if quota.domain_id == domain_id:
        return
    Quota.objects.filter(pk=account_id).update(domain_id=domain_id)
    # In ascending order, so that two accounts that swap their domains do not wait for each other.
    for key, sign in sorted((key, sign) for key, sign in ((quota.domain_id, -1), (domain_id, 1)) if key is not None):
        Domain.objects.filter(pk=key).update(
            emails=F("emails") + sign * quota.emails, octets=F("octets") + sign * quota.octets
        )


def _left(limit: int | None, held: int) -> int | None:
    return None if limit is None else max(limit - held, 0)


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
