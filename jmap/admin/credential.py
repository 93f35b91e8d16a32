"""Credentials in the admin: issuing an app password or a token, shown once, and revoking it.

Rules kept here: the secret is in the answer to the form that asked for it and nowhere else, neither in a message, a
session nor a log; a credential is revoked, not deleted, so that it stays known who had one.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from jmap.admin.base import NeverRemoved, ServiceAdmin
from jmap.admin.users import UserField, users_named
from jmap.models import Credential


class IssueForm(forms.ModelForm):
    """What to know before a credential is issued."""

    user = UserField(help_text=_("The name that the user signs in with. Whoever has the secret reads their mail."))

    class Meta:
        model = Credential
        fields = ("user", "kind", "name", "expires_at")
        help_texts = {
            "kind": _(
                "An app password is typed into a mail program together with the user's name (Basic); a token is sent "
                "by a program alone (Bearer)."
            ),
            "name": _("What it is for, for instance “Phone”, so that the right one is revoked later."),
            "expires_at": _("Leave empty for one that is good until it is revoked."),
        }

    def clean_expires_at(self) -> Any:
        """A moment to come."""
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError(gettext("This moment is over already."))
        return expires_at


@admin.register(Credential)
class CredentialAdmin(NeverRemoved, ServiceAdmin):
    """App passwords and tokens."""

    form = IssueForm
    list_display = ("name", "user", "kind", "created_at", "last_used_at", "expires_at", "is_good")
    list_select_related = ("user",)
    list_filter = ("kind", ("revoked_at", admin.EmptyFieldListFilter))
    search_fields = ("user",)
    search_help_text = _("The name of a user.")
    actions = ("revoke",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """The credentials of one user."""
        return (queryset.filter(user__in=users_named(search_term)) if search_term else queryset), False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ("user", "kind", "name", "expires_at")
        return ("user", "kind", "name", "created_at", "last_used_at", "expires_at", "revoked_at")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """No: what was issued stays what it is."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_revoke_permission(request)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Whoever may change credentials may revoke them."""
        return request.user.has_perm("jmap_core.change_credential")

    def service_add(self, request: HttpRequest, form: Any) -> Credential:
        given = form.cleaned_data
        issued, form.instance.issued_secret = Credential.issue(
            given["user"], given["kind"], given["name"], expires_at=given["expires_at"]
        )
        return issued

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, once."""
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("The secret is shown only now"),
            "opts": self.opts,
            "credential": obj,
            "secret": obj.issued_secret,
        }
        response = TemplateResponse(request, "admin/jmap_core/credential/issued.html", context)
        response["Cache-Control"] = "no-store"
        return response

    @admin.action(description=_("Revoke selected %(verbose_name_plural)s"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Make them useless from the next request on."""
        good = queryset.filter(revoked_at=None)
        said = gettext_noop("Revoked.")
        self.report(request, *self.each(request, good, lambda row: Credential.revoke([row.pk]), said))

    @admin.display(description=_("good"), boolean=True)
    def is_good(self, credential: Credential) -> bool:
        expired = credential.expires_at is not None and credential.expires_at <= timezone.now()
        return credential.revoked_at is None and not expired
