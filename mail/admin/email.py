"""Emails in the admin: when, how large, which flags; nothing of what they say."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ReadOnlyAdmin
from jmap.ids import decode, encode
from mail.admin.finding import account_keys
from mail.models import Email


@admin.register(Email)
class EmailAdmin(ReadOnlyAdmin):
    """Metadata of emails, the newest first."""

    list_display = ("wire_id_shown", "account", "received_at", "size", "has_attachment", "seen", "flagged", "draft")
    list_select_related = ("account",)
    fields = (
        "wire_id_shown",
        "account",
        "thread_shown",
        "blob_shown",
        "received_at",
        "sent_at",
        "size",
        "has_attachment",
        "seen",
        "flagged",
        "answered",
        "draft",
        "forwarded",
    )
    search_fields = ("pk",)
    search_help_text = _("An email id (e…), an address, the name of an owner, or an account id (u…).")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Of one account by date, which has an index; of all by key, which has one too."""
        return ("-received_at", "-pk") if "account__id__exact" in request.GET else ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """One email, or those of accounts."""
        for word in search_term.split():
            key = decode("e", word)
            of_accounts = queryset.filter(account__in=account_keys(word))
            queryset = of_accounts if key is None else of_accounts | queryset.filter(pk=key)
        return queryset, False

    @admin.display(description=_("email id"))
    def wire_id_shown(self, email: Email) -> str:
        return email.wire_id

    @admin.display(description=_("thread id"))
    def thread_shown(self, email: Email) -> str:
        return encode("t", email.thread_id)

    @admin.display(description=_("blob"))
    def blob_shown(self, email: Email) -> str:
        url = reverse(f"{self.admin_site.name}:jmap_core_blob_change", args=[email.blob_id])
        return format_html('<a href="{}">{}</a>', url, encode("b", email.blob_id))
