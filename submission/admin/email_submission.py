"""Submissions in the admin: who sent when, and what became of each recipient; nothing of what was written."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import ReadOnlyAdmin
from jmap.ids import decode, encode
from mail.admin.finding import account_keys
from submission.models import EmailSubmission
from submission.queries import deliveries, smtp_reply

_MOST_SHOWN = 200


@admin.register(EmailSubmission)
class EmailSubmissionAdmin(ReadOnlyAdmin):
    """What was submitted, the newest first."""

    list_display = ("wire_id_shown", "account", "sender", "recipients", "send_at", "undo_status")
    list_select_related = ("account",)
    list_filter = ("undo_status",)
    fields = (
        "wire_id_shown",
        "account",
        "identity_shown",
        "email_shown",
        "sender",
        "send_at",
        "undo_status",
        "deliveries_shown",
    )
    search_fields = ("pk",)
    search_help_text = _("A submission id (s…), an address, the name of an owner, or an account id (u…).")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Of one account by date, which has an index; of all by key, which has one too."""
        return ("-send_at", "-pk") if "account__id__exact" in request.GET else ("-pk",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """One submission, or those of accounts."""
        for word in search_term.split():
            key = decode("s", word)
            of_accounts = queryset.filter(account__in=account_keys(word))
            queryset = of_accounts if key is None else of_accounts | queryset.filter(pk=key)
        return queryset, False

    @admin.display(description=_("submission id"))
    def wire_id_shown(self, row: EmailSubmission) -> str:
        return row.wire_id

    @admin.display(description=_("identity id"))
    def identity_shown(self, row: EmailSubmission) -> str:
        return encode("i", row.identity_key)

    @admin.display(description=_("email id"))
    def email_shown(self, row: EmailSubmission) -> str:
        return encode("e", row.email_key)

    @admin.display(description=_("sender"))
    def sender(self, row: EmailSubmission) -> str:
        return str(row.envelope["mailFrom"]["email"] or "<>")

    @admin.display(description=_("recipients"))
    def recipients(self, row: EmailSubmission) -> int:
        return len(row.envelope["rcptTo"])

    @admin.display(description=_("deliveries"))
    def deliveries_shown(self, row: EmailSubmission) -> str:
        rows = deliveries(row.account_id, [row.pk]).get(row.pk, [])
        told = ((one.address, one.get_status_display(), smtp_reply(one)) for one in rows[:_MOST_SHOWN])
        return format_html_join("", "<div>{}: {} ({})</div>", told)
