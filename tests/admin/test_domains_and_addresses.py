"""Domains and addresses in the admin."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import DELETION, LogEntry

from jmap import lifecycle
from mail.models import Address, Domain
from mail.services import accounts
from tests.admin.conftest import Desk, errors
from tests.store.mailroom import Mailroom


def test_a_domain_is_stored_as_it_is_looked_up(desk: Desk) -> None:
    response = desk.post("jmap_mail_domain_add", name="Bücher.Example.", is_active="on")

    assert response.status_code == 302
    assert Domain.objects.get().name == "xn--bcher-kva.example"
    assert "bücher.example" in desk.get("jmap_mail_domain_changelist").content.decode()


def test_a_domain_that_is_there_is_not_added_again(desk: Desk) -> None:
    accounts.create_domain("mail.test")

    assert "name" in errors(desk.post("jmap_mail_domain_add", name="MAIL.test"))
    assert Domain.objects.count() == 1


@pytest.mark.parametrize("name", ["", "two words", "-x.test", "a..b", "x" * 64 + ".test"])
def test_what_is_no_domain_is_refused_beside_the_field(desk: Desk, name: str) -> None:
    assert "name" in errors(desk.post("jmap_mail_domain_add", name=name))
    assert not Domain.objects.exists()


def test_a_domain_is_switched_off_and_keeps_its_name(desk: Desk) -> None:
    domain = accounts.create_domain("mail.test")

    desk.post("jmap_mail_domain_change", domain.pk, name="other.test")

    domain.refresh_from_db()
    assert (domain.name, domain.is_active) == ("mail.test", False)


def test_a_domain_with_addresses_stays(desk: Desk, room: Mailroom) -> None:
    domain = Domain.objects.get()

    page = desk.post("jmap_mail_domain_delete", domain.pk, post="yes")

    assert "person" in page.content.decode()
    assert Domain.objects.filter(pk=domain.pk).exists()
    assert not LogEntry.objects.filter(action_flag=DELETION).exists()


def test_a_domain_without_addresses_goes_and_the_log_says_so(desk: Desk) -> None:
    domain = accounts.create_domain("mail.test")

    desk.post("jmap_mail_domain_delete", domain.pk, post="yes")

    assert not Domain.objects.exists()
    assert LogEntry.objects.get(action_flag=DELETION).object_repr == "mail.test"


@pytest.mark.parametrize(("word", "found"), [("mail", 1), ("MAIL.TEST", 1), ("test", 0), ("bücher.example", 1)])
def test_domains_are_found_by_how_they_begin(desk: Desk, word: str, found: int) -> None:
    accounts.create_domain("mail.test")
    accounts.create_domain("bücher.example")

    assert desk.get("jmap_mail_domain_changelist", q=word).context["cl"].result_count == found


def test_an_address_is_added_in_the_form_in_which_it_is_looked_up(desk: Desk, room: Mailroom) -> None:
    response = desk.post("jmap_mail_address_add", address="Ada.Second@MAIL.test", account=room.account.pk)

    made = Address.objects.get(local_part="ada.second")
    assert response.status_code == 302
    assert (made.account, made.is_primary) == (room.account, False)


def test_a_new_primary_address_takes_the_place_of_the_old_one(desk: Desk, room: Mailroom) -> None:
    desk.post("jmap_mail_address_add", address="ada@mail.test", account=room.account.pk, is_primary="on")

    held = Address.objects.filter(account=room.account)
    assert [str(address) for address in held.filter(is_primary=True)] == ["ada@mail.test"]
    assert held.count() == 2


@pytest.mark.parametrize("address", ["nobody", "ada@other.test", "a b@mail.test", "@mail.test"])
def test_what_cannot_be_an_address_here_is_refused_beside_the_field(desk: Desk, room: Mailroom, address: str) -> None:
    page = desk.post("jmap_mail_address_add", address=address, account=room.account.pk)

    assert list(errors(page)) == ["address"]
    assert Address.objects.count() == 1


def test_an_address_that_is_taken_is_refused_beside_the_field(desk: Desk, room: Mailroom) -> None:
    taken = str(Address.objects.get())

    page = desk.post("jmap_mail_address_add", address=taken, account=Mailroom.open().account.pk)

    assert "is an address already" in errors(page)["address"][0]


def test_a_destroyed_account_gets_no_address(desk: Desk, room: Mailroom) -> None:
    lifecycle.destroy([room.account.pk])

    page = desk.post("jmap_mail_address_add", address="ada@mail.test", account=room.account.pk)

    assert "__all__" in errors(page)


def test_the_primary_address_stays_until_another_takes_its_place(desk: Desk, room: Mailroom) -> None:
    primary = Address.objects.get()

    refused = desk.client.post(f"/admin/jmap_mail/address/{primary.pk}/delete/", {"post": "yes"}, follow=True)
    assert "is the primary address of its account" in refused.content.decode()
    assert Address.objects.filter(pk=primary.pk).exists()

    other = accounts.add_address(room.account, "other@mail.test")
    desk.act("jmap_mail_address", "make_primary", other.pk)
    desk.post("jmap_mail_address_delete", primary.pk, post="yes")

    assert [str(address) for address in Address.objects.filter(is_primary=True)] == ["other@mail.test"]
    assert Address.objects.count() == 1


def test_addresses_are_found_whole_by_how_they_begin_and_by_domain(desk: Desk, room: Mailroom) -> None:
    accounts.add_address(room.account, "zoe@mail.test")

    def found(word: str) -> int:
        return desk.get("jmap_mail_address_changelist", q=word).context["cl"].result_count

    assert [found(word) for word in ("zoe@mail.test", "ZO", "zoe@ma", "mail.test", "oe", "@mail.test")] == [
        1,
        1,
        1,
        2,
        0,
        2,
    ]
