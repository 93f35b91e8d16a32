"""Push subscriptions in the admin: whose device is pushed to by which service, how it goes, and an end to it.

Rules kept here: neither the address nor the keys of a device are shown, to nobody.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ServiceAdmin
from jmap.admin.users import users_named
from push import subscriptions
from push.models import PushSubscription


@admin.register(PushSubscription)
class PushSubscriptionAdmin(ServiceAdmin):
    """Clients make them, operators remove them."""

    list_display = ("device", "user", "host", "is_confirmed", "failures", "created_at", "expires_at")
    list_select_related = ("user",)
    list_filter = (("verified_at", admin.EmptyFieldListFilter),)
    search_fields = ("user",)
    search_help_text = _("The name of a user.")
    fields = ("user", "device", "host", "types", "created_at", "verified_at", "expires_at", "failures")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The subscriptions of one user."""
        return (queryset.filter(user__in=users_named(search_term)) if search_term else queryset), False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """No: a device has to confirm one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No: it is the client's."""
        return False

    def service_remove(self, request: HttpRequest, obj: PushSubscription) -> None:
        subscriptions.destroy(obj)

    @admin.display(description=_("confirmed"), boolean=True)
    def is_confirmed(self, subscription: PushSubscription) -> bool:
        return subscription.verified_at is not None
