"""What the pages of mail out share: what services refuse, and finding rows by whose they are."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from jmap.admin.base import ServiceAdmin
from mail.admin.finding import account_keys
from submission.services import errors

FIND_BY_OWNER = gettext_lazy("An address, the name of an owner, or an account id (u…).")


class OfAccounts:
    """A list whose rows belong to accounts and are found by those."""

    search_fields: Any = ("account",)
    search_help_text: Any = FIND_BY_OWNER

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The rows of accounts."""
        for word in search_term.split():
            queryset = queryset.filter(account__in=account_keys(word))
        return queryset, False


class SubmissionAdmin(OfAccounts, ServiceAdmin):
    """A page over the services of mail out."""

    refusals: Any = (errors.SubmissionError,)

    def explain(self, refusal: Exception) -> tuple[str | None, str]:
        """The field at fault and why."""
        said = f"{str(refusal)[:1].upper()}{str(refusal)[1:]}."
        if isinstance(refusal, errors.ForbiddenFrom):
            return "email", said
        if isinstance(refusal, errors.Invalid):
            return refusal.properties[0], said
        return None, said

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What belongs to a destroyed account waits for its purge."""
        allowed = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.account.destroyed_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """See ``has_change_permission``."""
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.account.destroyed_at is None)
