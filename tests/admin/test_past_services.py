"""Nothing is written past the services: every path of Django's that leads to a synchronised row, driven."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import ProtectedError

from jmap.models import Account, AccountAccess, Credential, Tombstone, TypeState, Upload
from jmap.models.tracked import GuardedModel, WritePastServices
from mail.models import Email, Mailbox, MailboxSubscription, Membership, Thread
from tests.admin.conftest import Desk
from tests.store.mailroom import Mailroom

WAYS: dict[str, Callable[[Any], object]] = {
    "save": lambda row: row.save(),
    "save of some fields": lambda row: row.save(update_fields=["name"]),
    "delete": lambda row: row.delete(),
    "create": lambda row: type(row).objects.create(account=row.account, name="Past"),
    "update": lambda row: type(row).objects.filter(pk=row.pk).update(name="Past"),
    "update or create": lambda row: type(row).objects.update_or_create(pk=row.pk, defaults={"name": "Past"}),
    "bulk_create": lambda row: type(row).objects.bulk_create([Mailbox(account=row.account, name="Past")]),
    "bulk_update": lambda row: type(row).objects.bulk_update([row], ["name"]),
    "delete of a queryset": lambda row: type(row).objects.filter(pk=row.pk).delete(),
    "raw delete": lambda row: type(row).objects.filter(pk=row.pk)._raw_delete("default"),
    "base manager": lambda row: type(row)._base_manager.filter(pk=row.pk).update(name="Past"),
    "default manager": lambda row: type(row)._default_manager.filter(pk=row.pk).update(name="Past"),
    "related manager": lambda row: Mailbox(pk=row.pk).children.update(name="Past"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_mailbox_is_not_written_outside_of_a_service(room: Mailroom, way: str) -> None:
    inbox = Mailbox.objects.get(pk=room.boxes["inbox"])

    with pytest.raises(WritePastServices):
        WAYS[way](inbox)

    assert list(Mailbox.objects.filter(pk=inbox.pk).values_list("name", flat=True)) == ["Inbox"]


@pytest.mark.parametrize("model", [Email, Membership, Thread, Tombstone])
def test_rows_of_every_synchronised_kind_are_guarded(room: Mailroom, model: type[GuardedModel]) -> None:
    room.deliver("one")

    with pytest.raises(WritePastServices):
        model.objects.filter(account=room.account).delete()
    with pytest.raises(WritePastServices):
        model().save()


def test_an_account_with_mail_is_not_deleted_by_a_cascade(room: Mailroom) -> None:
    room.deliver("one")

    with pytest.raises((ProtectedError, WritePastServices)):
        room.account.delete()
    with pytest.raises((ProtectedError, WritePastServices)):
        Account.objects.filter(pk=room.account.pk).delete()

    assert Email.objects.filter(account=room.account).count() == 1


def leave(room: Mailroom) -> Any:
    """The owner of a room, to whom every kind of row belongs that goes with a user."""
    user = room.account.user
    Credential.issue(user, "app", "Phone")
    AccountAccess.objects.create(account=Mailroom.open().account, user=user)
    email = room.deliver("one")
    Upload.objects.create(
        account=room.account, user=user, blob_id=email.blob_id, type="a/b", uploaded_at="2026-01-01T00:00:00Z"
    )
    assert MailboxSubscription.objects.filter(user=user).exists()
    return user


def by_page(desk: Desk, user: Any) -> None:
    """The button on the user's page."""
    assert desk.post("auth_user_delete", user.pk, post="yes").status_code == 302


def by_action(desk: Desk, user: Any) -> None:
    """The action of the list of users."""
    assert desk.act("auth_user", "delete_selected", user.pk, post="yes").status_code == 302


GOING: dict[str, Callable[[Desk, Any], object]] = {
    "delete": lambda desk, user: user.delete(),
    "queryset": lambda desk, user: get_user_model().objects.filter(pk=user.pk).delete(),
    "page of the admin": by_page,
    "action of the admin": by_action,
}


@pytest.mark.parametrize("way", GOING)
def test_a_user_who_goes_leaves_the_account_marked_destroyed(desk: Desk, room: Mailroom, way: str) -> None:
    user = leave(room)
    key = user.pk

    GOING[way](desk, user)

    room.account.refresh_from_db()
    assert not get_user_model().objects.filter(pk=key).exists()
    assert room.account.user is None
    assert room.account.destroyed_at is not None
    assert not room.account.is_active
    assert Email.objects.filter(account=room.account).count() == 1
    assert Mailbox.objects.filter(account=room.account).count() == 6


def test_books_of_the_store_have_no_page() -> None:
    registered = set(admin.site._registry)

    assert not registered & {Tombstone, TypeState, Membership, Thread, MailboxSubscription}


@pytest.mark.parametrize("model", [Mailbox, Account, Credential, Email])
def test_no_page_of_ours_offers_what_deletes_by_cascade(desk: Desk, model: Any) -> None:
    page = admin.site._registry[model]
    request = desk.get("index").wsgi_request

    assert "delete_selected" not in page.get_actions(request)
    if hasattr(page, "delete_queryset") and hasattr(page, "service_remove"):
        with pytest.raises(WritePastServices):
            page.delete_queryset(request, model.objects.all())
