"""Failed log-ins are throttled for each name and address, and the owner's devices never pay for it.

The servers under test allow 8 failures for a name and 30 from an address.
"""

import httpx
import pytest

from tests.wire.conftest import Clerk, Edge, Person, new_address
from tests.wire.test_credentials import basic, session_status


def guess(edge: Edge, person: Person, times: int, address: str | None = None) -> list[httpx.Response]:
    """The answers to wrong passwords for a person from one address."""
    with edge.client(address=address) as client:
        return [
            client.get("/jmap/session", headers={"Authorization": basic(person.name, f"guess {number}")})
            for number in range(times)
        ]


@pytest.mark.rfc(6585, "4")
def test_guesses_at_a_name_are_refused_after_a_while(edge: Edge, person: Person) -> None:
    answers = guess(edge, person, 12)

    assert [answer.status_code for answer in answers] == [401] * 8 + [429] * 4
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].headers["content-type"] == "application/problem+json"


@pytest.mark.rfc(6585, "4")
def test_guesses_from_many_addresses_count_together(edge: Edge, person: Person) -> None:
    statuses = [guess(edge, person, 1)[0].status_code for _ in range(12)]

    assert statuses == [401] * 8 + [429] * 4


@pytest.mark.rfc(6585, "4")
def test_guesses_at_many_names_from_one_address_count_together(edge: Edge) -> None:
    address = new_address()
    with edge.client(address=address) as client:
        headers = [{"Authorization": basic(f"name{number}", "guess")} for number in range(34)]
        statuses = [client.get("/jmap/session", headers=header).status_code for header in headers]

    assert statuses == [401] * 30 + [429] * 4


@pytest.mark.rfc(6585, "4")
def test_a_name_that_nobody_has_is_throttled_alike(edge: Edge) -> None:
    answers = guess(edge, Person(f"ghost-{edge.name}", "", ""), 12)

    assert [answer.status_code for answer in answers] == [401] * 8 + [429] * 4


@pytest.mark.rfc(8620, "8.2")
def test_the_owners_devices_pass_while_strangers_are_throttled(edge: Edge, person: Person) -> None:
    home = new_address()
    with edge.client(person, address=home) as device, edge.client(person, address=home) as other:
        before = session_status(device)
        stranger = guess(edge, person, 12)[-1].status_code
        during = [session_status(device), session_status(other)]

    assert before == 200
    assert stranger == 429
    assert during == [200, 200]


@pytest.mark.rfc(8620, "8.2")
def test_a_device_on_the_move_passes_while_strangers_are_throttled(edge: Edge, person: Person) -> None:
    with edge.client(person) as at_home:
        session_status(at_home)
    guess(edge, person, 12)

    with edge.client(person) as elsewhere:
        assert session_status(elsewhere) == 200


@pytest.mark.rfc(8620, "8.2")
def test_a_known_address_may_mistype_while_strangers_are_throttled(edge: Edge, person: Person, clerk: Clerk) -> None:
    home = new_address()
    with edge.client(person, address=home) as device:
        session_status(device)
        guess(edge, person, 12)
        clerk.change(name=person.name, password="changed meanwhile")
        old = session_status(device)
        new = session_status(device, basic(person.name, "changed meanwhile"))

    assert [old, new] == [401, 200]


@pytest.mark.rfc(8620, "8.2")
def test_app_passwords_and_tokens_pass_while_the_name_is_throttled(edge: Edge, person: Person, clerk: Clerk) -> None:
    app, token = (clerk.credential(name=person.name, kind=kind) for kind in ("app", "token"))
    guess(edge, person, 12)

    with edge.client() as client:
        statuses = [session_status(client, basic(person.name, app)), session_status(client, f"Bearer {token}")]

    assert statuses == [200, 200]


@pytest.mark.rfc(8620, "8.2")
def test_signing_in_costs_no_failure(edge: Edge, person: Person) -> None:
    statuses = []
    for _ in range(12):
        with edge.client(person) as client:
            statuses.append(session_status(client))

    assert statuses == [200] * 12
    assert guess(edge, person, 1)[0].status_code == 401
