"""Uploads in the admin: who holds a blob that nothing refers to yet; to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ReadOnlyAdmin
from jmap.admin.users import accounts_of, users_named
from jmap.models import Upload


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Files that users sent and have not used yet; they go by themselves after a while."""

    list_display = ("blob_id_shown", "account", "user", "type", "size_shown", "uploaded_at")
    list_select_related = ("account", "user", "blob")
    fields = ("blob", "account", "user", "type", "size_shown", "uploaded_at")
    search_fields = ("user",)
    search_help_text = _("The name of a user, or an account id (u…).")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Uploads by a user, or into an account."""
        for word in search_term.split():
            queryset = queryset.filter(user__in=users_named(word)) | queryset.filter(account__in=accounts_of(word))
        return queryset, False

    @admin.display(description=_("blob"))
    def blob_id_shown(self, upload: Upload) -> str:
        return upload.blob.wire_id

    @admin.display(description=_("size in octets"))
    def size_shown(self, upload: Upload) -> int:
        return upload.blob.size
