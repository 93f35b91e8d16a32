"""Accounts in the admin: whose mail is here, who else may read it, and who may sign in.

Rules kept here: an account is made together with its mailboxes and primary address, with a new user if need be; it is
never deleted but marked destroyed, and purged later; how many emails it holds is added up from the counters.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth import get_user_model, password_validation
from django.db.models import OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Concat
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from jmap import lifecycle
from jmap.admin.users import UserField
from jmap.models import Account, AccountAccess
from mail.admin.finding import accounts_like
from mail.admin.refusals import MailAdmin, explain
from mail.admin.restoring import restore_page
from mail.admin.sizes import SizeField
from mail.models import Address, Mailbox, Quota
from mail.services import accounts, quotas
from mail.services.errors import InvalidAddress


def wanted_of_new_users() -> list[str]:
    """The fields, besides name and password, that the project's user model wants and that an address does not fill."""
    model: Any = get_user_model()
    return [name for name in model.REQUIRED_FIELDS if name != model.get_email_field_name()]


class OpenForm(forms.ModelForm):
    """A new account, for a user who is there or for a new one."""

    address = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=320,
        widget=AdminTextInputWidget,
        help_text=gettext_lazy("The primary address, for instance ada@example.org; the domain has to be there."),
    )
    owner = UserField(
        label=gettext_lazy("Existing user"),
        required=False,
        help_text=gettext_lazy("The name of a user who gets the account; leave empty to make a new user."),
    )
    username = forms.CharField(
        label=gettext_lazy("New user"),
        required=False,
        widget=AdminTextInputWidget,
        help_text=gettext_lazy("The name to sign in with; if this is empty too, the address is taken."),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "vTextField"}),
        help_text=gettext_lazy("Of the new user. Leave empty for one who signs in by app passwords alone."),
    )

    class Meta:
        model = Account
        fields = ("name",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["name"].help_text = _("What clients call the account; the address if empty.")

    def clean_address(self) -> str:
        """The form in which it is stored."""
        try:
            return "@".join(accounts.split_address(self.cleaned_data["address"]))
        except InvalidAddress as error:
            raise forms.ValidationError(explain(error)[1]) from error

    def clean(self) -> dict[str, Any]:
        """Either an existing user or a new one, whose password is good enough."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        username, password = given.get("username"), given.get("password")
        if given.get("owner") is not None:
            if username or password:
                self.add_error("owner", _("Name an existing user or a new one, not both."))
        elif "owner" in given:
            if wanted := wanted_of_new_users():
                said = _("Make the user first, since a user has to have: %(fields)s")
                self.add_error("owner", said % {"fields": ", ".join(wanted)})
            elif password:
                self._judge(password)
        return given

    def _judge(self, password: str) -> None:
        try:
            password_validation.validate_password(password)
        except forms.ValidationError as error:
            self.add_error("password", error)


class SettingsForm(forms.ModelForm):
    """What an account is called, whether it is open, and how much mail it may hold."""

    max_emails = forms.IntegerField(
        label=gettext_lazy("Emails at most"),
        required=False,
        min_value=0,
        help_text=gettext_lazy("Empty for no limit."),
    )
    max_octets = SizeField(
        label=gettext_lazy("Size at most"),
        required=False,
        help_text=gettext_lazy("For instance 5 GB; empty for no limit."),
    )

    class Meta:
        model = Account
        fields = ("name", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        quota = Quota.objects.filter(account=self.instance).first()
        if quota is not None:
            self.initial["max_emails"], self.initial["max_octets"] = quota.max_emails, quota.max_octets


class AccessForm(forms.ModelForm):
    """One user's way into an account that is not their own; who it is does not change."""

    user = UserField()

    class Meta:
        model = AccountAccess
        fields = ("user", "is_read_only")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["user"] = self.instance.user
            self.fields["user"].disabled = True


class AccessInline(admin.TabularInline):
    """Who else may enter the account."""

    model = AccountAccess
    form = AccessForm
    extra = 0
    verbose_name = gettext_lazy("user")
    verbose_name_plural = gettext_lazy("others who may enter this account")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("user", "account").order_by("pk")


class AddressInline(admin.TabularInline):
    """The addresses of the account; they are added and removed on pages of their own."""

    model = Address
    fields = readonly_fields = ("is_primary", "created_at")
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("domain").order_by("-is_primary", "pk")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Account)
class AccountAdmin(MailAdmin):
    """The accounts of this site."""

    list_display = ("name", "primary_address", "user", "emails", "is_active", "destroyed_at")
    list_select_related = ("user",)
    list_filter = ("is_active", ("destroyed_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    search_help_text = gettext_lazy(
        "An address, the beginning of one, a domain, the name of an owner, or an account id (u…)."
    )
    actions = ("activate", "deactivate", "restore", "destroy")
    readonly_fields = (
        "wire_id_shown",
        "user",
        "primary_address",
        "emails",
        "held",
        "mailboxes",
        "created_at",
        "destroyed_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With what the list shows, looked up by index for the rows of the page alone."""
        primary = Address.objects.filter(account=OuterRef("pk"), is_primary=True)
        counters = Mailbox.objects.filter(account=OuterRef("pk")).order_by().values("account")
        return (
            super()
            .get_queryset(request)
            .annotate(
                primary_address=Subquery(primary.values_list(Concat("local_part", Value("@"), "domain__name"))[:1]),
                emails=Subquery(counters.annotate(sum=Sum("total_emails")).values("sum")),
            )
        )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Accounts by address, owner or id; a field that asks for an account is offered those in use."""
        for word in search_term.split():
            queryset = queryset.filter(accounts_like(word))
        if request.path == reverse(f"{self.admin_site.name}:autocomplete"):
            queryset = queryset.filter(destroyed_at=None)
        return queryset, False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = OpenForm if obj is None else SettingsForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            limits = ("max_emails", "max_octets") if self.has_change_permission(request, obj) else ()
            return [(None, {"fields": ("name", "is_active", *limits, *self.readonly_fields)})]
        return [
            (None, {"fields": ("address", "name")}),
            (gettext_lazy("Owner"), {"fields": ("owner", "username", "password")}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.readonly_fields if obj is not None else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """None on the page that makes the account: nothing of it is there yet."""
        return [] if obj is None else [AccessInline, AddressInline]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.destroyed_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Never: it is destroyed by the action of the list, and purged later."""
        return False

    def has_destroy_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete accounts may destroy them."""
        return request.user.has_perm("jmap_core.delete_account")

    # ---------------------------------------------------------------------------------------------------------- writes

    def service_add(self, request: HttpRequest, form: Any) -> Account:
        given = form.cleaned_data
        if given["owner"] is not None:
            return accounts.create_account(user=given["owner"], address=given["address"], display_name=given["name"])
        model: Any = get_user_model()
        email = model.get_email_field_name()
        fields = {email: given["address"]} if email in {field.name for field in model._meta.get_fields()} else {}
        fields.pop(model.USERNAME_FIELD, None)
        return accounts.create_user_and_account(
            username=given["username"] or given["address"],
            password=given["password"] or None,
            address=given["address"],
            display_name=given["name"],
            **fields,
        )

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        given = form.cleaned_data
        accounts.change_account(obj, name=given["name"], is_active=given["is_active"])
        quotas.limit_account(obj, max_emails=given["max_emails"], max_octets=given["max_octets"])

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Share the account by the service; no other inline has anything to write."""
        formset.save(commit=False)
        if formset.model is not AccountAccess:
            return
        for access in formset.deleted_objects:
            accounts.unshare(form.instance, access.user_id)
        for access in [*formset.new_objects, *(access for access, _fields in formset.changed_objects)]:
            accounts.share(form.instance, access.user, is_read_only=access.is_read_only)

    @admin.action(description=gettext_lazy("Open selected %(verbose_name_plural)s"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """What was shut is open again."""
        self._activate(request, queryset, True, _("Activated."))

    @admin.action(description=gettext_lazy("Shut selected %(verbose_name_plural)s"), permissions=["change"])
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Nobody enters; mail is kept."""
        self._activate(request, queryset, False, _("Deactivated."))

    def _activate(self, request: HttpRequest, queryset: QuerySet[Any], is_active: bool, said: str) -> None:
        rows = queryset.filter(destroyed_at=None, is_active=not is_active)
        self.report(request, *self.each(request, rows, lambda row: accounts.activate([row.pk], is_active), said))

    @admin.action(
        description=gettext_lazy("Restore destroyed mail of selected %(verbose_name_plural)s"), permissions=["change"]
    )
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Bring back what was destroyed since a moment that is asked for."""
        return restore_page(self, request, list(queryset.filter(destroyed_at=None)))

    @admin.action(description=gettext_lazy("Destroy selected %(verbose_name_plural)s"), permissions=["destroy"])
    def destroy(self, request: HttpRequest, queryset: QuerySet[Any]) -> TemplateResponse | None:
        """Mark accounts destroyed, once the operator has said so twice."""
        rows = list(queryset.filter(destroyed_at=None))
        if not rows or request.POST.get("confirmed"):
            self.report(
                request, *self.each(request, rows, lambda row: lifecycle.destroy([row.pk]), _("Marked destroyed."))
            )
            return None
        title = ngettext("Destroy %(count)d account?", "Destroy %(count)d accounts?", len(rows))
        context = {
            **self.admin_site.each_context(request),
            "title": title % {"count": len(rows)},
            "opts": self.opts,
            "rows": rows,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/jmap_core/account/destroy_confirmation.html", context)

    # ----------------------------------------------------------------------------------------------------------- shown

    @admin.display(description=gettext_lazy("primary address"), empty_value="")
    def primary_address(self, account: Any) -> str | None:
        return account.primary_address

    @admin.display(description=gettext_lazy("emails in mailboxes"))
    def emails(self, account: Any) -> int:
        """As the mailboxes count: an email in two of them counts twice."""
        return account.emails or 0

    @admin.display(description=gettext_lazy("held"))
    def held(self, account: Any) -> str:
        """What counts against its limits."""
        quota = Quota.objects.filter(account=account).first() or Quota()
        return _("%(emails)d emails, %(size)s") % {"emails": quota.emails, "size": filesizeformat(quota.octets)}

    @admin.display(description=gettext_lazy("account id"))
    def wire_id_shown(self, account: Account) -> str:
        return account.wire_id

    @admin.display(description=gettext_lazy("mailboxes"))
    def mailboxes(self, account: Account) -> str:
        """Where they are listed, and where one is added."""
        listed = reverse(f"{self.admin_site.name}:jmap_mail_mailbox_changelist")
        added = reverse(f"{self.admin_site.name}:jmap_mail_mailbox_add")
        return format_html(
            '<a href="{}?account__id__exact={}">{}</a> · <a href="{}?account={}">{}</a>',
            *(listed, account.pk, _("List the mailboxes"), added, account.pk, _("Add a mailbox")),
        )
