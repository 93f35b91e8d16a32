"""What services of mail refuse, as an operator reads it: the field of the form at fault, and why."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from jmap.admin.base import ServiceAdmin
from mail.services import errors

_FIELDS = {"name": "name", "parent": "inside", "role": "role", "sort_order": "sort_order"}


class MailAdmin(ServiceAdmin):
    """A page over the services of mail."""

    refusals: Any = (errors.MailError,)

    def explain(self, refusal: Exception) -> tuple[str | None, str]:
        """See ``explain`` of this module."""
        return explain(refusal)


def explain(refusal: Exception) -> tuple[str | None, str]:
    """(field, words) for an error of ``mail.services``; the field is None where it is about the whole."""
    match refusal:
        case errors.InvalidMailbox():
            return _FIELDS[refusal.properties[0]], _sentence(str(refusal))
        case errors.MailboxNameTaken():
            return "name", _("A mailbox of that name is there already.")
        case errors.MailboxHasChild():
            return None, _("There is a mailbox inside this one; move or destroy that first.")
        case errors.MailboxHasEmail():
            return None, _("The mailbox holds emails; say that they are to be removed with it.")
        case errors.MailboxNotFound():
            return None, _("The mailbox is gone.")
        case errors.AddressTaken() | errors.InvalidAddress():
            return "address", f"{refusal}."
        case errors.InvalidTarget():
            return "targets", _sentence(str(refusal))
        case errors.UserTaken():
            return "username", _sentence(str(refusal))
        case errors.PrimaryAddress() | errors.DomainInUse():
            return None, f"{refusal}."
    return None, _sentence(str(refusal))


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
