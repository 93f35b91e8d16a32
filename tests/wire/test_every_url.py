"""The rules of hosts, origins and credentials hold alike on every address, over every edge that serves it."""

from __future__ import annotations

import base64
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.wire.conftest import Clerk, Edge, Person, new_address

STREAMING = {"uvicorn", "daphne"}
"""Edges that serve push; the others have none of its addresses."""

METHODS = {
    "/.well-known/jmap": "GET",
    "/jmap/session": "GET",
    "/jmap/api": "POST",
    "/jmap/upload/ub/": "POST",
    "/jmap/download/ub/bb/name": "GET",
    "/jmap/events": "GET",
    "/jmap/ws": "WEBSOCKET",
}


@dataclass(frozen=True)
class Answer:
    """Status and headers, names in lowercase."""

    status: int
    headers: Mapping[str, str]


def ask(edge: Edge, path: str, headers: dict[str, str], address: str | None = None) -> Answer:
    """What an address answers; a WebSocket handshake that succeeds is 101."""
    if path in {"/jmap/events", "/jmap/ws"} and edge.name not in STREAMING:
        pytest.skip("this edge serves no push")
    address = address or new_address()
    if METHODS[path] == "WEBSOCKET":
        headers = dict(headers)
        url = f"ws://{headers.pop('Host', f'127.0.0.1:{edge.port}')}{path}"
        way = socket.create_connection(("127.0.0.1", edge.port), source_address=(address, 0))
        try:
            with connect(url, additional_headers=headers, subprotocols=["jmap"], sock=way, open_timeout=20):
                return Answer(101, {})
        except InvalidStatus as refusal:
            response = refusal.response
            return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()})
    content = b'{"using":[],"methodCalls":[]}' if path == "/jmap/api" else None
    headers = {**headers, "Content-Type": "application/json"} if content else headers
    with (
        edge.client(address=address) as client,
        client.stream(METHODS[path], path, headers=headers, content=content) as response,
    ):
        return Answer(response.status_code, dict(response.headers))


def basic(person: Person, password: str | None = None) -> str:
    """The person's Authorization header."""
    return "Basic " + base64.b64encode(f"{person.name}:{password or person.password}".encode()).decode()


every_url = pytest.mark.parametrize("path", METHODS)


@every_url
@pytest.mark.rfc(8620, "8.2")
def test_a_stranger_is_challenged_in_words_that_any_page_may_read(edge: Edge, path: str) -> None:
    answer = ask(edge, path, {"Origin": "https://webmail.example"})

    assert answer.status == 401
    assert "basic" in answer.headers["www-authenticate"].lower()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/problem+json"


@every_url
@pytest.mark.rfc(8620, "8.2")
def test_a_wrong_password_is_refused(edge: Edge, person: Person, path: str) -> None:
    assert ask(edge, path, {"Authorization": basic(person, "wrong")}).status == 401


@every_url
@pytest.mark.rfc(8620, "8.2")
def test_somebody_who_is_disabled_is_refused(edge: Edge, person: Person, clerk: Clerk, path: str) -> None:
    headers, address = {"Authorization": basic(person)}, new_address()
    before = ask(edge, path, headers, address).status

    clerk.quietly(name=person.name, is_active=False)

    assert before in {101, 200, 404}
    assert ask(edge, path, headers, address).status == 401


@every_url
@pytest.mark.own("a host that is not ours is refused")
def test_a_host_that_is_not_ours_is_refused(edge: Edge, person: Person, path: str) -> None:
    assert ask(edge, path, {"Authorization": basic(person), "Host": "evil.example"}).status == 400


@every_url
@pytest.mark.own("a cookie is believed from our own pages alone")
def test_a_cookie_from_another_sites_page_is_refused(edge: Edge, person: Person, clerk: Clerk, path: str) -> None:
    cookie = clerk.sign_in(name=person.name)

    answer = ask(edge, path, {"Cookie": cookie, "Origin": "https://evil.example"})

    assert answer.status == 403
    assert "access-control-allow-credentials" not in answer.headers


@every_url
@pytest.mark.own("whom a proxy names is whom throttles count")
def test_every_answer_has_an_id_and_a_proxys_word_for_it(edge: Edge, path: str) -> None:
    answer = ask(edge, path, {"X-Request-Id": f"id-{path.count('/')}", "Host": "mail.example"}, "127.0.0.2")

    assert answer.status == 401
    assert answer.headers["x-request-id"] == f"id-{path.count('/')}"


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.parametrize("path", [path for path, method in METHODS.items() if method != "WEBSOCKET"])
def test_a_preflight_passes_on_every_url(edge: Edge, path: str) -> None:
    if path == "/jmap/events" and edge.name not in STREAMING:
        pytest.skip("this edge serves no push")
    asked = {"Origin": "https://webmail.example", "Access-Control-Request-Method": METHODS[path]}
    with edge.client() as client:
        answer = client.options(path, headers={**asked, "Access-Control-Request-Headers": "authorization"})

    assert answer.is_success
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "authorization" in answer.headers["access-control-allow-headers"]


@pytest.mark.rfc(8620, "2")
def test_addresses_of_push_have_the_scheme_and_host_that_a_proxy_tells(edge: Edge, person: Person) -> None:
    with edge.client(person, address="127.0.0.2") as proxy:
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "mail.example"}
        session = proxy.get("/jmap/session", headers=headers).json()

    if edge.name not in STREAMING:
        assert "eventSourceUrl" not in session
        assert "urn:ietf:params:jmap:websocket" not in session["capabilities"]
        return
    assert session["eventSourceUrl"].startswith("https://mail.example/jmap/events?")
    assert session["capabilities"]["urn:ietf:params:jmap:websocket"]["url"] == "wss://mail.example/jmap/ws"
