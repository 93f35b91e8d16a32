"""Identity: what the user may send as (RFC 8621 §6)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from django.apps import apps

from jmap.models import Account, TypeState
from jmap.models.tracked import services_write
from mail.models import Address, Domain
from mail.services import accounts
from submission.models import DomainGrant
from submission.models import Identity as IdentityRow
from submission.services import identities
from tests.submission.conftest import Sender

PROPERTIES = {"id", "name", "email", "replyTo", "bcc", "textSignature", "htmlSignature", "mayDelete"}


def emails(sender: Sender) -> dict[str, bool]:
    """The addresses of all identities, and whether each may be deleted."""
    return {one["email"]: one["mayDelete"] for one in sender.call("Identity/get", ids=None)["list"]}


def refusal(sender: Sender, **properties: Any) -> dict[str, Any]:
    """The SetError that creating an identity is refused with."""
    answer = sender.call("Identity/set", create={"i": properties})
    assert answer["created"] is None
    return answer["notCreated"]["i"]


@pytest.mark.rfc(8621, "6.1")
def test_an_account_has_an_identity_of_its_address_from_the_start_with_every_property(alice: Sender) -> None:
    answer = alice.call("Identity/get", ids=None)

    assert [set(one) for one in answer["list"]] == [PROPERTIES]
    assert answer["list"][0] | {"id": ""} == {
        "id": "",
        "name": "Alice",
        "email": "alice@example.org",
        "replyTo": None,
        "bcc": None,
        "textSignature": "",
        "htmlSignature": "",
        "mayDelete": False,
    }


@pytest.mark.own("identities follow the addresses of an account")
def test_an_alias_brings_an_identity_and_takes_it_along(alice: Sender) -> None:
    before = alice.call("Identity/get", ids=[])["state"]

    alias = accounts.add_address(alice.account, "al@example.org")
    with_alias = emails(alice)
    accounts.remove_address(alias)
    changes = alice.call("Identity/changes", sinceState=before)

    assert with_alias == {"alice@example.org": False, "al@example.org": True}
    assert emails(alice) == {"alice@example.org": False}
    assert (changes["created"], changes["updated"], changes["destroyed"]) == ([], [], [])


@pytest.mark.own("the identity of the primary address stays")
def test_another_primary_address_lets_the_old_one_go(alice: Sender) -> None:
    accounts.set_primary(accounts.add_address(alice.account, "al@example.org"))

    assert emails(alice) == {"alice@example.org": True, "al@example.org": False}


@pytest.mark.rfc(8621, "6.3")
def test_a_second_identity_of_an_address_may_be_made_changed_and_destroyed(alice: Sender) -> None:
    created = alice.call("Identity/set", create={"i": {"email": "Alice@EXAMPLE.org", "textSignature": "-- \nA."}})
    made = created["created"]["i"]
    updated = alice.call(
        "Identity/set", update={made["id"]: {"name": "A", "replyTo": [{"name": None, "email": "x@y.test"}]}}
    )
    row = alice.call("Identity/get", ids=[made["id"]])["list"][0]
    destroyed = alice.call("Identity/set", destroy=[made["id"]])

    assert made["mayDelete"] is True
    assert updated["updated"] == {made["id"]: None}
    assert (row["email"], row["name"], row["textSignature"]) == ("Alice@EXAMPLE.org", "A", "-- \nA.")
    assert row["replyTo"] == [{"name": None, "email": "x@y.test"}]
    assert destroyed["destroyed"] == [made["id"]]


@pytest.mark.rfc(8621, "6.3")
@pytest.mark.parametrize("email", ["bob@example.org", "alice@elsewhere.test", "*@example.org", "", "alice", "a\r\nb@x"])
def test_an_address_that_is_not_the_users_is_forbidden(alice: Sender, email: str) -> None:
    assert refusal(alice, email=email)["type"] == "forbiddenFrom"


@pytest.mark.rfc(8621, "6")
def test_a_granted_domain_may_be_sent_from_until_it_is_taken_back(alice: Sender) -> None:
    grant = identities.grant_domain(alice.account, Domain.objects.get())
    alice.call("Identity/set", create={"i": {"email": "anything@example.org"}})
    granted = emails(alice)

    identities.revoke_domain(grant)

    assert granted == {"alice@example.org": False, "*@example.org": True, "anything@example.org": True}
    assert emails(alice) == {"alice@example.org": False}
    assert not DomainGrant.objects.exists()


@pytest.mark.rfc(8621, "6")
def test_the_identity_of_the_primary_address_may_not_be_deleted(alice: Sender) -> None:
    answer = alice.call("Identity/set", destroy=[alice.identity, "iaaaa", "nonsense"])

    assert {key: error["type"] for key, error in answer["notDestroyed"].items()} == {
        alice.identity: "forbidden",
        "iaaaa": "notFound",
        "nonsense": "notFound",
    }


@pytest.mark.rfc(8621, "6")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("email", "other@example.org"),
        ("mayDelete", True),
        ("name", "A\r\nBcc: all@example.org"),
        ("name", "x" * 256),
        ("replyTo", [{"name": "x", "email": "no address"}]),
        ("bcc", [{"name": "a\nb", "email": "x@y.test"}]),
        ("textSignature", "\0"),
        ("htmlSignature", 5),
        ("nonsense", 5),
    ],
)
def test_what_no_identity_can_be_is_named(alice: Sender, name: str, value: Any) -> None:
    answer = alice.call("Identity/set", update={alice.identity: {name: value}})

    error = answer["notUpdated"][alice.identity]
    assert (error["type"], error["properties"]) == ("invalidProperties", [name])


@pytest.mark.rfc(8620, "5.3")
def test_an_update_that_changes_nothing_moves_no_state(alice: Sender) -> None:
    answer = alice.call("Identity/set", update={alice.identity: {"name": "Alice", "mayDelete": False}})

    assert answer["updated"] == {alice.identity: None}
    assert answer["oldState"] == answer["newState"]


@pytest.mark.own("a destroyed account keeps no identity that nobody can send from")
def test_removing_the_last_address_of_a_destroyed_account_is_no_error(alice: Sender) -> None:
    from jmap import lifecycle

    lifecycle.destroy([alice.account.pk])
    accounts.remove_address(Address.objects.get())

    assert not Address.objects.exists()


@pytest.mark.own("accounts from before mail out get identities when the database is migrated")
def test_an_account_from_before_gets_an_identity_for_each_address(alice: Sender) -> None:
    accounts.add_address(alice.account, "al@example.org")
    with services_write():
        IdentityRow.objects.all().delete()
        TypeState.objects.filter(type="Identity").delete()
    before = Account.objects.get().modseq

    with services_write():
        import_module("submission.migrations.0002_identities").give_identities(apps, None)

    answer = alice.call("Identity/changes", sinceState="1-0")
    assert emails(alice) == {"alice@example.org": False, "al@example.org": True}
    assert len(answer["created"]) == 2
    assert Account.objects.get().modseq == before + 2
