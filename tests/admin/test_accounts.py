"""Accounts in the admin: made whole, shut, shared and destroyed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model

from jmap import lifecycle
from jmap.models import Account, AccountAccess
from mail.models import Address, Mailbox
from mail.services import accounts
from tests.admin.conftest import Desk, errors
from tests.store.mailroom import Mailroom

FORM = {"address": "ada@mail.test", "name": "", "owner": "", "username": "", "password": ""}


@pytest.fixture(autouse=True)
def _domain(db: None) -> None:
    accounts.create_domain("mail.test")


def shares(room: Mailroom, *rows: dict[str, Any]) -> dict[str, Any]:
    """The form of an account's page with what is said of others who may enter."""
    data: dict[str, Any] = {"name": room.account.name, "is_active": "on"}
    kept = sum(1 for row in rows if "id" in row)
    data |= {"access-TOTAL_FORMS": len(rows), "access-INITIAL_FORMS": kept}
    data |= {"addresses-TOTAL_FORMS": 0, "addresses-INITIAL_FORMS": 0}
    for number, row in enumerate(rows):
        data |= {f"access-{number}-{name}": value for name, value in row.items()}
        data[f"access-{number}-account"] = room.account.pk
    return data


def test_one_form_makes_user_account_address_and_mailboxes(desk: Desk) -> None:
    response = desk.post("jmap_core_account_add", **{**FORM, "address": "Ada@Mail.TEST", "password": "long enough 42"})

    account = Account.objects.get()
    assert response.status_code == 302
    assert account.user.get_username() == account.name == "ada@mail.test"
    assert account.user.check_password("long enough 42")
    assert str(Address.objects.get(account=account, is_primary=True)) == "ada@mail.test"
    assert Mailbox.objects.filter(account=account, role="inbox").exists()
    assert LogEntry.objects.get().object_id == str(account.pk)


def test_an_account_for_a_user_who_is_there(desk: Desk) -> None:
    user = get_user_model().objects.create_user("grace")

    desk.post("jmap_core_account_add", **{**FORM, "owner": "grace", "name": "Grace"})

    assert (Account.objects.get().user, Account.objects.get().name) == (user, "Grace")


def test_without_a_password_the_new_user_signs_in_by_credentials_alone(desk: Desk) -> None:
    desk.post("jmap_core_account_add", **{**FORM, "username": "ada"})

    assert not get_user_model().objects.get(username="ada").has_usable_password()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": "ada@other.test"}, "address"),
        ({"owner": "stranger"}, "owner"),
        ({"owner": "operator", "username": "ada"}, "owner"),
        ({"username": "operator"}, "username"),
        ({"password": "12345"}, "password"),
    ],
)
def test_what_cannot_be_is_said_beside_the_field_and_nothing_is_made(
    desk: Desk, change: dict[str, str], field: str
) -> None:
    page = desk.post("jmap_core_account_add", **{**FORM, **change})

    assert list(errors(page)) == [field]
    assert not Account.objects.exists()
    assert list(get_user_model().objects.values_list("username", flat=True)) == ["operator"]


def test_a_taken_address_leaves_no_user_behind(desk: Desk, room: Mailroom) -> None:
    taken = str(Address.objects.get())

    page = desk.post("jmap_core_account_add", **{**FORM, "address": taken, "username": "second"})

    assert list(errors(page)) == ["address"]
    assert not get_user_model().objects.filter(username="second").exists()


def test_naming_and_shutting_an_account_leaves_its_modseq_alone(desk: Desk, room: Mailroom) -> None:
    room.deliver("one")
    before = Account.objects.get(pk=room.account.pk).modseq

    desk.post("jmap_core_account_change", room.account.pk, **{**shares(room), "name": "Renamed", "is_active": None})

    after = Account.objects.get(pk=room.account.pk)
    assert (after.name, after.is_active, after.modseq) == ("Renamed", False, before)


def test_an_account_is_shared_changed_and_unshared(desk: Desk, room: Mailroom) -> None:
    user = get_user_model().objects.create_user("grace")

    page = desk.post("jmap_core_account_change", room.account.pk, **shares(room, {"user": "grace"}))
    access = AccountAccess.objects.get(account=room.account, user=user)
    assert page.status_code == 302
    assert not access.is_read_only

    desk.post("jmap_core_account_change", room.account.pk, **shares(room, {"id": access.pk, "is_read_only": "on"}))
    access.refresh_from_db()
    assert access.is_read_only

    desk.post("jmap_core_account_change", room.account.pk, **shares(room, {"id": access.pk, "DELETE": "on"}))
    assert not AccountAccess.objects.exists()


def test_an_account_is_not_shared_with_its_owner(desk: Desk, room: Mailroom) -> None:
    owner = room.account.user.get_username()

    page = desk.post("jmap_core_account_change", room.account.pk, **shares(room, {"user": owner}))

    assert "account belongs to" in errors(page)["__all__"][0]
    assert not AccountAccess.objects.exists()


def test_accounts_are_shut_and_opened_by_the_list(desk: Desk, room: Mailroom) -> None:
    desk.act("jmap_core_account", "deactivate", room.account.pk)
    assert not Account.objects.get(pk=room.account.pk).is_active

    desk.act("jmap_core_account", "activate", room.account.pk)
    assert Account.objects.get(pk=room.account.pk).is_active


def test_destroying_asks_first_and_then_marks(desk: Desk, room: Mailroom) -> None:
    room.deliver("one")

    page = desk.act("jmap_core_account", "destroy", room.account.pk)
    assert "purged later" in page.content.decode()
    assert Account.objects.get(pk=room.account.pk).destroyed_at is None

    desk.act("jmap_core_account", "destroy", room.account.pk, confirmed="1")
    account = Account.objects.get(pk=room.account.pk)
    assert account.destroyed_at is not None
    assert not account.is_active
    assert room.counts("inbox")[0] == 1


def test_a_destroyed_account_is_only_looked_at(desk: Desk, room: Mailroom) -> None:
    lifecycle.destroy([room.account.pk])

    assert desk.get("jmap_core_account_change", room.account.pk).status_code == 200
    assert desk.post("jmap_core_account_change", room.account.pk, **shares(room)).status_code == 403
    desk.act("jmap_core_account", "activate", room.account.pk)
    assert not Account.objects.get(pk=room.account.pk).is_active


def test_an_account_is_never_deleted(desk: Desk, room: Mailroom) -> None:
    assert desk.post("jmap_core_account_delete", room.account.pk, post="yes").status_code == 403


def test_who_may_only_change_accounts_destroys_none(clerk: Any, room: Mailroom) -> None:
    desk = clerk("view_account", "change_account")

    desk.act("jmap_core_account", "destroy", room.account.pk, confirmed="1")

    assert Account.objects.get(pk=room.account.pk).destroyed_at is None


def test_the_list_tells_address_owner_and_how_many_emails(desk: Desk, room: Mailroom) -> None:
    room.deliver("one")
    room.deliver("two", boxes=("archive",))

    (row,) = desk.get("jmap_core_account_changelist", q=room.account.user.get_username()).context["cl"].result_list

    assert row.primary_address == str(Address.objects.get())
    assert row.emails == 2


def test_accounts_are_found_by_address_owner_domain_and_id(desk: Desk, room: Mailroom) -> None:
    other = get_user_model().objects.create_user("someone.else")
    accounts.create_account(user=other, address="zoe@mail.test")

    def found(word: str) -> int:
        return desk.get("jmap_core_account_changelist", q=word).context["cl"].result_count

    words = ("zoe@mail.test", "zo", "someone.else", "some", "mail.test", room.account.wire_id, "nobody")
    assert [found(word) for word in words] == [1, 1, 1, 1, 2, 1, 0]


def test_a_field_for_an_account_is_offered_those_in_use(desk: Desk, room: Mailroom) -> None:
    gone = Mailroom.open()
    lifecycle.destroy([gone.account.pk])

    offered = desk.get(
        "autocomplete", term="person", app_label="jmap_mail", model_name="address", field_name="account"
    ).json()["results"]

    assert [option["id"] for option in offered] == [str(room.account.pk)]
