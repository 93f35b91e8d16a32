"""Addresses in the admin: whose mail goes where."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AdminTextInputWidget
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mail.admin.finding import addresses_like
from mail.admin.refusals import MailAdmin
from mail.models import Address
from mail.services import accounts


class AddressForm(forms.ModelForm):
    """A new address of an account."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=320,
        widget=AdminTextInputWidget,
        help_text=gettext_lazy("For instance ada@example.org; the domain has to be one of this site."),
    )

    class Meta:
        model = Address
        fields = ("account", "is_primary")
        help_texts = {
            "account": gettext_lazy("The account that the mail goes to."),
            "is_primary": gettext_lazy(
                "The address that the account goes by. Its present primary address stays an address."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["account"].required = True

    def _get_validation_exclusions(self) -> set[str]:
        """With the account left out no constraint of the model is checked: the service judges, under the lock."""
        return {*super()._get_validation_exclusions(), "account"}  # type: ignore[misc]


@admin.register(Address)
class AddressAdmin(MailAdmin):
    """The addresses that accounts have; those that only lead to others are on a page of their own."""

    list_display = ("__str__", "account", "is_primary", "created_at")
    search_fields = ("local_part",)
    search_help_text = gettext_lazy("An address, the beginning of one, or a domain.")
    autocomplete_fields = ("account",)
    actions = ("make_primary",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Addresses or domains that begin like that."""
        for word in search_term.split():
            queryset = queryset.filter(addresses_like(word))
        return queryset, False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).exclude(account=None).select_related("domain", "account")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = AddressForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("address", "account", "is_primary") if obj is None else ("address_shown", "account", "is_primary")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("address_shown", "account", "is_primary", "created_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """One address is not changed, it is removed and another added; the list makes one the primary address."""
        return obj is None and super().has_change_permission(request)

    def service_add(self, request: HttpRequest, form: Any) -> Address:
        given = form.cleaned_data
        return accounts.add_address(given["account"], given["address"], is_primary=given["is_primary"])

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        accounts.remove_address(obj)

    @admin.action(description=gettext_lazy("Make the primary address of its account"), permissions=["change"])
    def make_primary(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One for each account."""
        rows = queryset.filter(is_primary=False)
        self.report(request, *self.each(request, rows, accounts.set_primary, _("Made the primary address.")))

    @admin.display(description=gettext_lazy("address"))
    def address_shown(self, address: Address) -> str:
        return str(address)
