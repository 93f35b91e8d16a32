"""The delivery log in the admin: where is my mail?

Rules kept here: what is asked for is looked up in an index, the latest rows of each; nothing is scanned or counted over
the whole log.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ReadOnlyAdmin
from jmap.ids import encode
from mail.admin.finding import account_keys
from mail.models import DeliveryRecord
from mail.services.delivery.log import logged_address

LATEST = 500
"""Rows that a search finds by each of its indexes."""


class FailedFilter(admin.SimpleListFilter):
    """What was not delivered."""

    title = _("verdict")
    parameter_name = "failed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """One choice besides everything."""
        return [("1", _("deferred or refused"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By the index that holds those alone."""
        return queryset.filter(is_failed=True) if self.value() else queryset


@admin.register(DeliveryRecord)
class DeliveryRecordAdmin(ReadOnlyAdmin):
    """What became of each message for each recipient, the latest first."""

    list_display = ("at", "recipient", "sender", "verdict", "reply", "mailbox", "queue_id", "message_id")
    list_filter = (FailedFilter,)
    list_select_related = ("account",)
    fields = (
        *("at", "verdict", "reply", "sender", "recipient", "target", "account", "mailbox", "email_shown"),
        *("message_id", "queue_id", "client", "protocol", "size"),
    )
    search_fields = ("recipient",)
    search_help_text = _(
        "A whole address, a Message-ID or a queue id, or whose mail it is (an account id u…, a user's name)."
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The latest rows that each index has for a word; several words narrow the search."""
        for word in search_term.split():
            if "@" in word:
                address = logged_address(word.strip("<>,;"))
                found: list[dict[str, Any]] = [
                    {"recipient": address},
                    {"sender": address},
                    {"message_id": word.strip("<>")},
                ]
            else:
                found = [{"queue_id": word}, {"message_id": word.strip("<>")}]
                found += [{"account": key} for key in account_keys(word)]
            keys = [key for one in found for key in self._latest(one)]
            queryset = queryset.filter(pk__in=keys)
        return queryset, False

    def _latest(self, condition: dict[str, Any]) -> list[int]:
        rows = DeliveryRecord.objects.filter(**condition).order_by("-pk")
        return list(rows.values_list("pk", flat=True)[:LATEST])

    @admin.display(description=_("answer"))
    def reply(self, record: DeliveryRecord) -> str:
        return f"{record.code} {record.enhanced} {record.text}"

    @admin.display(description=_("email"), empty_value="")
    def email_shown(self, record: DeliveryRecord) -> str | None:
        """Where the email is shown, as long as it is there."""
        if record.email is None:
            return None
        url = reverse(f"{self.admin_site.name}:jmap_mail_email_change", args=[record.email])
        return format_html('<a href="{}">{}</a>', url, encode("e", record.email))
