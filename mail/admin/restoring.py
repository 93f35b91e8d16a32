"""The page that brings destroyed mail back into accounts: it asks since when, and says what came of it.

Rules kept here: one request restores at most MOST emails, so that it ends; it says when there is more, and is then sent
again, or ``manage.py restore_mail`` does the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AdminSplitDateTime
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jmap.admin.base import ServiceAdmin
from jmap.models import Account
from mail.services import restoring

MOST = 1_000


class SinceForm(forms.Form):
    """Since when mail was destroyed that is to come back."""

    since = forms.SplitDateTimeField(label=gettext_lazy("Destroyed since"), widget=AdminSplitDateTime)


def restore_page(page: ServiceAdmin, request: HttpRequest, rows: Sequence[Account]) -> TemplateResponse | None:
    """Ask since when, or do it; None where it is done."""
    given = request.POST if request.POST.get("confirmed") else None
    form = SinceForm(given, initial={"since": timezone.now() - timedelta(days=1)})
    if rows and not form.is_valid():
        context = {
            **page.admin_site.each_context(request),
            "title": _("Restore destroyed mail"),
            "opts": page.opts,
            "rows": rows,
            "form": form,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "media": page.media + form.media,
        }
        return TemplateResponse(request, "admin/jmap_core/account/restore_mail.html", context)
    page.report(request, *page.each(request, rows, lambda row: _restore(page, request, row, form), _("Mail restored.")))
    return None


def _restore(page: ServiceAdmin, request: HttpRequest, account: Account, form: Any) -> None:
    since = form.cleaned_data["since"]
    tally = restoring.restore(account, since, most=MOST)
    done = tally.restored
    words = ngettext("%(account)s: %(count)d email restored.", "%(account)s: %(count)d emails restored.", done)
    page.message_user(request, words % {"account": account, "count": done}, messages.SUCCESS)
    left = restoring.waiting(account.pk, since)
    if left:
        words = _(
            "%(account)s: %(left)d are kept still; for want of room %(full)d of them, for want of their octets "
            "%(missing)d. If there are more, restore again."
        )
        told = {"account": account, "left": left, "full": tally.over_quota, "missing": tally.missing}
        page.message_user(request, words % told, messages.WARNING)
