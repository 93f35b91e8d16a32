"""Addresses that are no account's own: aliases for several, for groups and for people elsewhere, and catch-alls.

Rules kept here:
- targets are addresses, kept in the form in which they are looked up; of our own ones an alias follows the account that
  has the address when mail arrives, so one may come and go without the aliases that name it;
- ``@example.org`` is the catch-all of a domain: what no other address of it takes.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from mail.models import Address, AddressTarget
from mail.services.accounts import domain_of, normalized_domain, split_address
from mail.services.errors import AddressTaken, InvalidAddress, InvalidTarget, MayNot

MAX_TARGETS = 1_000


def split_alias(address: str) -> tuple[str, str]:
    """(local part, domain) of an alias in the form in which they are stored. Raises InvalidAddress."""
    text = address.strip()
    return ("", normalized_domain(text[1:])) if text.startswith("@") else split_address(text)


def create(address: str, targets: Iterable[str]) -> Address:
    """A new alias; ``@example.org`` is the catch-all of a domain, which has to be one of this site.

    Raises InvalidAddress, AddressTaken, InvalidTarget.
    """
    local, domain_name = split_alias(address)
    domain = domain_of(domain_name)
    try:
        with transaction.atomic():
            made = Address.objects.create(domain=domain, local_part=local, account=None)
            set_targets(made, targets)
    except IntegrityError as error:
        taken = {"address": f"{local}@{domain.name}"}
        raise AddressTaken(_("%(address)s is an address already") % taken) from error
    return made


def set_targets(alias: Address, targets: Iterable[str]) -> None:
    """Let an alias lead to these addresses and no others. Raises InvalidTarget, MayNot for an account's own address."""
    if alias.account_id is not None:
        raise MayNot(_("%(address)s is the address of an account") % {"address": alias})
    wanted = list(dict.fromkeys("@".join(_target(target)) for target in targets))
    if not 1 <= len(wanted) <= MAX_TARGETS:
        raise InvalidTarget(_("an alias leads to at least one address and to %d at most") % MAX_TARGETS)
    if str(alias) in wanted:
        raise InvalidTarget(_("%(address)s would lead to itself") % {"address": alias})
    with transaction.atomic():
        held = set(alias.targets.values_list("target", flat=True))
        alias.targets.exclude(target__in=wanted).delete()
        AddressTarget.objects.bulk_create(
            AddressTarget(address=alias, target=target) for target in wanted if target not in held
        )


def remove(alias: Address) -> None:
    """Receive no more mail for an alias. Raises MayNot for an account's own address."""
    if alias.account_id is not None:
        raise MayNot(_("%(address)s is the address of an account") % {"address": alias})
    Address.objects.filter(pk=alias.pk, account=None).delete()


def _target(text: str) -> tuple[str, str]:
    try:
        local, domain = split_address(text)
    except InvalidAddress as error:
        raise InvalidTarget(str(error)) from error
    return local, domain
