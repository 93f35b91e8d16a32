"""Aliases, quotas and the delivery log in the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mail.models import Address, Alias, DeliveryRecord, Domain, Quota
from mail.services import aliases
from tests.admin.conftest import Desk, errors
from tests.delivery.post import PostOffice
from tests.store.mailroom import Mailroom


def test_an_alias_is_made_changed_and_removed(desk: Desk, room: Mailroom) -> None:
    desk.post("jmap_mail_alias_add", address="Team@mail.test", targets="ada@elsewhere.test\r\nEve@mail.test\r\n")
    alias = Alias.objects.get(local_part="team")
    made = [target.target for target in alias.targets.order_by("pk")]

    desk.post("jmap_mail_alias_change", alias.pk, targets="eve@mail.test bob@mail.test")
    changed = [target.target for target in alias.targets.order_by("pk")]
    desk.post("jmap_mail_alias_delete", alias.pk, post="yes")

    assert made == ["ada@elsewhere.test", "eve@mail.test"]
    assert changed == ["eve@mail.test", "bob@mail.test"]
    assert not Alias.objects.filter(pk=alias.pk).exists()


def test_a_catch_all_is_an_alias_without_a_local_part(desk: Desk, room: Mailroom) -> None:
    response = desk.post("jmap_mail_alias_add", address="@MAIL.test", targets="ada@elsewhere.test")

    assert response.status_code == 302
    assert str(Alias.objects.get(local_part="")) == "@mail.test"


@pytest.mark.parametrize(
    ("address", "targets", "field"),
    [
        ("team@other.test", "ada@x.test", "address"),
        ("team", "ada@x.test", "address"),
        ("team@mail.test", "nobody", "targets"),
        ("team@mail.test", "TEAM@mail.test", "targets"),
    ],
)
def test_an_alias_that_cannot_be_is_refused_beside_the_field(
    desk: Desk, room: Mailroom, address: str, targets: str, field: str
) -> None:
    page = desk.post("jmap_mail_alias_add", address=address, targets=targets)

    assert list(errors(page)) == [field]
    assert not Alias.objects.filter(account=None).exists()


def test_addresses_and_aliases_are_on_pages_of_their_own(desk: Desk, room: Mailroom) -> None:
    aliases.create("team@mail.test", ["ada@elsewhere.test"])

    addresses = desk.get("jmap_mail_address_changelist").content.decode()
    listed = desk.get("jmap_mail_alias_changelist", q="ada@elsewhere.test").content.decode()

    assert "team@mail.test" not in addresses
    assert "team@mail.test" in listed
    assert str(Address.objects.get(account=room.account)) not in listed


def test_an_account_without_an_address_form_field_is_refused(desk: Desk, room: Mailroom) -> None:
    assert "account" in errors(desk.post("jmap_mail_address_add", address="ada@mail.test"))


@pytest.mark.parametrize(("typed", "octets"), [("5 GB", 5 * 10**9), ("1.5m", 1_500_000), ("700", 700), ("", None)])
def test_the_limits_of_an_account_are_typed_as_people_write_sizes(
    desk: Desk, room: Mailroom, typed: str, octets: int | None
) -> None:
    inlines: dict[str, Any] = {
        f"{prefix}-{name}_FORMS": 0 for prefix in ("access", "addresses") for name in ("TOTAL", "INITIAL")
    }

    response = desk.post(
        "jmap_core_account_change", room.account.pk, name="Ada", is_active="on", max_octets=typed, **inlines
    )

    assert response.status_code == 302, errors(response)
    assert Quota.objects.get(account=room.account).max_octets == octets


def test_the_limits_of_a_domain_are_kept_and_what_it_holds_is_shown(desk: Desk, room: Mailroom) -> None:
    PostOffice(room).send("one")
    domain = Domain.objects.get()

    desk.post("jmap_mail_domain_change", domain.pk, is_active="on", max_emails="10", max_octets="2 MB")
    refused = desk.post("jmap_mail_domain_change", domain.pk, is_active="on", max_octets="a lot")

    domain.refresh_from_db()
    assert (domain.max_emails, domain.max_octets, domain.emails) == (10, 2_000_000, 1)
    assert list(errors(refused)) == ["max_octets"]
    assert "2 MB" in desk.get("jmap_mail_domain_change", domain.pk).content.decode()


def _found(desk: Desk, **query: str) -> list[str]:
    page: Any = desk.get("jmap_mail_deliveryrecord_changelist", **query)
    return sorted(f"{row.recipient} {row.code}" for row in page.context["cl"].result_list)


def test_the_log_answers_where_mail_is(desk: Desk, room: Mailroom) -> None:
    post = PostOffice(room)
    post.send("one", post.address, "nobody@mail.test", queue_id="4F2A")
    post.send("two", queue_id="5B3C", sender="other@elsewhere.test")
    delivered, refused = f"{post.address} 250", "nobody@mail.test 550"

    assert _found(desk, q="<one@mail.test>") == sorted([delivered, refused])
    assert _found(desk, q="4F2A") == sorted([delivered, refused])
    assert _found(desk, q="NOBODY@mail.test") == [refused]
    assert _found(desk, q="other@elsewhere.test") == [delivered]
    assert _found(desk, q=room.account.wire_id) == [delivered, delivered]
    assert _found(desk, q=f"5B3C {post.address}") == [delivered]
    assert _found(desk, failed="1") == [refused]


def test_the_log_shows_one_delivery_and_lets_nobody_write(desk: Desk, room: Mailroom) -> None:
    PostOffice(room).send("one")
    record = DeliveryRecord.objects.get()

    page = desk.get("jmap_mail_deliveryrecord_change", record.pk)

    assert "one@mail.test" in page.content.decode()
    assert desk.post("jmap_mail_deliveryrecord_change", record.pk, text="x").status_code == 403
    assert desk.get("jmap_mail_deliveryrecord_add").status_code == 403


def test_a_search_in_the_log_asks_indexes_alone(desk: Desk, room: Mailroom) -> None:
    post = PostOffice(room)
    for number in range(3):
        post.send(f"m{number}", "nobody@mail.test", "somebody@mail.test", post.address)

    with CaptureQueriesContext(connection) as queries:
        _found(desk, q=post.address)

    asked = [query["sql"] for query in queries if "deliveryrecord" in query["sql"]]
    assert len(asked) <= 6
    assert not any("LIKE" in sql for sql in asked)
