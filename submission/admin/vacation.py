"""Vacation responses in the admin, for somebody who is away and forgot."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from jmap.admin.base import NeverRemoved
from jmap.store import writing
from submission.admin.base import SubmissionAdmin
from submission.models import VacationResponse
from submission.services import vacation


class VacationForm(forms.ModelForm):
    """The response of an account; an empty text is none."""

    class Meta:
        model = VacationResponse
        fields = ("account", *vacation.FIELDS)
        help_texts = {
            "account": gettext_lazy("An account has one response: saving replaces what it has."),
            "subject": gettext_lazy("Leave empty for “Auto: ” and the subject that is answered."),
            "html_body": gettext_lazy("Leave empty for plain text alone."),
        }

    def _get_validation_exclusions(self) -> set[str]:
        """With the account left out no constraint of the model is checked: the service judges, under the lock."""
        return {*super()._get_validation_exclusions(), "account"}  # type: ignore[misc]

    def wanted(self) -> dict[str, Any]:
        """The fields as the service takes them."""
        texts = ("subject", "text_body", "html_body")
        given = self.cleaned_data
        return {name: (given[name] or None) if name in texts else given[name] for name in vacation.FIELDS}


@admin.register(VacationResponse)
class VacationResponseAdmin(NeverRemoved, SubmissionAdmin):
    """One for each account that ever had one; it is switched off, not removed."""

    form = VacationForm
    list_display = ("account", "is_enabled", "from_date", "to_date")
    list_select_related = ("account",)
    list_filter = ("is_enabled",)
    autocomplete_fields = ("account",)
    fields = ("account", *vacation.FIELDS)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("account",)

    def service_add(self, request: HttpRequest, form: Any) -> VacationResponse:
        account = form.cleaned_data["account"]
        with writing(account.pk) as writer:
            vacation.change(writer, {**form.wanted()})
            return vacation.kept(writer)

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        changed = {name: value for name, value in form.wanted().items() if name in form.changed_data}
        with writing(obj.account_id) as writer:
            vacation.change(writer, changed)
