"""JMAP over WebSocket: requests, errors, pushes, and who may connect."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.push.conftest import PATIENCE
from tests.wire.conftest import CORE, LAB, Clerk, Edge, Person, new_address

ERROR = "urn:ietf:params:jmap:error:"


def basic(person: Person) -> str:
    """The person's Authorization header."""
    return "Basic " + base64.b64encode(f"{person.name}:{person.password}".encode()).decode()


def open_socket(
    edge: Edge, person: Person | None = None, *, path: str = "/jmap/ws", **options: Any
) -> ClientConnection:
    """A WebSocket of the person's."""
    headers = {**({"Authorization": basic(person)} if person else {}), **options.pop("headers", {})}
    options.setdefault("subprotocols", ["jmap"])
    options.setdefault("source_address", (new_address(), 0))
    url = edge.url.replace("http", "ws") + path
    return connect(url, additional_headers=headers, open_timeout=PATIENCE, max_size=None, **options)


def say(socket: ClientConnection, **message: Any) -> None:
    """Send one message."""
    socket.send(json.dumps({name.replace("type_", "@type"): value for name, value in message.items()}))


def hear(socket: ClientConnection) -> Any:
    """The next message."""
    return json.loads(socket.recv(timeout=PATIENCE))


def request(*calls: Any, id: str | None = None) -> dict[str, Any]:
    """A Request object."""
    named = {} if id is None else {"id": id}
    return {"type_": "Request", **named, "using": [CORE, LAB], "methodCalls": [list(call) for call in calls]}


@pytest.fixture
def socket(edge: Edge, person: Person) -> Iterator[ClientConnection]:
    """The person's WebSocket."""
    with open_socket(edge, person) as connection:
        yield connection


@pytest.mark.rfc(8887, "3")
def test_the_session_names_the_address(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        session = client.get("/jmap/session").json()

    url = edge.url.replace("http", "ws") + "/jmap/ws"
    assert session["capabilities"]["urn:ietf:params:jmap:websocket"] == {"url": url, "supportsPush": True}
    assert "urn:ietf:params:jmap:websocket" not in session["accounts"][person.account]["accountCapabilities"]


@pytest.mark.rfc(8887, "4.3.2")
@pytest.mark.rfc(8887, "4.3.3")
def test_a_request_is_answered_under_its_id(socket: ClientConnection, edge: Edge, person: Person) -> None:
    say(socket, **request(("Core/echo", {"hello": [1, None]}, "c1"), id="R1"))
    answer = hear(socket)

    with edge.client(person) as client:
        session_state = client.get("/jmap/session").json()["state"]
    assert answer == {
        "@type": "Response",
        "requestId": "R1",
        "methodResponses": [["Core/echo", {"hello": [1, None]}, "c1"]],
        "sessionState": session_state,
    }


@pytest.mark.rfc(8887, "4.3.3")
def test_a_request_without_id_is_answered_without(socket: ClientConnection) -> None:
    say(socket, **request(("Core/echo", {}, "c1")))

    assert "requestId" not in hear(socket)


@pytest.mark.rfc(8887, "4.2")
def test_the_subprotocol_is_jmap_and_has_to_be_offered(edge: Edge, person: Person) -> None:
    with open_socket(edge, person, subprotocols=["other", "jmap"]) as socket:
        chosen = socket.subprotocol
    with pytest.raises(InvalidStatus) as refusal:
        open_socket(edge, person, subprotocols=["other"])

    assert chosen == "jmap"
    assert refusal.value.response.status_code == 400
    assert "subprotocol" in json.loads(refusal.value.response.body or b"")["detail"]


@pytest.mark.rfc(8887, "4.1")
def test_a_stranger_is_refused_with_a_challenge(edge: Edge) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        open_socket(edge)

    assert refusal.value.response.status_code == 401
    assert "Basic" in refusal.value.response.headers["WWW-Authenticate"]


@pytest.mark.own("a page can choose subprotocols, but no header")
def test_credentials_may_come_as_a_subprotocol(edge: Edge, person: Person) -> None:
    value = base64.urlsafe_b64encode(basic(person).encode()).decode().rstrip("=")

    with open_socket(edge, subprotocols=["jmap", f"jmapauth.{value}"]) as socket:
        say(socket, **request(("Core/echo", {}, "c1")))
        assert hear(socket)["@type"] == "Response"
        assert socket.subprotocol == "jmap"


@pytest.mark.rfc(8887, "5.2")
def test_a_cookie_connects_pages_of_this_site_alone(edge: Edge, person: Person, clerk: Clerk) -> None:
    cookie = clerk.sign_in(name=person.name)

    with open_socket(edge, headers={"Cookie": cookie, "Origin": edge.url}) as socket:
        say(socket, **request(("Core/echo", {}, "c1")))
        own = hear(socket)["@type"]
    with pytest.raises(InvalidStatus) as refusal:
        open_socket(edge, headers={"Cookie": cookie, "Origin": "https://evil.example"})

    assert own == "Response"
    assert refusal.value.response.status_code == 403


@pytest.mark.rfc(8887, "4.3.4")
@pytest.mark.parametrize(
    ("text", "type", "request_id"),
    [
        ("The quick brown fox", "notJSON", None),
        ('{"a":1,"a":2}', "notJSON", None),
        ("[]", "notRequest", None),
        ("null", "notRequest", None),
        ('{"id":"R","using":[],"methodCalls":[]}', "notRequest", "R"),
        ('{"@type":"Request","id":7,"using":[],"methodCalls":[]}', "notRequest", None),
        ('{"@type":"Request","id":"R","using":[]}', "notRequest", "R"),
        ('{"@type":"Request","id":"R","using":["urn:x"],"methodCalls":[]}', "unknownCapability", "R"),
        ('{"@type":"WebSocketPushEnable","dataTypes":7}', "notRequest", None),
        ('{"@type":"WebSocketPushEnable","dataTypes":["Nothing"]}', "notRequest", None),
        ('{"@type":"WebSocketPushEnable","dataTypes":null,"pushState":7}', "notRequest", None),
    ],
)
def test_what_is_wrong_with_a_message_is_said_and_the_connection_lives_on(
    socket: ClientConnection, text: str, type: str, request_id: str | None
) -> None:
    socket.send(text)
    error = hear(socket)
    say(socket, **request(("Core/echo", {}, "c1")))

    assert (error["@type"], error["requestId"], error["type"]) == ("RequestError", request_id, ERROR + type)
    assert error["status"] == 400
    assert hear(socket)["@type"] == "Response"


@pytest.mark.rfc(8887, "4.3.4")
def test_a_message_that_is_too_large_is_told_which_limit_it_breaks(socket: ClientConnection) -> None:
    say(socket, **request(("Core/echo", {"a": "x" * 100_000}, "c1"), id="R"))
    error = hear(socket)

    assert (error["type"], error["limit"]) == (ERROR + "limit", "maxSizeRequest")


@pytest.mark.rfc(6455, "7.4.1")
def test_a_message_beyond_any_limit_ends_the_connection_and_says_why(socket: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        socket.send("x" * 1_000_000)

    with pytest.raises(ConnectionClosed) as closed:
        hear(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.rfc(8887, "4.3")
def test_fragments_are_put_together_up_to_the_limit(socket: ClientConnection) -> None:
    text = json.dumps({"@type": "Request", **{k: v for k, v in request(("Core/echo", {"a": "y" * 90_000}, "c")).items()
                                              if k != "type_"}})  # fmt: skip

    socket.send(text[start : start + 1_000] for start in range(0, len(text), 1_000))

    assert hear(socket)["methodResponses"][0][1] == {"a": "y" * 90_000}


@pytest.mark.rfc(8887, "4.3.1")
def test_a_binary_message_ends_the_connection_with_1003(socket: ClientConnection) -> None:
    socket.send(b"{}")

    with pytest.raises(ConnectionClosed) as closed:
        hear(socket)

    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1003


@pytest.mark.rfc(8887, "4.3.2")
def test_a_quick_request_does_not_wait_behind_a_slow_one(socket: ClientConnection, tmp_path: Any) -> None:
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)

    say(socket, **request(("Lab/wait", {"fifo": fifo}, "c"), id="slow"))
    with open(fifo, "wb"):
        say(socket, **request(("Core/echo", {}, "c"), id="quick"))
        first = hear(socket)["requestId"]

    assert (first, hear(socket)["requestId"]) == ("quick", "slow")


@pytest.mark.rfc(8887, "4.3.2")
def test_requests_at_once_are_limited_as_over_http(socket: ClientConnection, tmp_path: Any) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(3):
            fifo = str(tmp_path / str(number))
            os.mkfifo(fifo)
            say(socket, **request(("Lab/wait", {"fifo": fifo}, "c"), id=str(number)))
            if number == 0:
                stack.enter_context(open(fifo, "wb"))
            else:
                held = os.open(fifo, os.O_RDWR)
                stack.callback(os.close, held)
        say(socket, **request(("Core/echo", {}, "c"), id="R"))
        error = hear(socket)

    assert (error["requestId"], error["type"], error["limit"]) == ("R", ERROR + "limit", "maxConcurrentRequests")


@pytest.mark.rfc(8887, "4.3.5.1")
@pytest.mark.rfc(8887, "4.3.5.2")
def test_changes_are_pushed_once_that_is_enabled(socket: ClientConnection, person: Person, clerk: Clerk) -> None:
    clerk.touch(name=person.name, types=["Email"])
    say(socket, type_="WebSocketPushEnable", dataTypes=["Mailbox", "Thread"])
    say(socket, **request(("Core/echo", {}, "c")))
    assert hear(socket)["@type"] == "Response"

    states = clerk.touch(name=person.name, types=["Email", "Mailbox"])
    push = hear(socket)

    assert (push["@type"], push["changed"]) == ("StateChange", {person.account: {"Mailbox": states["Mailbox"]}})
    assert 0 < len(push["pushState"]) < 40


@pytest.mark.rfc(8887, "4.3.5.2")
def test_a_push_state_brings_what_was_missed(edge: Edge, person: Person, clerk: Clerk) -> None:
    with open_socket(edge, person) as first:
        say(first, type_="WebSocketPushEnable", dataTypes=None)
        clerk.touch(name=person.name, types=["Email"])
        known = hear(first)["pushState"]
    states = clerk.touch(name=person.name, types=["Mailbox"])

    with open_socket(edge, person) as second:
        say(second, type_="WebSocketPushEnable", dataTypes=None, pushState=known)

        assert hear(second)["changed"] == {person.account: states}


@pytest.mark.rfc(8887, "4.3.5.3")
def test_nothing_is_pushed_once_that_is_disabled(socket: ClientConnection, person: Person, clerk: Clerk) -> None:
    say(socket, type_="WebSocketPushEnable", dataTypes=None)
    clerk.touch(name=person.name, types=["Email"])
    assert hear(socket)["@type"] == "StateChange"

    say(socket, type_="WebSocketPushDisable")
    say(socket, **request(("Core/echo", {}, "c")))
    assert hear(socket)["@type"] == "Response"
    clerk.touch(name=person.name, types=["Email"])
    say(socket, **request(("Core/echo", {}, "c"), id="after"))

    assert hear(socket).get("requestId") == "after"


@pytest.mark.rfc(8887, "4.2")
@pytest.mark.parametrize(
    ("entry", "arguments"), [("change", {"password": "another"}), ("quietly", {"is_active": False})]
)
def test_a_connection_ends_when_its_credentials_do(
    socket: ClientConnection, person: Person, clerk: Clerk, entry: str, arguments: dict[str, Any]
) -> None:
    getattr(clerk, entry)(name=person.name, **arguments)

    with pytest.raises(ConnectionClosed) as closed:
        hear(socket)

    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "The credentials no longer hold.")


@pytest.mark.rfc(8620, "7.1")
def test_a_connection_hears_of_accounts_as_they_come_and_go(
    socket: ClientConnection, person: Person, clerk: Clerk
) -> None:
    owner = clerk.newcomer()
    before = clerk.touch(name=owner.name, types=["Email"])
    say(socket, type_="WebSocketPushEnable", dataTypes=None)
    say(socket, **request(("Core/echo", {}, "c")))
    assert hear(socket)["@type"] == "Response"

    clerk.share(owner=owner.name, guest=person.name, is_read_only=True)
    assert hear(socket)["changed"] == {owner.account: before}
    clerk.unshare(owner=owner.name, guest=person.name)
    while True:
        say(socket, **request(("Lab/repeat", {"times": 1}, "c")))
        clerk.touch(name=owner.name, types=["Thread"])
        own = clerk.touch(name=person.name, types=["Mailbox"])
        told = [hear(socket), hear(socket)]
        changed = next(each["changed"] for each in told if each["@type"] == "StateChange")
        if owner.account not in changed:
            break

    assert changed == {person.account: own}


@pytest.mark.own("a host that is not ours is refused on every address")
def test_a_foreign_host_and_a_wrong_address_are_refused(edge: Edge, person: Person) -> None:
    statuses = []
    for options in ({"path": "/jmap/nothing"}, {"headers": {"Host": "evil.example"}}):
        with pytest.raises(InvalidStatus) as refusal:
            open_socket(edge, person, **options)
        statuses.append(refusal.value.response.status_code)

    assert statuses == [404, 400]


@pytest.mark.rfc(8887, "3")
def test_a_plain_request_to_the_address_is_answered(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        answer: httpx.Response = client.get("/jmap/ws")

    assert answer.status_code == 404
