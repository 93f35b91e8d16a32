"""DKIM keys in the admin: made here, published by the operator, then put to use; the private half is never shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import RegexValidator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jmap.admin.base import ServiceAdmin
from submission.models import DkimKey
from submission.services import dkim_keys
from submission.services.errors import SubmissionError


class DkimKeyForm(forms.ModelForm):
    """A key to be made."""

    selector = forms.CharField(
        label=gettext_lazy("selector"),
        required=False,
        max_length=63,
        validators=[RegexValidator(r"\A[a-z0-9]([a-z0-9-]*[a-z0-9])?\Z", gettext_lazy("A label of a domain name."))],
        help_text=gettext_lazy("Left empty, it is named after the day."),
    )

    class Meta:
        model = DkimKey
        fields = ("domain", "algorithm", "selector")


@admin.register(DkimKey)
class DkimKeyAdmin(ServiceAdmin):
    """Keys of domains."""

    form = DkimKeyForm
    list_display = ("__str__", "algorithm", "stage", "created_at", "activated_at", "retired_at")
    list_select_related = ("domain",)
    list_filter = ("stage", "algorithm")
    autocomplete_fields = ("domain",)
    actions = ("activate", "retire")
    refusals = (SubmissionError,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        made = ("domain", "algorithm", "selector")
        return made if obj is None else (*made, "stage", "to_publish", "created_at", "activated_at", "retired_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else self.get_fields(request, obj)

    def service_add(self, request: HttpRequest, form: Any) -> DkimKey:
        given = form.cleaned_data
        return dkim_keys.create(given["domain"], given["algorithm"], given["selector"])

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """Nothing on the page can be changed."""

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        dkim_keys.remove(obj)

    @admin.display(description=gettext_lazy("to publish in DNS"))
    def to_publish(self, key: DkimKey) -> str:
        return format_html(
            "<p>{} <code>{}._domainkey.{}</code></p><p>{}</p><pre>{}</pre><p>{}</p><pre>{}</pre>",
            _("A TXT record named"),
            key.selector,
            key.domain.name,
            _("that says"),
            key.record,
            _("or as a line of a zone file"),
            dkim_keys.zone_line(key),
        )

    @admin.action(description=gettext_lazy("Sign with the selected keys from now on"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Put to use what is published; the keys in their place are retired."""
        self.report(request, *self.each(request, queryset, dkim_keys.activate, _("Signs from now on.")))

    @admin.action(description=gettext_lazy("Sign with the selected keys no more"), permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Retire keys."""
        self.report(request, *self.each(request, queryset, dkim_keys.retire, _("Signs no more.")))
