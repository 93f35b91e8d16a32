"""Smarthosts in the admin; a password goes in and never comes out."""

from __future__ import annotations

import ssl
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jmap.admin.base import ServiceAdmin
from submission.models import Smarthost
from submission.services import smarthosts
from submission.smtp.connection import tls_context

_FIELDS = (
    "domain", "host", "port", "security", "authorities", "username", "max_connections", "signs_return_path",
)  # fmt: skip


class SmarthostForm(forms.ModelForm):
    """A smarthost, and its password to be; what is stored is not shown."""

    password = forms.CharField(
        label=gettext_lazy("password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy("Left empty, it stays what it is."),
    )

    class Meta:
        model = Smarthost
        fields = _FIELDS
        help_texts = {
            "domain": gettext_lazy("Whose mail leaves here; empty for that of every domain without a smarthost."),
            "authorities": gettext_lazy("PEM certificates to verify the server by; empty for those of the system."),
            "signs_return_path": gettext_lazy(
                "ada+b=…@example.org instead of ada@example.org, so that a bounce names its message. Switch it off if"
                " the server lets only known senders pass."
            ),
        }

    def clean_authorities(self) -> str:
        """Certificates that can be read."""
        given: str = self.cleaned_data["authorities"]
        try:
            tls_context(given)
        except (ssl.SSLError, ValueError) as error:
            raise forms.ValidationError(_("These are no PEM certificates.")) from error
        return given


@admin.register(Smarthost)
class SmarthostAdmin(ServiceAdmin):
    """Where mail leaves."""

    form = SmarthostForm
    fields = (*_FIELDS, "password")
    list_display = ("host", "port", "security", "domain", "username", "max_connections")
    list_select_related = ("domain",)
    autocomplete_fields = ("domain",)

    def service_add(self, request: HttpRequest, form: Any) -> Smarthost:
        return smarthosts.save(_values(form), password=form.cleaned_data["password"])

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        smarthosts.save(_values(form), password=form.cleaned_data["password"] or None, smarthost=obj)

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        smarthosts.remove(obj)


def _values(form: Any) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in _FIELDS}
