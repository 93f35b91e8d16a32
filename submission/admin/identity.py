"""Identities in the admin: made, changed and destroyed as clients do it, by the same service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from jmap.store import writing
from submission.admin.base import SubmissionAdmin
from submission.models import Identity
from submission.services import identities
from submission.services.errors import SubmissionError

_CHANGEABLE = ("name", "text_signature", "html_signature")


class IdentityForm(forms.ModelForm):
    """What an operator may say of an identity."""

    class Meta:
        model = Identity
        fields = ("account", "email", *_CHANGEABLE)
        help_texts = {
            "email": gettext_lazy(
                "An address of the account, or of a domain that it has the right to; *@domain stands for all of that."
            ),
            "name": gettext_lazy("The name that letters come from."),
        }


@admin.register(Identity)
class IdentityAdmin(SubmissionAdmin):
    """What users may send as."""

    form = IdentityForm
    list_display = ("email", "name", "account", "may_delete")
    list_select_related = ("account",)
    autocomplete_fields = ("account",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields = ("account", "email", *_CHANGEABLE)
        return fields if obj is None else (*fields, "reply_to", "bcc", "may_delete")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("account", "email", "reply_to", "bcc", "may_delete")

    def service_add(self, request: HttpRequest, form: Any) -> Identity:
        given = form.cleaned_data
        with writing(given["account"].pk) as writer:
            (made,) = identities.create(writer, [{name: given[name] for name in ("email", *_CHANGEABLE)}])
            if isinstance(made, SubmissionError):
                raise made
        return made

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """Only what the operator changed is written, so that what a client changed meanwhile stays."""
        changed = {name: form.cleaned_data[name] for name in _CHANGEABLE if name in form.changed_data}
        with writing(obj.account_id) as writer:
            for refusal in identities.update(writer, {obj.pk: changed}).values():
                raise refusal

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        with writing(obj.account_id) as writer:
            for refusal in identities.destroy(writer, [obj.pk]).values():
                raise refusal

    def blockers(self, obj: Any) -> list[str]:
        return [] if obj.may_delete else [str(obj)]
