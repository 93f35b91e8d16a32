"""Credentials in the admin: issued, shown once, revoked."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session

from jmap.auth.verify import Refused, Verifier
from jmap.models import Credential
from tests.admin.conftest import Desk, errors

FORM = {"user": "grace", "kind": "app", "name": "Phone", "expires_at_0": "", "expires_at_1": ""}


@pytest.fixture(autouse=True)
def grace(db: None) -> Any:
    """A user."""
    return get_user_model().objects.create_user("grace")


def header(kind: str, secret: str) -> bytes:
    """The Authorization header that a client sends."""
    if kind == "token":
        return b"Bearer " + secret.encode()
    return b"Basic " + base64.b64encode(f"grace:{secret}".encode())


@pytest.mark.parametrize("kind", ["app", "token"])
def test_what_is_issued_lets_its_user_in_until_it_is_revoked(desk: Desk, grace: Any, kind: str) -> None:
    page: Any = desk.post("jmap_core_credential_add", **{**FORM, "kind": kind})
    secret = page.context["secret"]
    verified = Verifier().verify(header(kind, secret), "127.0.0.1")
    assert verified.user_key == grace.pk

    desk.act("jmap_core_credential", "revoke", Credential.objects.get().pk)

    with pytest.raises(Refused):
        verified.current_principal()
    with pytest.raises(Refused):
        Verifier().verify(header(kind, secret), "127.0.0.1")


def test_the_secret_is_in_one_answer_and_nowhere_else(desk: Desk) -> None:
    page: Any = desk.post("jmap_core_credential_add", **FORM)
    secret, key = page.context["secret"], Credential.objects.get().pk

    assert page.content.decode().count(secret) == 1
    assert "no-store" in page["Cache-Control"]
    assert secret not in str(page.cookies)
    assert secret not in str([session.get_decoded() for session in Session.objects.all()])
    assert secret not in str(LogEntry.objects.values_list())
    for later in (desk.get("jmap_core_credential_change", key), desk.get("jmap_core_credential_changelist")):
        assert secret not in later.content.decode()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"user": "stranger"}, "user"),
        ({"user": ""}, "user"),
        ({"kind": "other"}, "kind"),
        ({"expires_at_0": "2001-01-01", "expires_at_1": "00:00:00"}, "expires_at"),
    ],
)
def test_what_cannot_be_issued_is_said_beside_the_field(desk: Desk, given: dict[str, str], field: str) -> None:
    page = desk.post("jmap_core_credential_add", **{**FORM, **given})

    assert list(errors(page)) == [field]
    assert not Credential.objects.exists()


def test_a_credential_is_neither_changed_nor_deleted(desk: Desk, grace: Any) -> None:
    credential, _secret = Credential.issue(grace, "app", "Phone")

    assert desk.post("jmap_core_credential_change", credential.pk, name="Other").status_code == 403
    assert desk.post("jmap_core_credential_delete", credential.pk, post="yes").status_code == 403
    assert "deletelink" not in desk.get("jmap_core_credential_change", credential.pk).content.decode()


def test_revoking_is_logged_and_needs_its_permission(desk: Desk, clerk: Callable[..., Desk], grace: Any) -> None:
    credential, _secret = Credential.issue(grace, "app", "Phone")

    clerk("view_credential").act("jmap_core_credential", "revoke", credential.pk)
    assert Credential.objects.get().revoked_at is None

    desk.act("jmap_core_credential", "revoke", credential.pk)
    first = Credential.objects.get().revoked_at
    desk.act("jmap_core_credential", "revoke", credential.pk)

    assert first is not None
    assert Credential.objects.get().revoked_at == first
    assert LogEntry.objects.filter(object_id=str(credential.pk)).count() == 1


def test_credentials_are_found_by_their_user(desk: Desk, grace: Any) -> None:
    Credential.issue(grace, "app", "Phone")
    Credential.issue(desk.user, "app", "Laptop")

    page: Any = desk.get("jmap_core_credential_changelist", q="grace")

    assert [row.name for row in page.context["cl"].result_list] == ["Phone"]
