"""The Session object says what a principal may do, and its state changes exactly when it says something else."""

from dataclasses import replace
from typing import Any

import pytest

from jmap.protocol.method import CORE
from jmap.protocol.ports import Limits
from jmap.protocol.session import Urls, session
from tests.protocol.bakery import BAKERY, CELLAR, Baker, Bakery

URLS = Urls("https://b.example/api", "https://b.example/up/{accountId}", "https://b.example/down")


def session_of(bakery: Bakery, urls: Urls = URLS) -> dict[str, Any]:
    """The Session object of the bakery's principal."""
    return session(bakery.principal, bakery.registry, bakery.limits, urls)


@pytest.mark.rfc(8620, "2")
def test_the_core_capability_states_every_limit(bakery: Bakery) -> None:
    core = session_of(bakery)["capabilities"][CORE]

    assert core == {
        "maxSizeUpload": 50_000_000,
        "maxConcurrentUpload": 4,
        "maxSizeRequest": 10_000_000,
        "maxConcurrentRequests": 8,
        "maxCallsInRequest": 64,
        "maxObjectsInGet": 1000,
        "maxObjectsInSet": 1000,
        "collationAlgorithms": ["i;ascii-casemap", "i;octet", "i;unicode-casemap"],
    }


@pytest.mark.rfc(8620, "2")
def test_accounts_say_whose_they_are_and_what_they_can(bakery: Bakery) -> None:
    accounts = session_of(bakery)["accounts"]

    assert list(accounts) == ["own", "shared", "museum", "cellar"]
    assert accounts["own"] == {
        "name": "ada@bakery.example",
        "isPersonal": True,
        "isReadOnly": False,
        "accountCapabilities": {BAKERY: {"mayBake": True}, CELLAR: {"bottles": 7}},
    }
    assert accounts["museum"]["isReadOnly"]
    assert accounts["museum"]["accountCapabilities"] == {BAKERY: {"mayBake": False}}


@pytest.mark.rfc(8620, "2")
def test_primary_accounts_are_the_own_ones_and_never_for_the_core(bakery: Bakery) -> None:
    assert session_of(bakery)["primaryAccounts"] == {BAKERY: "own", CELLAR: "own"}


@pytest.mark.rfc(8620, "2")
def test_somebody_without_an_account_of_their_own_has_no_primary_account(bakery: Bakery) -> None:
    del bakery.principal.accounts["own"]

    assert session_of(bakery)["primaryAccounts"] == {}


@pytest.mark.rfc(8620, "2")
def test_there_is_no_event_source_where_nothing_serves_push(bakery: Bakery) -> None:
    assert "eventSourceUrl" not in session_of(bakery)
    assert (
        session_of(bakery, replace(URLS, event_source="https://b.example/ev"))["eventSourceUrl"]
        == "https://b.example/ev"
    )


@pytest.mark.rfc(8620, "2")
def test_the_state_stays_while_the_content_stays(bakery: Bakery) -> None:
    assert session_of(bakery)["state"] == session_of(Bakery())["state"]


@pytest.mark.rfc(8620, "2")
def test_the_state_changes_with_any_part_of_the_content(bakery: Bakery) -> None:
    before = session_of(bakery)["state"]
    states = {before}

    states.add(session_of(bakery, replace(URLS, api="https://other.example/api"))["state"])
    bakery.principal = Baker(username="grace")
    states.add(session_of(bakery)["state"])
    bakery.principal = Baker()
    bakery.principal.accounts["own"] = replace(bakery.principal.accounts["own"], is_read_only=True)
    states.add(session_of(bakery)["state"])
    bakery.principal = Baker()
    bakery.limits = Limits(max_calls_in_request=7)
    states.add(session_of(bakery)["state"])

    assert len(states) == 5
