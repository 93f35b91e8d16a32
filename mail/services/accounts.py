"""Domains, accounts and addresses: what a site has before any mail arrives.

Rules kept here:
- an account is made with its mailboxes and its primary address in one transaction;
- addresses are stored in the form in which they are looked up (lowercase local part, A-label domain);
- an account that is in use has exactly one primary address;
- whoever follows the addresses of accounts hears of a change in its transaction (``mail.signals``);
- of an account row only the columns that change are written, since a whole one would set its modseq back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from jmap import access
from jmap.models import Account, AccountAccess
from jmap.store import writing
from mail.models import Address, Domain, Role
from mail.services import mailboxes, quotas
from mail.services.errors import AddressTaken, DomainInUse, InvalidAddress, MayNot, PrimaryAddress, UserTaken
from mail.services.mailboxes import Node
from mail.signals import addresses_changed

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


def normalized_local(local: str) -> str:
    """The form in which local parts are compared: lowercase, and composed characters (RFC 6532 §3.1)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())


def split_address(address: str) -> tuple[str, str]:
    """(local part, domain) of an address in the form in which they are stored. Raises InvalidAddress."""
    local, at, domain = address.strip().rpartition("@")
    if not at or not 1 <= len(local) <= 64 or any(c <= " " or c in '"(),:;<>@[\\]\x7f' for c in local):
        raise InvalidAddress(_("%(address)s is not an address") % {"address": address[:80]})
    return normalized_local(local), normalized_domain(domain)


def create_domain(name: str) -> Domain:
    """The domain of that name, made if it is not there yet. Raises InvalidAddress."""
    return Domain.objects.get_or_create(name=normalized_domain(name))[0]


def change_domain(domain: Domain, is_active: bool) -> None:
    """Receive mail for a domain, or stop."""
    Domain.objects.filter(pk=domain.pk).update(is_active=is_active)


def remove_domain(domain: Domain) -> None:
    """Remove a domain that has no addresses. Raises DomainInUse."""
    try:
        with transaction.atomic():
            if Address.objects.filter(domain=domain).exists():
                raise DomainInUse(_("%(domain)s still has addresses") % {"domain": domain.name})
            Domain.objects.filter(pk=domain.pk).delete()
    except IntegrityError as error:
        raise DomainInUse(_("%(domain)s still has addresses") % {"domain": domain.name}) from error


def create_account(*, user: Any, address: str, display_name: str = "") -> Account:
    """A new account of a user with the mailboxes that every client expects and its primary address.

    The domain has to be there. Raises InvalidAddress, AddressTaken.
    """
    local, domain = _local_and_domain(address)
    with transaction.atomic():
        account = Account.objects.create(user=user, name=display_name or f"{local}@{domain.name}")
        made = _insert_address(account, local, domain, is_primary=True)
        quotas.join_domain(account.pk, domain.pk)
        create_default_mailboxes(account)
        _tell(account.pk, made)
    return account


def create_user_and_account(
    *, username: str, password: str | None, address: str, display_name: str = "", **fields: Any
) -> Account:
    """A new user of the project's user model together with their account, both or neither.

    Without a password the user signs in by credentials alone. ``fields`` are others that the user model wants. Raises
    UserTaken, InvalidAddress, AddressTaken.
    """
    model: Any = get_user_model()
    with transaction.atomic():
        try:
            with transaction.atomic():
                user = model._default_manager.create_user(
                    **{model.USERNAME_FIELD: username}, password=password, **fields
                )
        except IntegrityError as error:
            raise UserTaken(_("a user named %(name)s is there already") % {"name": username}) from error
        return create_account(user=user, address=address, display_name=display_name)


def change_account(account: Account, *, name: str, is_active: bool) -> None:
    """Name an account, and let people in or not; its mail is kept. Raises MayNot for a destroyed one."""
    if not Account.objects.filter(pk=account.pk, destroyed_at=None).update(name=name, is_active=is_active):
        raise MayNot(_("the account is destroyed"))
    access.changed(account_keys=[account.pk])


def activate(account_keys: Iterable[int], is_active: bool) -> int:
    """Let people into accounts, or keep them out; returns how many changed. Destroyed ones stay shut."""
    keys = list(account_keys)
    wanted = Account.objects.filter(pk__in=keys, destroyed_at=None, is_active=not is_active)
    changed = wanted.update(is_active=is_active)
    access.changed(account_keys=keys)
    return changed


def share(account: Account, user: Any, *, is_read_only: bool) -> None:
    """Let another user into an account, or change what they may do there. Raises MayNot for its owner."""
    if account.user_id == user.pk:
        raise MayNot(_("the account belongs to %(name)s") % {"name": user.get_username()})
    AccountAccess.objects.update_or_create(account=account, user=user, defaults={"is_read_only": is_read_only})


def unshare(account: Account, user_key: Any) -> None:
    """Keep a user out of an account that is not their own."""
    AccountAccess.objects.filter(account=account, user_id=user_key).delete()


def add_address(account: Account, address: str, *, is_primary: bool = False) -> Address:
    """One more address of an account; the first one is its primary address.

    Raises InvalidAddress, AddressTaken, MayNot for a destroyed account.
    """
    local, domain = _local_and_domain(address)
    with transaction.atomic():
        with writing(account.pk):
            if not Account.objects.filter(pk=account.pk, destroyed_at=None).exists():
                raise MayNot(_("the account is destroyed"))
            if not is_primary:
                is_primary = not Address.objects.filter(account=account, is_primary=True).exists()
            made = _insert_address(account, local, domain, is_primary=False)
            if is_primary:
                _make_primary(made)
        _tell(account.pk, made)
    return made


def set_primary(address: Address) -> None:
    """Make an address the primary one of its account. Raises MayNot for an alias."""
    if address.account_id is None:
        raise MayNot(_("%(address)s is no account's own address") % {"address": address})
    with transaction.atomic():
        with writing(address.account_id):
            _make_primary(address)
        _tell(address.account_id)


def remove_address(address: Address) -> None:
    """Receive no more mail for an address of an account.

    Raises PrimaryAddress where it is the primary one of an account that is not destroyed, MayNot for an alias.
    """
    if address.account_id is None:
        raise MayNot(_("%(address)s is no account's own address") % {"address": address})
    with transaction.atomic():
        with writing(address.account_id):
            held = Address.objects.filter(pk=address.pk)
            if held.filter(is_primary=True, account__destroyed_at=None).exists():
                raise PrimaryAddress(_("%(address)s is the primary address of its account") % {"address": address})
            held.delete()
        _tell(address.account_id)


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


def _local_and_domain(address: str) -> tuple[str, Domain]:
    local, domain_name = split_address(address)
    return local, domain_of(domain_name)


def domain_of(name: str) -> Domain:
    """The domain of this site of that name. Raises InvalidAddress."""
    domain = Domain.objects.filter(name=name).first()
    if domain is None:
        raise InvalidAddress(_("%(domain)s is not a domain of this site") % {"domain": name})
    return domain


def _insert_address(account: Account, local: str, domain: Domain, is_primary: bool) -> Address:
    try:
        with transaction.atomic():
            return Address.objects.create(domain=domain, local_part=local, account=account, is_primary=is_primary)
    except IntegrityError as error:
        taken = {"address": f"{local}@{domain.name}"}
        raise AddressTaken(_("%(address)s is an address already") % taken) from error


def _tell(account_id: int, *added: Address) -> None:
    addresses_changed.send(sender=None, account_id=account_id, added=[address.pk for address in added])


def _make_primary(address: Address) -> None:
    """Under the account's lock: first none is primary, then this one is, since there is never more than one."""
    assert address.account_id is not None
    Address.objects.filter(account_id=address.account_id, is_primary=True).update(is_primary=False)
    Address.objects.filter(pk=address.pk).update(is_primary=True)
    quotas.join_domain(address.account_id, address.domain_id)
    address.is_primary = True
