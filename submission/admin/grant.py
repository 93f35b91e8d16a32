"""Rights to domains in the admin: who may send from every address of a domain."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from submission.admin.base import SubmissionAdmin
from submission.models import DomainGrant
from submission.services import identities


@admin.register(DomainGrant)
class DomainGrantAdmin(SubmissionAdmin):
    """Given and taken back, never changed."""

    fields = ("account", "domain")
    list_display = ("domain", "account", "created_at")
    list_select_related = ("account", "domain")
    list_filter = ("domain",)
    autocomplete_fields = ("account", "domain")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def service_add(self, request: HttpRequest, form: Any) -> DomainGrant:
        return identities.grant_domain(form.cleaned_data["account"], form.cleaned_data["domain"])

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        identities.revoke_domain(obj)
