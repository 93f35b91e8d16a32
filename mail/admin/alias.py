"""Aliases in the admin: addresses that lead to others, groups, people elsewhere, and the catch-all of a domain."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextareaWidget, AdminTextInputWidget
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy, ngettext

from mail.admin.finding import addresses_like
from mail.admin.refusals import MailAdmin
from mail.models import Address, AddressTarget, Alias
from mail.services import aliases

SHOWN = 5
"""Targets that the list names of one alias."""


class AliasForm(forms.ModelForm):
    """An alias and where it leads, an address a line."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=320,
        widget=AdminTextInputWidget,
        help_text=gettext_lazy("For instance team@example.org; @example.org takes what nobody else there takes."),
    )
    targets = forms.CharField(
        label=gettext_lazy("Goes to"),
        widget=AdminTextareaWidget,
        help_text=gettext_lazy("An address a line: of accounts, of other aliases, or of other sites."),
    )

    class Meta:
        model = Alias
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["address"] = str(self.instance)
            self.initial["targets"] = "\n".join(map(str, self.instance.targets.order_by("pk")))
            self.fields["address"].disabled = True


@admin.register(Alias)
class AliasAdmin(MailAdmin):
    """The aliases and groups of this site."""

    form = AliasForm
    fields = ("address", "targets")
    list_display = ("__str__", "leads_to", "created_at")
    search_fields = ("local_part",)
    search_help_text = gettext_lazy("An address, the beginning of one, a domain, or an address that an alias leads to.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the targets of the page's aliases in one more statement."""
        aliases_alone = super().get_queryset(request).filter(account=None)
        return aliases_alone.select_related("domain").prefetch_related("targets")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Aliases that begin like that, or that lead there."""
        for word in search_term.split():
            leading = AddressTarget.objects.filter(target=word.lower()).values("address")
            queryset = queryset.filter(addresses_like(word)) | queryset.filter(pk__in=leading)
        return queryset, False

    def service_add(self, request: HttpRequest, form: Any) -> Address:
        return aliases.create(form.cleaned_data["address"], form.cleaned_data["targets"].split())

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        aliases.set_targets(obj, form.cleaned_data["targets"].split())

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        aliases.remove(obj)

    @admin.display(description=gettext_lazy("goes to"))
    def leads_to(self, alias: Alias) -> str:
        targets = [str(target) for target in alias.targets.all()]
        more = len(targets) - SHOWN
        shown = ", ".join(targets[:SHOWN])
        return shown if more <= 0 else shown + ngettext(" and %d more", " and %d more", more) % more
