"""TRUSTED_PROXIES alone decides where a request comes from. The servers under test trust 127.0.0.2."""

import httpx
import pytest

from jmap.edge.proxies import Proxies
from tests.wire.conftest import Edge, Person, new_address
from tests.wire.test_credentials import basic

FORWARDED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "mail.example"}


def api_url(client: httpx.Client, headers: dict[str, str]) -> str:
    """The apiUrl of the session that is asked for with these headers."""
    url: str = client.get("/jmap/session", headers=headers).json()["apiUrl"]
    return url


@pytest.mark.rfc(8620, "2")
def test_a_trusted_proxy_tells_scheme_and_host(edge: Edge, person: Person) -> None:
    with edge.client(person, address="127.0.0.2") as proxy:
        assert api_url(proxy, FORWARDED) == "https://mail.example/jmap/api"


@pytest.mark.rfc(7239, "4")
def test_the_standard_header_is_understood_too(edge: Edge, person: Person) -> None:
    header = {"Forwarded": 'for="[2001:db8::17]:4711";proto=https;host=mail.example'}
    with edge.client(person, address="127.0.0.2") as proxy:
        assert api_url(proxy, header) == "https://mail.example/jmap/api"


@pytest.mark.rfc(8620, "8")
def test_nobody_else_is_believed(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        assert api_url(client, FORWARDED) == f"{edge.url}/jmap/api"
        assert api_url(client, {"Forwarded": "for=1.2.3.4;proto=https;host=mail.example"}) == f"{edge.url}/jmap/api"


@pytest.mark.rfc(8620, "8")
def test_a_proxys_host_must_be_ours_too(edge: Edge, person: Person) -> None:
    with edge.client(person, address="127.0.0.2") as proxy:
        answer = proxy.get("/jmap/session", headers={**FORWARDED, "X-Forwarded-Host": "evil.example"})

    assert answer.status_code == 400


@pytest.mark.rfc(8620, "8")
def test_failures_count_for_the_client_behind_the_proxy(edge: Edge, person: Person) -> None:
    with edge.client(address="127.0.0.2") as proxy:

        def guess(client: str, number: int) -> int:
            headers = {"Authorization": basic(f"{client}{number}", "guess"), "X-Forwarded-For": client}
            return proxy.get("/jmap/session", headers=headers).status_code

        mine, other = new_address(), new_address()
        statuses = [guess(mine, number) for number in range(31)]
        elsewhere = guess(other, 1)

    assert statuses[-2:] == [401, 429]
    assert elsewhere == 401


@pytest.mark.rfc(8620, "8")
def test_a_request_id_is_taken_from_a_trusted_proxy_alone(edge: Edge) -> None:
    with edge.client(address="127.0.0.2") as proxy, edge.client() as stranger:
        told = proxy.get("/jmap/session", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"]
        bad = proxy.get("/jmap/session", headers={"X-Request-Id": "a b"}).headers["x-request-id"]
        made = stranger.get("/jmap/session", headers={"X-Request-Id": "abc-123"}).headers["x-request-id"]

    assert told == "abc-123"
    assert bad != "a b"
    assert made != "abc-123"


@pytest.mark.rfc(7239, "7.4")
@pytest.mark.parametrize(
    ("field", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("6.6.6.6, 198.51.100.1", "198.51.100.1"),
        ("198.51.100.1, 10.0.0.9", "198.51.100.1"),
        ("6.6.6.6, 198.51.100.1, 10.0.0.9, 10.0.0.8", "198.51.100.1"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("198.51.100.1, nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
        (", ,", "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(field: str, client: str) -> None:
    import ipaddress

    proxies = Proxies((ipaddress.ip_network("10.0.0.0/8"),))

    origin = proxies.origin("10.0.0.1", "http", {b"x-forwarded-for": field.encode(), b"host": b"a"})

    assert origin.address == client
