"""Finding accounts by what operators type: an address or the beginning of one, a user's name, an account id."""

from __future__ import annotations

from django.db.models import Q

from jmap.admin.users import MOST_FOUND, accounts_of, user_lookup
from jmap.models import Account
from mail.models import Address, Domain
from mail.services.accounts import normalized_domain
from mail.services.errors import InvalidAddress


def addresses_like(word: str) -> Q:
    """Addresses that begin with a word, or are of a domain that does; a whole address is looked up in the index."""
    local, at, domain = word.lower().rpartition("@")
    if not at:
        domains = Domain.objects.filter(name__startswith=domain_form(domain))
        return Q(local_part__startswith=domain) | Q(domain__in=domains)
    named = Q(local_part=local) if local else Q()
    return named & Q(domain__in=Domain.objects.filter(name__startswith=domain_form(domain)))


def accounts_like(word: str) -> Q:
    """Accounts whose address or owner begins with a word; accounts are as many as people, not as emails."""
    return (
        Q(pk__in=Address.objects.filter(addresses_like(word)).values("account"))
        | Q(pk__in=Account.objects.filter(**{user_lookup("user", "startswith"): word}).values("pk"))
        | Q(pk__in=accounts_of(word))
    )


def account_keys(word: str) -> list[int]:
    """Keys of the accounts that a word stands for, the first MOST_FOUND."""
    return list(Account.objects.filter(accounts_like(word)).values_list("pk", flat=True)[:MOST_FOUND])


def domain_form(text: str) -> str:
    """What was typed of a domain as it would be stored."""
    try:
        return normalized_domain(text)
    except InvalidAddress:
        return text
