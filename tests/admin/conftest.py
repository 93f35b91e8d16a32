"""An operator at the admin, and a site with two accounts to look after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from tests.store.mailroom import Mailroom


@dataclass
class Desk:
    """A browser in which somebody has signed in to the admin."""

    client: Client
    user: Any

    def get(self, page: str, *args: Any, **query: Any) -> HttpResponse:
        """A page by the name of its URL, for instance ``jmap_mail_domain_changelist``."""
        return self.client.get(reverse(f"admin:{page}", args=args), query)

    def post(self, page: str, *args: Any, **data: Any) -> HttpResponse:
        """Send a form; what is None is left out."""
        given = {name: value for name, value in data.items() if value is not None}
        return self.client.post(reverse(f"admin:{page}", args=args), given)

    def act(self, page: str, action: str, *keys: Any, **data: Any) -> HttpResponse:
        """Choose rows of a list and an action for them."""
        return self.post(f"{page}_changelist", action=action, _selected_action=list(keys), **data)


@pytest.fixture
def desk(db: None) -> Desk:
    """A superuser's."""
    user = get_user_model().objects.create_superuser("operator", password="secret")
    client = Client()
    client.force_login(user)
    return Desk(client, user)


@pytest.fixture
def clerk(db: None) -> Callable[..., Desk]:
    """Makes the desk of staff who has just the permissions that are named."""

    def hire(*permissions: str) -> Desk:
        user = get_user_model().objects.create_user("clerk", password="secret", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(user)
        return Desk(client, user)

    return hire


@pytest.fixture
def room(db: None) -> Mailroom:
    """An account."""
    return Mailroom.open()


def errors(response: Any) -> dict[str, list[str]]:
    """What the form of a page says is wrong with it, by field."""
    found = response.context["adminform"].form.errors
    return {name: [str(message) for message in messages] for name, messages in found.items()}
