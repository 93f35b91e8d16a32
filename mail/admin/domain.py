"""Domains in the admin: which names of mail are ours."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mail.admin.finding import domain_form
from mail.admin.refusals import MailAdmin, explain
from mail.admin.sizes import SizeField
from mail.models import Domain
from mail.services import accounts, quotas
from mail.services.errors import InvalidAddress


class DomainForm(forms.ModelForm):
    """A new domain, or whether mail is received for one."""

    class Meta:
        model = Domain
        fields = ("name", "is_active", "max_emails", "max_octets")
        field_classes = {"max_octets": SizeField}
        help_texts = {
            "name": gettext_lazy("For instance example.org; bücher.example is kept as xn--bcher-kva.example."),
            "is_active": gettext_lazy("Whether mail is received for this domain."),
            "max_emails": gettext_lazy("Of all its accounts together; empty for no limit."),
            "max_octets": gettext_lazy("Of all its accounts together, for instance 50 GB; empty for no limit."),
        }

    def clean_name(self) -> str:
        """The form in which it is stored, so that one that is there already is found."""
        try:
            return accounts.normalized_domain(self.cleaned_data["name"])
        except InvalidAddress as error:
            raise forms.ValidationError(explain(error)[1]) from error


@admin.register(Domain)
class DomainAdmin(MailAdmin):
    """The domains of this site."""

    form = DomainForm
    list_display = ("name", "readable_name", "is_active", "emails", "held", "created_at")
    list_filter = ("is_active",)
    ordering = ("name",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("The beginning of a domain.")
    fields = ("name", "is_active", "max_emails", "max_octets")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Domains that begin like that."""
        return queryset.filter(name__startswith=domain_form(search_term.strip().lower())), False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("name", "emails", "held")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else (*self.fields, "emails", "held")

    def service_add(self, request: HttpRequest, form: Any) -> Domain:
        domain = accounts.create_domain(form.cleaned_data["name"])
        self.service_change(request, domain, form)
        return domain

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        given = form.cleaned_data
        accounts.change_domain(obj, given["is_active"])
        quotas.limit_domain(obj, max_emails=given["max_emails"], max_octets=given["max_octets"])

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        accounts.remove_domain(obj)

    def blockers(self, obj: Any) -> list[str]:
        some = obj.addresses.select_related("domain")[:11]
        named = [str(address) for address in some[:10]]
        return [*named, _("and others")] if len(some) > 10 else named

    @admin.display(description=gettext_lazy("size of its mail"))
    def held(self, domain: Domain) -> str:
        return filesizeformat(domain.octets)

    @admin.display(description=gettext_lazy("as people write it"))
    def readable_name(self, domain: Domain) -> str:
        """The name in the letters of its language."""
        try:
            return domain.name.encode().decode("idna")
        except UnicodeError:
            return domain.name
