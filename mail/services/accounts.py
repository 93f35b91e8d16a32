"""Domains, accounts and addresses: what a site has before any mail arrives.

Rules kept here: an account is made with its mailboxes and its primary address in one transaction; addresses are
stored in
the form in which they are looked up (lowercase local part, A-label domain).
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from jmap.models import Account
from jmap.store import writing
from mail.models import Address, Domain, Role
from mail.services import mailboxes
from mail.services.errors import AddressTaken, InvalidAddress
from mail.services.mailboxes import Node

DEFAULT_MAILBOXES = (Role.INBOX, Role.DRAFTS, Role.SENT, Role.ARCHIVE, Role.JUNK, Role.TRASH)


def normalized_domain(name: str) -> str:
    """The lowercase A-label form of a domain name. Raises InvalidAddress."""
    try:
        ascii_name = name.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError as error:
        raise InvalidAddress(_("%(name)s is not a domain name") % {"name": name[:80]}) from error
    labels = ascii_name.split(".")
    if not ascii_name or len(ascii_name) > 253 or not all(_is_label(label) for label in labels):
        raise InvalidAddress(_("%(name)s is not a domain name") % {"name": name[:80]})
    return ascii_name


def split_address(address: str) -> tuple[str, str]:
    """(local part, domain) of an address in the form in which they are stored. Raises InvalidAddress."""
    local, at, domain = address.strip().rpartition("@")
    if not at or not 1 <= len(local) <= 64 or any(c <= " " or c in '"(),:;<>@[\\]\x7f' for c in local):
        raise InvalidAddress(_("%(address)s is not an address") % {"address": address[:80]})
    return local.lower(), normalized_domain(domain)


def create_domain(name: str) -> Domain:
    """The domain of that name, made if it is not there yet. Raises InvalidAddress."""
    return Domain.objects.get_or_create(name=normalized_domain(name))[0]


def create_account(*, user: Any, address: str, display_name: str = "") -> Account:
    """A new account of a user with the mailboxes that every client expects and its primary address.

    The domain has to be there. Raises InvalidAddress, AddressTaken.
    """
    local, domain_name = split_address(address)
    domain = Domain.objects.filter(name=domain_name).first()
    if domain is None:
        raise InvalidAddress(_("%(domain)s is not a domain of this site") % {"domain": domain_name})
    with transaction.atomic():
        account = Account.objects.create(user=user, name=display_name or f"{local}@{domain_name}")
        try:
            with transaction.atomic():
                Address.objects.create(domain=domain, local_part=local, account=account, is_primary=True)
        except IntegrityError as error:
            raise AddressTaken(_("%(address)s belongs to an account already") % {"address": address}) from error
        create_default_mailboxes(account)
    return account


def create_default_mailboxes(account: Account) -> None:
    """Give an account the mailboxes with roles that clients rely on, where it lacks them."""
    with writing(account.pk) as writer:
        present = mailboxes.load(account.pk, account.user_id, owned=True)
        held = {node.role for node in present.values()}
        wanted = {
            role.value: Node(str(role.label), None, role.value, order * 10, True)
            for order, role in enumerate(DEFAULT_MAILBOXES, 1)
            if role.value not in held
        }
        mailboxes.apply(writer, account.user_id, present, wanted, {}, [])


def _is_label(label: str) -> bool:
    return 1 <= len(label) <= 63 and all(c.isalnum() or c in "-_" for c in label) and not label.startswith("-")


def find(name: str) -> Account:
    """The account of an address, or of the user of that name. Raises InvalidAddress."""
    if "@" in name:
        local, domain = split_address(name)
        found = Account.objects.filter(addresses__local_part=local, addresses__domain__name=domain).first()
        if found is not None:
            return found
    username = get_user_model().USERNAME_FIELD
    own = Account.objects.filter(**{f"user__{username}": name}, destroyed_at=None).order_by("pk").first()
    if own is None:
        raise InvalidAddress(_("there is no account of %(name)s") % {"name": name})
    return own
