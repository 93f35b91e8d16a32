"""First users of a site: its administrator, and people with a mailbox.

Making one that exists already changes nothing, so that what was cut short can be run again.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from mail.models import Address
from mail.services import accounts


def find_user(username: str) -> Any | None:
    """The user of that name, or None."""
    model = get_user_model()
    return model._default_manager.filter(**{model.USERNAME_FIELD: username}).first()


def ensure_admin(username: str, password: str) -> bool:
    """Make an administrator unless the user exists; whether it was made.

    Raises ValidationError where the name belongs to somebody who is no administrator.
    """
    user: Any = find_user(username)
    if user is not None:
        if not user.is_superuser:
            raise ValidationError(_("%(name)s exists and is no administrator.") % {"name": username})
        return False
    model: Any = get_user_model()
    model._default_manager.create_superuser(**{model.USERNAME_FIELD: username}, password=password)
    return True


def find_address(address: str) -> Address | None:
    """The address in the database, or None. Raises InvalidAddress where this is none."""
    local_part, domain = accounts.split_address(address)
    return Address.objects.filter(local_part=local_part, domain__name=domain).first()


def ensure_mailbox(address: str, password: str, display_name: str = "") -> bool:
    """Make the domain, the user (named like the address) and the account that are missing; whether one was made.

    Raises InvalidAddress where the address is not well-formed.
    """
    if find_address(address):
        return False
    local_part, domain = accounts.split_address(address)
    full = f"{local_part}@{domain}"
    accounts.create_domain(domain)
    user = find_user(full)
    with transaction.atomic():
        if user is None:
            model: Any = get_user_model()
            user = model._default_manager.create_user(**{model.USERNAME_FIELD: full}, password=password)
        accounts.create_account(user=user, address=full, display_name=display_name or full)
    return True
