"""Identities, and what an account may send from (RFC 8621 §6).

Rules kept here:
- an identity is of an own address, with or without a tag, of an address in a domain that was granted, or ``*@`` such
  a domain itself;
- every address of an account has an identity from the start; the first one of the primary address cannot be deleted;
- an identity that may no longer be sent from is destroyed with the right to it;
- rights are read under the account's lock, so that none is used after it was taken away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.utils.translation import gettext as _

from jmap.models import Account, Tombstone
from jmap.store import Writer, writing
from mail.models import Address, Domain
from mail.services.delivery.conf import delivery_options
from submission.addresses import BadAddress, parse_mailbox
from submission.models import DomainGrant, Identity
from submission.services.errors import ForbiddenFrom, Invalid, MayNotDelete, NotFound, SubmissionError

FIELDS = ("name", "email", "reply_to", "bcc", "text_signature", "html_signature")
"""What a client says of an identity; all but the address may change."""

MAX_NAME = 255
MAX_SIGNATURE = 100_000
"""Characters of a signature."""
MAX_ADDRESSES = 100
"""Addresses in reply_to and in bcc."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may send from: addresses by ``SmtpMailbox.key``, and domains as A-labels."""

    addresses: frozenset[str]
    domains: frozenset[str]

    def allow(self, address: str) -> bool:
        """Whether a letter may come from that address."""
        try:
            mailbox = parse_mailbox(address)
        except BadAddress:
            return False
        base = mailbox.without_tag(delivery_options().separator)
        return not {mailbox.key, base.key}.isdisjoint(self.addresses) or mailbox.domain in self.domains

    def allow_identity(self, email: str) -> bool:
        """Whether an identity may have that address, which may stand for a whole domain (``*@example.org``)."""
        domain = wildcard_domain(email)
        return domain in self.domains if domain is not None else self.allow(email)


def rights(account_id: int) -> Rights:
    """What an account may send from."""
    own = Address.objects.filter(account_id=account_id).values_list("local_part", "domain__name")
    # One statement for both; "@" stands in no local part of this site.
    granted = DomainGrant.objects.filter(account_id=account_id).values_list(Value("@"), "domain__name")
    rows = list(own.union(granted, all=True))
    return Rights(
        frozenset(f"{local}@{domain}" for local, domain in rows if local != "@"),
        frozenset(domain for local, domain in rows if local == "@"),
    )


def wildcard_domain(email: str) -> str | None:
    """The domain of ``*@domain`` as an A-label; None for any other address."""
    if not email.startswith("*@"):
        return None
    try:
        return parse_mailbox(f"x@{email[2:]}").domain
    except BadAddress:
        return None


def covers(email: str, address: str) -> bool:
    """Whether an identity of ``email`` allows an address (RFC 8621 §6, §7)."""
    try:
        mailbox = parse_mailbox(address)
        domain = wildcard_domain(email)
        return mailbox.domain == domain if domain is not None else mailbox.key == parse_mailbox(email).key
    except BadAddress:
        return False


# ----------------------------------------------------------------------------------------------------- what clients do


def create(writer: Writer, wanted: Sequence[Mapping[str, Any]]) -> list[Identity | SubmissionError]:
    """New identities, each a map of FIELDS with an email; what is refused stands in the answer in its place."""
    allowed = rights(writer.account_id) if wanted else None
    answer: list[Identity | SubmissionError] = []
    for fields in wanted:
        try:
            check(fields)
            if allowed is None or not allowed.allow_identity(fields["email"]):
                raise ForbiddenFrom(fields["email"])
        except SubmissionError as refusal:
            answer.append(refusal)
        else:
            answer.append(_new(writer, **{name: fields[name] for name in FIELDS if name in fields}))
    Identity.objects.bulk_create([one for one in answer if isinstance(one, Identity)])
    return answer


def update(writer: Writer, wanted: Mapping[int, Mapping[str, Any]]) -> dict[int, SubmissionError]:
    """Change identities, each by a map of fields; what was refused, by key. What changes nothing moves no state."""
    refused: dict[int, SubmissionError] = {}
    changed: list[Identity] = []
    rows = {row.pk: row for row in Identity.objects.filter(account_id=writer.account_id, pk__in=wanted)}
    for key, fields in wanted.items():
        row = rows.get(key)
        if row is None:
            refused[key] = NotFound()
            continue
        try:
            check(fields)
            if "email" in fields and fields["email"] != row.email:
                raise Invalid(_("the address of an identity does not change"), "email")
        except SubmissionError as refusal:
            refused[key] = refusal
            continue
        if any(getattr(row, name) != value for name, value in fields.items()):
            for name, value in fields.items():
                setattr(row, name, value)
            row.modseq = writer.next("Identity")
            changed.append(row)
    Identity.objects.bulk_update(changed, (*FIELDS, "modseq"))
    return refused


def destroy(writer: Writer, keys: Iterable[int]) -> dict[int, SubmissionError]:
    """Destroy identities; what was refused, by key. What was sent as one of them goes on as it was."""
    wanted = list(dict.fromkeys(keys))
    rows = {row.pk: row for row in Identity.objects.filter(account_id=writer.account_id, pk__in=wanted)}
    refused: dict[int, SubmissionError] = {key: NotFound() for key in wanted if key not in rows}
    for key, row in rows.items():
        if not row.may_delete:
            refused[key] = MayNotDelete(_("this identity belongs to the account's own address"))
    _destroy(writer, [row for key, row in rows.items() if key not in refused])
    return refused


def check(fields: Mapping[str, Any]) -> None:
    """Raise Invalid for fields that no identity can have."""
    bad = [name for name, value in fields.items() if not _is_valid(name, value)]
    if bad:
        raise Invalid(_("not valid: %s") % ", ".join(bad), *bad)


def _is_valid(name: str, value: Any) -> bool:
    if name == "name":
        return len(value) <= MAX_NAME and value.isprintable()
    if name in ("text_signature", "html_signature"):
        return len(value) <= MAX_SIGNATURE and "\0" not in value
    if name in ("reply_to", "bcc"):
        return value is None or (len(value) <= MAX_ADDRESSES and all(map(_is_address, value)))
    return bool(len(value) <= 320 and "\0" not in value)


def _is_address(value: Mapping[str, str | None]) -> bool:
    try:
        parse_mailbox(value["email"] or "")
    except BadAddress:
        return False
    return (value["name"] or "").isprintable()


# ---------------------------------------------------------------------------------------- what follows from the rights


def follow_addresses(account_id: int, added: Iterable[int] = ()) -> None:
    """Bring identities in step with the account's addresses and grants; ``added``: keys of addresses that are new."""
    with writing(account_id) as writer:
        fresh = list(Address.objects.filter(pk__in=list(added), account_id=account_id).select_related("domain"))
        name = _default_name(Account.objects.get(pk=account_id)) if fresh else ""
        made = [_new(writer, name=name, email=str(one), may_delete=not one.is_primary) for one in fresh]
        Identity.objects.bulk_create(made)
        allowed = rights(account_id)
        rows = list(Identity.objects.filter(account_id=account_id).order_by("pk"))
        lost = [row for row in rows if not allowed.allow_identity(row.email)]
        _destroy(writer, lost)
        _keep_primary(writer, [row for row in rows if row not in lost])


def _keep_primary(writer: Writer, rows: Sequence[Identity]) -> None:
    """Let the first identity of the primary address, and no other one, be there for good."""
    primary = Address.objects.filter(account_id=writer.account_id, is_primary=True).select_related("domain").first()
    first = next((row for row in rows if primary is not None and covers(row.email, str(primary))), None)
    changed = [row for row in rows if row.may_delete == (row is first)]
    for row in changed:
        row.may_delete = row is not first
        row.modseq = writer.next("Identity")
    Identity.objects.bulk_update(changed, ("may_delete", "modseq"))


def grant_domain(account: Account, domain: Domain) -> DomainGrant:
    """Let an account send from every address of a domain; it gets an identity for that."""
    with transaction.atomic(), writing(account.pk) as writer:
        grant, is_new = DomainGrant.objects.get_or_create(account=account, domain=domain)
        if is_new:
            _new(writer, name=_default_name(account), email=f"*@{domain.name}").save()
    return grant


def revoke_domain(grant: DomainGrant) -> None:
    """Take the right to a domain back; identities that only it allowed are destroyed."""
    with transaction.atomic():
        with writing(grant.account_id):
            DomainGrant.objects.filter(pk=grant.pk).delete()
        follow_addresses(grant.account_id)


def _default_name(account: Account) -> str:
    """An account is named by its owner, or after its address, which is no name for a letter."""
    return "" if "@" in account.name or not account.name.isprintable() else account.name


def _new(writer: Writer, **fields: Any) -> Identity:
    modseq = writer.next("Identity")
    return Identity(account_id=writer.account_id, created_modseq=modseq, modseq=modseq, **fields)


def _destroy(writer: Writer, rows: Sequence[Identity]) -> None:
    Tombstone.objects.bulk_create(
        Tombstone(
            account_id=writer.account_id,
            type="Identity",
            object_id=row.pk,
            created_modseq=row.created_modseq,
            modseq=writer.next("Identity"),
        )
        for row in rows
    )
    Identity.objects.filter(pk__in=[row.pk for row in rows]).delete()
