"""What an envelope recipient stands for: accounts here, addresses elsewhere, or a refusal.

Rules kept here:
- case and the two forms of a domain do not matter; a local part is looked up whole, then without its tag, then as
  postmaster of the site, and last as the catch-all of its domain;
- an alias may lead to aliases; one that leads back to itself, or to more than is allowed, is refused where it does, and
  its other members get the mail;
- all recipients of a transaction are looked up at once: a statement for each level of aliases, not for each of them;
- what is read here takes no lock: whether there is room is judged again when the message is written.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mail.services.accounts import split_address
from mail.services.delivery import envelope as outcomes
from mail.services.delivery import sql
from mail.services.delivery.conf import DeliveryOptions, delivery_options
from mail.services.delivery.envelope import Outcome
from mail.services.delivery.forwarding import redirect
from mail.services.delivery.sql import Found
from mail.services.errors import InvalidAddress

MAX_DEPTH = 10
"""How many aliases may lead from one to the next."""

SITE_ROLES = ("postmaster", "abuse")
"""Names that every domain should have, and that the site's postmaster answers to (RFC 2142 §5)."""

Name = tuple[str, str]
"""(local part, domain) in the form in which they are stored."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An address of another site that an alias of ours leads to."""

    alias: str
    target: str


@dataclass(slots=True)
class Destination:
    """What one recipient stands for: accounts and addresses elsewhere, each once, and what is refused of it."""

    recipient: str
    accounts: dict[int, Found] = field(default_factory=dict)
    elsewhere: list[Elsewhere] = field(default_factory=list)
    refusals: list[tuple[str, Outcome]] = field(default_factory=list)
    """(address, why) of the recipient itself or of a member of an alias."""
    aliases: set[int] = field(default_factory=set)
    """The aliases that were followed already, each once however many lead to it."""

    @property
    def leads_nowhere(self) -> Outcome | None:
        """Why nobody at all would get the mail, or None."""
        if self.accounts or self.elsewhere:
            return None
        return self.refusals[0][1].to(self.recipient)


def check_recipient(address: str, size: int | None = None) -> Outcome | None:
    """Why a message, of so many octets if that is known, would not be accepted for an address now; None where it would.

    For RCPT and for an MTA that asks before it queues. An alias is fine as long as one of its members is.
    """
    return check_recipients([address], size)[0]


def check_recipients(addresses: Sequence[str], size: int | None = None) -> list[Outcome | None]:
    """``check_recipient`` of several at once, in their order."""
    if size is not None and size > delivery_options().max_size:
        return [outcomes.TOO_LARGE.to(address) for address in addresses]
    return [_check(destination, size or 0) for destination in resolve(addresses)]


def _check(destination: Destination, size: int) -> Outcome | None:
    if destination.leads_nowhere or destination.elsewhere:
        return destination.leads_nowhere
    if all(is_full(found, size) for found in destination.accounts.values()):
        return over_quota().to(destination.recipient)
    return None


def over_quota() -> Outcome:
    """What the sender hears of a full account (RFC 3463 §3.3, X.2.2)."""
    return outcomes.FULL_FOR_NOW if delivery_options().over_quota_is_temporary else outcomes.FULL


def is_full(found: Found, size: int) -> bool:
    """Whether an account, or its domain, had no room for one more email of that size when it was looked up."""
    limits = (
        (found.emails, found.max_emails, 1),
        (found.octets, found.max_octets, size),
        (found.domain_emails, found.domain_max_emails, 1),
        (found.domain_octets, found.domain_max_octets, size),
    )
    return any(most is not None and (held or 0) + more > most for held, most, more in limits)


def resolve(addresses: Sequence[str]) -> list[Destination]:
    """What each of these addresses stands for, in their order."""
    book = _AddressBook(delivery_options())
    starts = [book.name_of(address) for address in addresses]
    book.read(name for name in starts if name is not None)
    return [_destination(book, address, start) for address, start in zip(addresses, starts, strict=True)]


def _destination(book: _AddressBook, address: str, start: Name | None) -> Destination:
    destination = Destination(address)
    if target := redirect(address):
        destination.elsewhere.append(Elsewhere(address, target))
    elif start is None:
        destination.refusals.append((address, outcomes.BAD_ADDRESS))
    elif not book.entries[start]:
        destination.refusals.append((address, outcomes.NO_DOMAIN))
    else:
        book.follow(destination, start, ())
    return destination


class _AddressBook:
    """Names that were looked up, together with everything that they lead to."""

    def __init__(self, options: DeliveryOptions) -> None:
        self._options = options
        self.entries: dict[Name, list[Found]] = {}
        """The rows that a name stands for; none where its domain is not ours."""

    def name_of(self, address: str) -> Name | None:
        """An address as it is stored, or None where it is none. ``postmaster`` needs no domain (RFC 5321 §4.5.1)."""
        if address.lower() == "postmaster" and self._options.postmaster:
            address = self._options.postmaster
        try:
            return split_address(_unquoted(address))
        except InvalidAddress:
            return None

    def read(self, names: Iterable[Name]) -> None:
        """Look names up, and what they lead to, level by level."""
        wanted = set(names)
        for _depth in range(MAX_DEPTH + 1):
            fresh = sorted(wanted - self.entries.keys())
            if not fresh or len(self.entries) > self._options.max_members:
                return
            self._read_level(fresh)
            wanted = {_name(row.target) for name in fresh for row in self.entries[name] if row.target}

    def _read_level(self, names: Sequence[Name]) -> None:
        wanted = [(name, candidate) for name in names for candidate in self._candidates(name)]
        rows: dict[int, list[Found]] = defaultdict(list)
        for row in sql.names([(number, *candidate) for number, (_name, candidate) in enumerate(wanted)]):
            rows[row.number].append(row)
        for number, (name, candidate) in enumerate(wanted):
            if name == candidate or (self.entries[name] and self.entries[name][0].address is None and rows[number]):
                self.entries[name] = rows[number]

    def _candidates(self, name: Name) -> list[Name]:
        """Under which names to look, the best first."""
        local, domain = name
        found = [name]
        separator = self._options.separator
        base = local.partition(separator)[0] if separator else local
        if base and base != local:
            found.append((base, domain))
        if base in SITE_ROLES and self._options.postmaster:
            found.append(split_address(self._options.postmaster))
        found.append(("", domain))
        return found

    def follow(self, destination: Destination, name: Name, path: tuple[int, ...]) -> None:
        """Add what a name of this site stands for to a destination; ``path``: the aliases that led here."""
        rows = self.entries[name]
        address = "@".join(name)
        first = rows[0]
        if not first.is_domain_active:
            destination.refusals.append((address, outcomes.NO_DOMAIN))
        elif first.account is not None:
            if first.is_account_open:
                destination.accounts.setdefault(first.account, first)
            else:
                destination.refusals.append((address, outcomes.SUSPENDED))
        elif first.address is None or first.target is None:
            destination.refusals.append((address, outcomes.NO_USER))
        elif first.address in path:
            destination.refusals.append((address, outcomes.ALIAS_LOOP))
        elif first.address not in destination.aliases:
            destination.aliases.add(first.address)
            self._follow_targets(destination, rows, (*path, first.address), address)

    def _follow_targets(
        self, destination: Destination, rows: Sequence[Found], path: tuple[int, ...], alias: str
    ) -> None:
        for row in rows:
            name = _name(row.target or "")
            if len(path) > MAX_DEPTH or name not in self.entries or self._is_long(destination):
                destination.refusals.append(("@".join(name), outcomes.ALIAS_TOO_LONG))
            elif self.entries[name]:
                self.follow(destination, name, path)
            elif all(one.target != row.target for one in destination.elsewhere):
                destination.elsewhere.append(Elsewhere(alias, row.target or ""))

    def _is_long(self, destination: Destination) -> bool:
        members = len(destination.accounts) + len(destination.elsewhere) + len(destination.refusals)
        return members >= self._options.max_members


def _name(address: str) -> Name:
    local, _at, domain = address.rpartition("@")
    return local, domain


def _unquoted(address: str) -> str:
    """An address whose local part is quoted without need in its plain form (RFC 5321 §4.1.2)."""
    local, at, domain = address.rpartition("@")
    if len(local) > 2 and local[0] == local[-1] == '"' and "\\" not in local:
        return f"{local[1:-1]}{at}{domain}"
    return address
