"""Users in the admin, whatever the project's user model is: named in forms, and looked for by name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from jmap.ids import decode
from jmap.models import Account

MOST_FOUND = 200
"""How many accounts one word of a search may stand for."""


class UserField(forms.CharField):
    """A user by the name that they sign in with, which operators know; keys they do not."""

    default_error_messages = {"unknown": _("There is no user of that name.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", _("User"))
        kwargs.setdefault("widget", AdminTextInputWidget)
        kwargs.setdefault("help_text", _("The name that the user signs in with."))
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        """The user, or None for an empty field."""
        model: Any = get_user_model()
        if isinstance(value, model):
            return value
        name = super().to_python(value)
        if not name:
            return None
        try:
            return model._default_manager.get_by_natural_key(name)
        except model.DoesNotExist as error:
            raise forms.ValidationError(self.error_messages["unknown"], code="unknown") from error

    def run_validators(self, value: Any) -> None:
        """Those of a text do not concern a user."""

    def prepare_value(self, value: Any) -> Any:
        """The name to show."""
        return value.get_username() if isinstance(value, get_user_model()) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether another name was typed."""
        return super().has_changed(self.prepare_value(initial), data)


def user_lookup(path: str, lookup: str = "exact") -> str:
    """The lookup of a user's name over a foreign key, for instance ``account__user__email__exact``."""
    return f"{path}__{get_user_model().USERNAME_FIELD}__{lookup}"


def users_named(word: str) -> list[Any]:
    """The key of the user with exactly that name, in a list that is empty where there is none."""
    model: Any = get_user_model()
    return list(model._default_manager.filter(**{model.USERNAME_FIELD: word}).values_list("pk", flat=True)[:1])


def accounts_of(word: str) -> list[int]:
    """Keys of the accounts that a word stands for: an account id, or the name of an owner."""
    found = list(Account.objects.filter(user__in=users_named(word)).values_list("pk", flat=True)[:MOST_FOUND])
    key = decode("u", word)
    return found if key is None else [*found, key]
