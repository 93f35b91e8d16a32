"""Sending limits and alarms in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jmap.admin.base import NeverRemoved, ServiceAdmin
from submission.admin.base import OfAccounts
from submission.models import SendingAlarm, SendingLimit
from submission.services import limits
from submission.services.errors import SubmissionError

_VALUES = (
    "messages_per_hour", "messages_per_day", "recipients_per_hour", "recipients_per_day", "is_suspended", "reason",
)  # fmt: skip


class SendingLimitForm(forms.ModelForm):
    """What may be sent; empty is without limit."""

    class Meta:
        model = SendingLimit
        fields = ("account", "domain", *_VALUES)
        help_texts = {
            "account": gettext_lazy(
                "Without account and domain it holds for every account without a limit of its own."
            ),
            "is_suspended": gettext_lazy("What an account has waiting is held too, until it is released in the queue."),
        }


@admin.register(SendingLimit)
class SendingLimitAdmin(ServiceAdmin):
    """Limits of accounts and domains, and the one of every account."""

    form = SendingLimitForm
    list_display = ("__str__", *_VALUES)
    list_select_related = ("account", "domain")
    list_filter = ("is_suspended",)
    autocomplete_fields = ("account", "domain")
    refusals = (SubmissionError,)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("account", "domain")

    def service_add(self, request: HttpRequest, form: Any) -> SendingLimit:
        given = form.cleaned_data
        return limits.set_limit(account=given["account"], domain=given["domain"], values=_values(form))

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        limits.set_limit(account=obj.account, domain=obj.domain, values=_values(form))

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        limits.remove_limit(obj)


def _values(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in _VALUES}


@admin.register(SendingAlarm)
class SendingAlarmAdmin(OfAccounts, NeverRemoved, ServiceAdmin):
    """What somebody should look at."""

    list_display = ("account", "kind", "measured", "usual", "raised_at", "settled_at")
    list_select_related = ("account",)
    list_filter = ("kind", ("settled_at", admin.EmptyFieldListFilter))
    fields = readonly_fields = list_display
    actions = ("settle",)
    refusals = (SubmissionError,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=gettext_lazy("Settle the selected alarms"), permissions=["change"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """They were looked at."""
        self.report(request, *self.each(request, queryset, limits.settle_alarm, _("Settled.")))
