"""The queue in the admin: who waits for what, what a server answered, and an operator's hand.

Rules kept here: recipients are the rows, since each has a fate of its own; every action goes through
``submission.services.queue`` and is logged for each row that it changed; nothing of what was written is shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import NeverRemoved, ServiceAdmin
from mail.admin.finding import account_keys
from submission.addresses import BadAddress, parse_mailbox
from submission.admin.chart import chart
from submission.models import QueuedRecipient, RouteState
from submission.services import queue
from submission.services.errors import SubmissionError

_AGES = (
    ("hour", _("more than an hour"), 1),
    ("day", _("more than a day"), 24),
    ("days", _("more than three days"), 72),
)


class AgeFilter(admin.SimpleListFilter):
    """How long a message has been in the queue."""

    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The choices."""
        return [(name, words) for name, words, _hours in _AGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows older than that."""
        hours = {name: hours for name, _words, hours in _AGES}.get(self.value() or "")
        if hours is None:
            return queryset
        return queryset.filter(message__created_at__lt=timezone.now() - timedelta(hours=hours))


@admin.register(QueuedRecipient)
class QueuedRecipientAdmin(NeverRemoved, ServiceAdmin):
    """Recipients, the newest first."""

    list_display = (
        "address", "status", "sender", "account", "queued_at", "attempts", "next_attempt_at", "answer", "relay_host",
    )  # fmt: skip
    list_select_related = ("message", "account")
    list_filter = ("status", AgeFilter, "message__origin")
    search_fields = ("address",)
    search_help_text = _(
        "A recipient, @ and a recipient's domain, from: and an account's address, or an account id (u…)."
    )
    fields = (
        "address", "domain", "account", "sender", "origin", "status", "in_doubt", "attempts", "last_attempt_at",
        "next_attempt_at", "queued_at", "expires_at", "answer", "relay_host", "notify", "settled_at",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("retry", "hold", "release", "cancel")
    refusals = (SubmissionError,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Recipients by address or domain, both from an index, or all of an account."""
        for word in search_term.split():
            if word.startswith("@"):
                queryset = queryset.filter(domain=_domain(word[1:]))
            elif "@" in word and not word.startswith("from:"):
                queryset = queryset.filter(domain=_domain(word.rpartition("@")[2]), address__iexact=word)
            else:
                queryset = queryset.filter(account__in=account_keys(word.removeprefix("from:")))
        return queryset, False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list under the chart, and the servers that are left alone."""
        closed = RouteState.objects.filter(retry_at__gt=timezone.now()).order_by("route")[:20]
        return super().changelist_view(request, {**(extra_context or {}), "chart": chart(), "closed_routes": closed})

    # ------------------------------------------------------------------------------------------------------- actions

    @admin.action(description=_("Try the selected recipients now"), permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Retry now."""
        self._do(request, queryset, queue.retry_now, gettext("Tried at once."))

    @admin.action(description=_("Hold the selected recipients"), permissions=["change"])
    def hold(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Hold."""
        self._do(request, queryset, queue.hold, gettext("Held."))

    @admin.action(description=_("Release the selected recipients"), permissions=["change"])
    def release(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Release."""
        self._do(request, queryset, queue.release, gettext("Released."))

    @admin.action(description=_("Cancel the messages of the selected recipients"), permissions=["change"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Cancel."""
        self._do(request, _one_a_message(queryset), queue.cancel, gettext("Canceled."))

    def _do(self, request: HttpRequest, rows: Any, do: Callable[[Any], object], said: str) -> None:
        self.report(request, *self.each(request, rows, do, said))

    # ------------------------------------------------------------------------------------------------------- columns

    @admin.display(description=_("sender"))
    def sender(self, row: QueuedRecipient) -> str:
        return row.message.mail_from or "<>"

    @admin.display(description=_("origin"))
    def origin(self, row: QueuedRecipient) -> str:
        return str(row.message.get_origin_display())

    @admin.display(description=_("queued"))
    def queued_at(self, row: QueuedRecipient) -> Any:
        return row.message.created_at

    @admin.display(description=_("expires"))
    def expires_at(self, row: QueuedRecipient) -> Any:
        return row.message.expires_at

    @admin.display(description=_("answer"))
    def answer(self, row: QueuedRecipient) -> str:
        return " ".join(str(part) for part in (row.reply_code or "", row.reply_enhanced, row.reply_text) if part)


def _one_a_message(rows: QuerySet[Any]) -> list[Any]:
    return list({row.message_id: row for row in rows}.values())


def _domain(text: str) -> str:
    try:
        return parse_mailbox(f"x@{text}").domain
    except BadAddress:
        return text


@admin.register(RouteState)
class RouteStateAdmin(NeverRemoved, ServiceAdmin):
    """How the way to each server is."""

    list_display = ("route", "failures", "retry_at", "reason", "failed_at", "succeeded_at")
    fields = readonly_fields = list_display
    actions = ("reopen",)
    refusals = (SubmissionError,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description=_("Try the selected servers now"), permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Let them be tried at once."""
        self.report(request, *self.each(request, queryset, queue.reopen, gettext("Tried at once.")))
