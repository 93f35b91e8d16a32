"""The Session resource: where it is, what it says, and when its state changes."""

import httpx
import pytest

from tests.wire.conftest import CORE, LAB, Clerk, Edge, Person, echo


@pytest.mark.rfc(8620, "2")
def test_the_session_says_what_the_server_can_do_and_enforces(client: httpx.Client, person: Person) -> None:
    response = client.get("/jmap/session")

    session = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert session["username"] == person.name
    assert session["capabilities"][CORE] == {
        "maxSizeUpload": 120_000_000,
        "maxConcurrentUpload": 2,
        "maxSizeRequest": 100_000,
        "maxConcurrentRequests": 3,
        "maxCallsInRequest": 16,
        "maxObjectsInGet": 500,
        "maxObjectsInSet": 500,
        "collationAlgorithms": ["i;ascii-casemap", "i;octet", "i;unicode-casemap"],
    }
    assert session["accounts"][person.account]["isPersonal"] is True
    assert session["accounts"][person.account]["accountCapabilities"][LAB] == {"mayMix": True}
    assert session["primaryAccounts"][LAB] == person.account
    assert CORE not in session["primaryAccounts"]


@pytest.mark.rfc(8620, "2.2")
def test_the_well_known_address_answers_directly(client: httpx.Client) -> None:
    well_known, session = client.get("/.well-known/jmap"), client.get("/jmap/session")

    assert well_known.status_code == 200
    assert well_known.json() == session.json()


@pytest.mark.rfc(8620, "2")
def test_addresses_are_absolute_and_templates_hold_exactly_their_variables(client: httpx.Client, edge: Edge) -> None:
    session = client.get("/.well-known/jmap").json()

    assert session["apiUrl"] == f"{edge.url}/jmap/api"
    assert session["uploadUrl"] == f"{edge.url}/jmap/upload/{{accountId}}/"
    assert session["downloadUrl"] == f"{edge.url}/jmap/download/{{accountId}}/{{blobId}}/{{name}}?type={{type}}"
    served = edge.name in {"uvicorn", "daphne"}
    template = f"{edge.url}/jmap/events?types={{types}}&closeafter={{closeafter}}&ping={{ping}}"
    assert session.get("eventSourceUrl") == (template if served else None)


@pytest.mark.rfc(8620, "2")
def test_addresses_have_the_host_that_the_client_used(client: httpx.Client) -> None:
    session = client.get("/jmap/session", headers={"Host": "mail.example:8443"}).json()

    assert session["apiUrl"] == "http://mail.example:8443/jmap/api"


@pytest.mark.rfc(8620, "2")
def test_nobody_may_cache_the_session_or_an_answer(client: httpx.Client) -> None:
    for response in (client.get("/jmap/session"), echo(client)):
        assert response.headers["cache-control"] == "no-cache, no-store, must-revalidate"


@pytest.mark.rfc(8620, "2")
def test_the_state_stays_while_nothing_changes_and_travels_with_every_answer(client: httpx.Client) -> None:
    first, second = client.get("/jmap/session").json(), client.get("/jmap/session").json()

    assert first == second
    assert echo(client).json()["sessionState"] == first["state"]


@pytest.mark.rfc(8620, "2")
def test_the_state_changes_when_an_account_does(client: httpx.Client, person: Person, clerk: Clerk) -> None:
    before = client.get("/jmap/session").json()

    clerk.rename_account(name=person.name, to="A better name")

    sent = echo(client).json()["sessionState"]
    after = client.get("/jmap/session").json()
    assert after["accounts"][person.account]["name"] == "A better name"
    assert sent == after["state"] != before["state"]


@pytest.mark.rfc(8620, "1.6.2")
def test_a_shared_account_stands_after_the_users_own(client: httpx.Client, person: Person, clerk: Clerk) -> None:
    owner = clerk.newcomer()

    clerk.share(owner=owner.name, guest=person.name, is_read_only=True)

    accounts = client.get("/jmap/session").json()["accounts"]
    assert list(accounts) == [person.account, owner.account]
    assert accounts[owner.account]["isPersonal"] is False
    assert accounts[owner.account]["isReadOnly"] is True


@pytest.mark.rfc(8620, "1.6.2")
def test_a_destroyed_account_is_gone_at_once_and_nobody_is_shown_an_empty_list(
    client: httpx.Client, person: Person, clerk: Clerk
) -> None:
    client.get("/jmap/session")

    clerk.close_account(name=person.name)

    answer = client.get("/jmap/session")
    assert answer.status_code == 403
    assert "no account" in answer.json()["detail"]


@pytest.mark.rfc(8620, "2")
def test_a_session_that_is_known_is_not_sent_again(client: httpx.Client) -> None:
    etag = client.get("/jmap/session").headers["etag"]

    again = client.get("/jmap/session", headers={"If-None-Match": etag})

    assert again.status_code == 304
    assert again.content == b""


@pytest.mark.rfc(8620, "2")
def test_head_is_a_get_without_body(client: httpx.Client) -> None:
    got, head = client.get("/jmap/session"), client.head("/jmap/session")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert client.get("/jmap/session").status_code == 200


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/jmap/session"), ("DELETE", "/.well-known/jmap"), ("GET", "/jmap/api"), ("PUT", "/jmap/upload/ub/")],
)
def test_another_method_is_told_what_is_allowed(client: httpx.Client, method: str, path: str) -> None:
    response = client.request(method, path)

    assert response.status_code == 405
    assert "OPTIONS" in response.headers["allow"]


@pytest.mark.rfc(8620, "8")
def test_a_host_that_is_not_ours_is_refused(client: httpx.Client) -> None:
    response = client.get("/jmap/session", headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert "apiUrl" not in response.text
