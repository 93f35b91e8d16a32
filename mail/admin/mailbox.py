"""Mailboxes in the admin: made, named, moved and destroyed as clients do it, by the same service.

Rules kept here:
- every write is a change of state under the account's lock, judged as a whole by ``mail.services.mailboxes``;
- only what the operator changed is written, so that what a client changed meanwhile stays;
- a large mailbox is emptied in slices, each a transaction: what was cut short is gone on with by destroying again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from jmap.ids import decode
from jmap.models import Account
from jmap.store import Writer, writing, writing_slice
from mail.admin.finding import account_keys
from mail.admin.refusals import MailAdmin
from mail.models import Mailbox, Role
from mail.services import mailboxes
from mail.services.errors import MailboxNotFound
from mail.services.mailboxes import Node, Outcome

NEW = "new"


class MailboxForm(forms.ModelForm):
    """What an operator may say of a mailbox."""

    inside = forms.TypedChoiceField(
        label=gettext_lazy("Inside"), required=False, coerce=int, empty_value=None, choices=()
    )
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        required=False,
        help_text=gettext_lazy("What programs use it for. One mailbox of an account has each role."),
    )
    takes_role = forms.BooleanField(
        label=gettext_lazy("Take the role over"),
        required=False,
        help_text=gettext_lazy("From the mailbox that has it now, which stays without one."),
    )
    is_subscribed = forms.BooleanField(
        label=gettext_lazy("Subscribed"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Whether the owner's programs show it."),
    )

    class Meta:
        model = Mailbox
        fields = ("account", "name", "role", "sort_order")
        help_texts = {
            "account": gettext_lazy("Whose mailbox it is. The page of an account has a link that fills this in."),
            "sort_order": gettext_lazy("Mailboxes with smaller numbers stand first."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.present: Mapping[int, Node] = {}
        account = self._account()
        if account is not None:
            self.present = mailboxes.load(account.pk, account.user_id, owned=True)
        name: Any = self.fields.get("name")
        if name is not None:  # it is, on a page to be looked at only
            name.strip = False
        self._offer_places(account)
        self._offer_roles()
        if self.instance.pk and (now := self.present.get(self.instance.pk)):
            self.initial.update(inside=now.parent, is_subscribed=now.is_subscribed)

    def _account(self) -> Account | None:
        if self.instance.pk:
            return self.instance.account
        given = (self.data if self.is_bound else self.initial).get("account")
        key = str(getattr(given, "pk", given) or "")
        return Account.objects.filter(pk=key, destroyed_at=None).first() if key.isdecimal() and len(key) < 19 else None

    def _offer_places(self, account: Account | None) -> None:
        below = set(_family(self.present, self.instance.pk)) if self.instance.pk else set()
        paths = {key: path_of(self.present, key) for key in self.present if key not in below}
        places = sorted(((key, " / ".join(path)) for key, path in paths.items()), key=lambda place: place[1].casefold())
        inside: Any = self.fields["inside"]
        inside.choices = [("", _("(at the top)")), *places]
        if account is None:
            inside.help_text = _("The mailboxes of an account are offered once the account is chosen.")

    def _offer_roles(self) -> None:
        roles = sorted({*mailboxes.ROLES, *({self.instance.role} if self.instance.role else ())})
        named = {value: str(label) for value, label in Role.choices}
        role_field: Any = self.fields["role"]
        role_field.choices = [("", _("(none)")), *((role, named.get(role, role)) for role in roles)]

    def clean_role(self) -> str | None:
        """None where there is no role."""
        return self.cleaned_data["role"] or None

    def _get_validation_exclusions(self) -> set[str]:
        """With the account left out no constraint of the model is checked: the service judges, under the lock."""
        return {*super()._get_validation_exclusions(), "account"}  # type: ignore[misc]

    def wanted(self, was: Node) -> Node:
        """The mailbox as it is now with what the operator changed."""
        given, changes = self.cleaned_data, {}
        for name, attribute in _ATTRIBUTES.items():
            if name in self.changed_data:
                changes[attribute] = given[name]
        if "name" in changes:
            changes["name"] = mailboxes.normalized(changes["name"])
        return replace(was, **changes)


_ATTRIBUTES = {
    "name": "name",
    "inside": "parent",
    "role": "role",
    "sort_order": "sort_order",
    "is_subscribed": "is_subscribed",
}


@admin.register(Mailbox)
class MailboxAdmin(MailAdmin):
    """The mailboxes of accounts."""

    form = MailboxForm
    list_display = ("name", "parent", "account", "role", "sort_order", "total_emails", "unread_emails")
    search_fields = ("name",)
    search_help_text = gettext_lazy("A mailbox id (m…), an address, the name of an owner, or an account id (u…).")
    autocomplete_fields = ("account",)
    delete_confirmation_template = "admin/jmap_mail/mailbox/destroy_confirmation.html"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """One mailbox, or those of accounts."""
        for word in search_term.split():
            key = decode("m", word)
            of_accounts = queryset.filter(account__in=account_keys(word))
            queryset = of_accounts if key is None else of_accounts | queryset.filter(pk=key)
        return queryset, False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("account", "parent")

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Those of one account, which are few, as clients order them."""
        return ("sort_order", "name", "pk") if "account__id__exact" in request.GET else ("-pk",)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fields: tuple[str, ...] = ("account", "name", "inside", "role", "takes_role", "sort_order", "is_subscribed")
        if obj is None:
            return fields
        if not self.has_change_permission(request, obj):
            fields = ("account", "name", "parent", "role", "sort_order")
        return (*fields, *self._shown)

    _shown = ("wire_id_shown", "total_emails", "unread_emails", "total_threads", "unread_threads")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return () if obj is None else ("account", *self._shown)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The account whose mailboxes were listed is the one that gets the new mailbox."""
        initial = super().get_changeform_initial_data(request)
        listed = parse_qs(request.GET.get("_changelist_filters", "")).get("account__id__exact")
        if listed:
            initial.setdefault("account", listed[0])
        return initial

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.account.destroyed_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or obj.account.destroyed_at is None)

    def service_add(self, request: HttpRequest, form: Any) -> Mailbox:
        account = form.cleaned_data["account"]
        with writing(account.pk) as writer:
            present = mailboxes.load(account.pk, account.user_id, owned=True)
            given = form.cleaned_data
            wanted = Node(
                mailboxes.normalized(given["name"]),
                given["inside"],
                given["role"],
                given["sort_order"],
                given["is_subscribed"],
            )
            updates = _without(present, given["role"]) if given["takes_role"] else {}
            outcome = _apply(writer, account, present, {NEW: wanted}, updates)
        return Mailbox(pk=outcome.created[NEW])

    def service_change(self, request: HttpRequest, obj: Any, form: Any) -> None:
        with writing(obj.account_id) as writer:
            present = mailboxes.load(obj.account_id, obj.account.user_id, owned=True)
            if obj.pk not in present:
                raise MailboxNotFound([obj.pk])
            wanted = form.wanted(present[obj.pk])
            updates = _without(present, wanted.role) if form.cleaned_data["takes_role"] else {}
            _apply(writer, obj.account, present, {}, {**updates, obj.pk: wanted})

    def service_remove(self, request: HttpRequest, obj: Any) -> None:
        destroy(obj.account, obj.pk, remove_emails=bool(request.POST.get("remove_emails")))

    @admin.display(description=gettext_lazy("mailbox id"))
    def wire_id_shown(self, mailbox: Mailbox) -> str:
        return mailbox.wire_id


def destroy(account: Account, key: int, remove_emails: bool) -> None:
    """Destroy a mailbox as Mailbox/set does (RFC 8621 §2.5). Raises MailError."""
    while True:
        with writing(account.pk) as writer:
            present = mailboxes.load(account.pk, account.user_id, owned=True)
            outcome = _apply(writer, account, present, {}, {}, [key], remove_emails)
        if not outcome.to_empty:
            return
        left = mailboxes.SLICE
        while left == mailboxes.SLICE:
            with writing_slice(account.pk) as writer:
                left = mailboxes.empty_slice(writer, key)


def _apply(
    writer: Writer,
    account: Account,
    present: Mapping[int, Node],
    creates: Mapping[str, Node],
    updates: Mapping[int, Node],
    destroys: tuple[int, ...] | list[int] = (),
    remove_emails: bool = False,
) -> Outcome:
    """All of it or nothing: what is refused is raised inside the transaction."""
    outcome = mailboxes.apply(writer, account.user_id, present, creates, updates, destroys, remove_emails)
    for refusal in outcome.refused.values():
        raise refusal
    return outcome


def _without(present: Mapping[int, Node], role: str | None) -> dict[int, Node]:
    """The mailbox that has a role, without it."""
    return {key: replace(node, role=None) for key, node in present.items() if role is not None and node.role == role}


def path_of(present: Mapping[int, Node], key: int) -> list[str]:
    """The names from the top to a mailbox."""
    names: list[str] = []
    place: Any = key
    while place in present and len(names) <= mailboxes.MAX_DEPTH:
        names.append(present[place].name)
        place = present[place].parent
    return names[::-1]


def _family(present: Mapping[int, Node], key: int) -> Iterator[int]:
    """A mailbox and everything inside it."""
    yield key
    for child, node in present.items():
        if node.parent == key:
            yield from _family(present, child)
