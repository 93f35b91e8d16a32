"""Requests and uploads in flight: counted over all worker processes, and given back whatever becomes of a worker."""

from __future__ import annotations

import base64
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.wire.conftest import Clerk, Edge, Person, Site, call, echo


@dataclass
class Held:
    """A request that the server holds until the test lets it go."""

    pipe: int
    answer: Future[httpx.Response]

    def release(self) -> httpx.Response:
        """Let it end; its answer."""
        os.close(self.pipe)
        return self.answer.result()


@dataclass
class Holder:
    """Holds requests open."""

    folder: Path
    threads: ThreadPoolExecutor
    count: int = 0

    def hold(self, edge: Edge, person: Person) -> Held:
        """A request of the person that is running now."""
        self.count += 1
        fifo = self.folder / f"fifo{self.count}"
        os.mkfifo(fifo)

        def ask() -> httpx.Response:
            with edge.client(person) as client:
                return call(client, ("Lab/wait", {"fifo": str(fifo)}, "c1"))

        answer = self.threads.submit(ask)
        # Opening returns when the method has opened its end.
        return Held(os.open(fifo, os.O_WRONLY), answer)


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Holder]:
    """See Holder."""
    with ThreadPoolExecutor(16) as threads:
        yield Holder(tmp_path, threads)


@pytest.fixture(scope="module")
def workers(site: Site) -> Iterator[list[Edge]]:
    """Two worker processes of one site."""
    shared = {"WIRE_LIMITS": str(site.folder / "limits-of-workers")}
    with site.server("uvicorn", **shared) as first, site.server("uvicorn", **shared) as second:
        yield [first, second]


@pytest.mark.rfc(8620, "3.6.1")
def test_more_requests_at_once_than_advertised_are_refused(
    edge: Edge, person: Person, client: httpx.Client, holder: Holder
) -> None:
    held = [holder.hold(edge, person) for _ in range(2)]
    within = echo(client)
    held.append(holder.hold(edge, person))
    beyond = echo(client)
    answers = [each.release() for each in held]
    after = echo(client)

    assert within.status_code == 200
    assert beyond.status_code == 400
    assert beyond.json()["type"] == "urn:ietf:params:jmap:error:limit"
    assert beyond.json()["limit"] == "maxConcurrentRequests"
    assert [answer.status_code for answer in answers] == [200] * 3
    assert after.status_code == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_the_limit_is_each_users_own(edge: Edge, person: Person, clerk: Clerk, holder: Holder) -> None:
    held = [holder.hold(edge, person) for _ in range(3)]

    with edge.client(clerk.newcomer()) as other:
        status = echo(other).status_code

    for each in held:
        each.release()
    assert status == 200


@pytest.mark.rfc(8620, "3.10")
def test_slow_requests_of_some_do_not_stop_others(edge: Edge, clerk: Clerk, holder: Holder) -> None:
    slow = [clerk.newcomer() for _ in range(3)]
    held = [holder.hold(edge, person) for person in slow for _ in range(3)]

    with edge.client(clerk.newcomer()) as other:
        statuses = [echo(other).status_code, other.get("/jmap/session").status_code]

    for each in held:
        each.release()
    assert statuses == [200, 200]


@pytest.mark.rfc(8620, "3.6.1")
def test_worker_processes_count_together(workers: list[Edge], person: Person, holder: Holder) -> None:
    held = [holder.hold(workers[0], person), holder.hold(workers[1], person), holder.hold(workers[0], person)]
    refused = []
    for worker in workers:
        with worker.client(person) as client:
            refused.append(echo(client).json().get("limit"))
    held[1].release()
    with workers[0].client(person) as client:
        freed = echo(client).status_code
    for each in (held[0], held[2]):
        each.release()

    assert refused == ["maxConcurrentRequests"] * 2
    assert freed == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_a_killed_worker_locks_nobody_out(workers: list[Edge], site: Site, person: Person, holder: Holder) -> None:
    shared = {"WIRE_LIMITS": str(site.folder / "limits-of-workers")}
    with site.server("uvicorn", **shared) as doomed, workers[0].client(person) as client:
        held = [holder.hold(doomed, person) for _ in range(3)]
        full = echo(client).status_code

        doomed.process.send_signal(signal.SIGKILL)
        doomed.process.wait()

        freed = echo(client).status_code
        for each in held:
            os.close(each.pipe)
            assert isinstance(each.answer.exception(), httpx.HTTPError)

    assert full == 400
    assert freed == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_failed_log_ins_count_over_worker_processes(workers: list[Edge], person: Person) -> None:
    from tests.wire.test_throttle import guess

    first = [answer.status_code for answer in guess(workers[0], person, 8)]
    second = [answer.status_code for answer in guess(workers[1], person, 2)]

    assert first == [401] * 8
    assert second == [429] * 2


@pytest.mark.rfc(8620, "6.1")
def test_more_uploads_at_once_than_advertised_are_refused(
    edge: Edge, site: Site, person: Person, client: httpx.Client
) -> None:
    if edge.name in {"daphne", "async-views"}:
        pytest.skip("the server takes a body in before the application hears of it, so no upload is under way")
    path = f"/jmap/upload/{person.account}/"
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(half_an_upload(edge, site, person))
        refused = client.post(path, content=b"one more")
    accepted = upload_when_free(client, path)

    assert refused.status_code == 400
    assert refused.json()["limit"] == "maxConcurrentUpload"
    assert accepted.status_code == 200


@contextlib.contextmanager
def half_an_upload(edge: Edge, site: Site, person: Person) -> Iterator[None]:
    """An upload of which half has come, and which is broken off in the end."""
    spooled = len(spool_files(site))
    credentials = base64.b64encode(f"{person.name}:{person.password}".encode()).decode()
    head = (
        f"POST /jmap/upload/{person.account}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic {credentials}\r\n"
        "Content-Length: 2000000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", edge.port), timeout=30) as connection:
        connection.sendall(head.encode() + b"x" * 1_000_000)
        deadline = time.monotonic() + 30
        while len(spool_files(site)) == spooled:
            assert time.monotonic() < deadline, "the upload did not begin"
        yield


def spool_files(site: Site) -> list[Path]:
    """The files that uploads under way are written to."""
    return list((site.folder / "data" / "blobs").rglob("in-*"))


def upload_when_free(client: httpx.Client, path: str) -> httpx.Response:
    """Upload until the server has noticed that others hung up."""
    for _ in range(500):
        response = client.post(path, content=b"one more")
        if response.status_code != 400:
            break
    return response
