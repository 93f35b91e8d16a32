"""Whatever octets come over a connection, the server answers 4xx or hangs up, and goes on serving."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.wire.conftest import Clerk, Edge, Site, call, echo

HEAD = b"Host: 127.0.0.1\r\nContent-Type: application/json\r\n"


def exchange(edge: Edge, octets: bytes) -> bytes:
    """What the server answers to octets, until it hangs up or falls silent after we did."""
    with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as connection:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while data := connection.recv(65_536):
                answer += data
        except ConnectionResetError:
            pass
        return answer


@pytest.mark.rfc(8620, "8.5")
@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /jmap/session HTTP/9.9\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: 127.0.0.1:99999999\r\n\r\n",
        b"GET /jmap/%ff%00session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /jmap/download/%2e%2e/%2f/%00?type=%ff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /jmap/session?" + b"&" * 5_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: " + b"a=;" * 900 + b"\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Language: " + b"x;q=9," * 500 + b"\r\n\r\n",
        b"GET /jmap/session HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic \xff\r\n\r\n",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Content-Length: -1\r\n\r\n{}",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: gzip\r\n\r\n{}",
        b"POST /jmap/api HTTP/1.1\r\n" + HEAD + b"Content-Length: 50\r\n\r\n{",
        b"PROPFIND /jmap/session HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
)
def test_malformed_http_is_no_server_error(edge: Edge, client: httpx.Client, octets: bytes) -> None:
    answer = exchange(edge, octets)

    status = int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 400
    assert status < 500
    assert echo(client).status_code == 200


@pytest.mark.rfc(8620, "8.5")
def test_a_client_that_hangs_up_halfway_costs_nothing(edge: Edge, client: httpx.Client) -> None:
    request = client.build_request("POST", "/jmap/api", content=b"{" + b" " * 50_000)
    request.headers["Content-Type"] = "application/json"
    _, signed = next(client.auth.sync_auth_flow(request)), request  # type: ignore[union-attr]
    head = b"POST /jmap/api HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % pair for pair in signed.headers.raw) + b"\r\n"
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as connection:
            connection.sendall(head + b"{   ")

    assert [echo(client).status_code for _ in range(5)] == [200] * 5


@pytest.fixture(scope="module")
def impatient(site: Site) -> Iterator[Edge]:
    """A uvicorn that waits for a second."""
    with site.server("uvicorn", WIRE_READ_TIMEOUT="1") as running:
        yield running


@pytest.mark.rfc(8620, "8.5")
@pytest.mark.parametrize(
    "octets", [b"", b"\r\n", b"GET /jmap/session HTTP/1.1\r\n", b"GET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /x HTTP"]
)
def test_a_request_that_never_begins_or_ends_does_not_hold_its_connection(impatient: Edge, octets: bytes) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=30) as connection:
        connection.sendall(octets)

        while connection.recv(65_536):
            pass


def is_open(connection: socket.socket) -> bool:
    """Whether the server still has the connection, after a look at whether it says something."""
    try:
        return connection.recv(1) != b""
    except TimeoutError:
        return True
    except ConnectionError:
        return False


@pytest.mark.rfc(8620, "8.5")
def test_a_head_that_drips_in_does_not_hold_its_connection(impatient: Edge) -> None:
    with socket.create_connection(("127.0.0.1", impatient.port), timeout=0.1) as connection:
        connection.sendall(b"GET /")
        drops = 0
        while is_open(connection) and drops < 300:
            with contextlib.suppress(ConnectionError):
                connection.sendall(b"x")
            drops += 1

    assert drops < 300


@pytest.mark.rfc(8620, "3.1")
def test_a_request_that_was_heard_may_take_longer_than_its_head(impatient: Edge, clerk: Clerk, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    release = threading.Timer(2, lambda: fifo.open("wb").close())

    with impatient.client(clerk.newcomer()) as client:
        release.start()
        answer = call(client, ("Lab/wait", {"fifo": str(fifo)}, "c1"))

    assert answer.json()["methodResponses"] == [["Lab/wait", {"waited": True}, "c1"]]


@pytest.mark.rfc(8620, "1.7")
def test_requests_follow_each_other_on_one_connection(edge: Edge, client: httpx.Client) -> None:
    if edge.name == "views":
        pytest.skip("whether connections are kept is the WSGI server's affair")
    statuses = [echo(client).status_code, client.get("/jmap/session", auth=None).status_code, echo(client).status_code]
    local = [connection.info() for connection in client._transport._pool.connections]  # type: ignore[attr-defined]

    assert statuses == [200, 401, 200]
    assert len(local) == 1


@pytest.mark.rfc(8887, "3")
def test_a_websocket_is_declined_where_nothing_speaks_it(edge: Edge, client: httpx.Client) -> None:
    upgrade = (
        b"GET /jmap/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as connection:
        connection.sendall(upgrade)
        status = int(connection.recv(100).split(b" ", 2)[1])

    assert 400 <= status < 500
    assert echo(client).status_code == 200
