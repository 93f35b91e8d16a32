"""Uploads and downloads over every edge: what is answered, who may, and that octets are never held whole in memory."""

from __future__ import annotations

import hashlib
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.wire.conftest import Clerk, Edge, Person

MEGABYTE = 1_000_000
HUNDRED = 100 * MEGABYTE
ROOM = 30 * MEGABYTE
"""What a server may grow by while it moves a hundred megabytes: buffers of the transport, not the octets."""


def upload(client: httpx.Client, account: str, content: Any, content_type: str | None = None) -> httpx.Response:
    """POST octets to the upload resource."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    return client.post(f"/jmap/upload/{account}/", content=content, headers=headers)


def peak(edge: Edge) -> int:
    """The most memory that the server had since the mark was reset, in octets."""
    status = Path(f"/proc/{edge.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def reset_peak(edge: Edge) -> int:
    """Start a new measurement; what the server has now."""
    Path(f"/proc/{edge.process.pid}/clear_refs").write_text("5")
    return peak(edge)


def noise(size: int, seed: int = 1) -> Iterator[bytes]:
    """Octets that do not compress, in slices."""
    slice_ = random.Random(seed).randbytes(MEGABYTE)
    for _ in range(size // MEGABYTE):
        yield slice_


@pytest.mark.rfc(8620, "6.1")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("message/rfc822", "message/rfc822"),
        ("application/json", "application/json"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
    ],
)
def test_an_upload_takes_any_type_or_none_and_answers_200(
    edge: Edge, client: httpx.Client, person: Person, given: str | None, kept: str
) -> None:
    if given is None and edge.name == "views":
        pytest.skip("the WSGI server of the standard library says text/plain where nothing was said")
    response = upload(client, person.account, b"not json {", given)

    answer = response.json()
    assert response.status_code == 200
    assert answer["accountId"] == person.account
    assert answer["type"] == kept
    assert answer["size"] == 10
    assert set(answer) == {"accountId", "blobId", "type", "size"}


@pytest.mark.rfc(8620, "6.2")
@pytest.mark.parametrize("name", ["", "plain.txt", "a b.txt", "%C3%A9%F0%9F%98%80.txt", "a%2Fb", "100%25"])
def test_a_download_has_the_octets_the_type_and_the_name(client: httpx.Client, person: Person, name: str) -> None:
    blob_id = upload(client, person.account, b"0123456789").json()["blobId"]

    response = client.get(f"/jmap/download/{person.account}/{blob_id}/{name}?type=text/plain")

    assert response.status_code == 200
    assert response.content == b"0123456789"
    assert response.headers["content-type"] == "text/plain"
    assert response.headers["content-length"] == "10"
    assert response.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in response.headers


@pytest.mark.rfc(8620, "6.2")
@pytest.mark.parametrize(
    ("query", "answered"),
    [
        ("type=image%2Fsvg%2Bxml", "image/svg+xml"),
        ("type=image/svg+xml", "image/svg+xml"),
        ("type=text%2Fhtml%3B+charset%3Dutf-8", "text/html; charset=utf-8"),
        ("type=text/plain;charset=utf-8", "text/plain;charset=utf-8"),
        ("&".join(["other=1"] * 40) + "&type=text/plain", "text/plain"),
    ],
)
def test_the_type_is_the_one_asked_for_however_it_is_escaped(
    client: httpx.Client, person: Person, query: str, answered: str
) -> None:
    blob_id = upload(client, person.account, b"0123456789").json()["blobId"]

    response = client.get(f"/jmap/download/{person.account}/{blob_id}/x?{query}")

    assert response.status_code == 200
    assert response.headers["content-type"] == answered


@pytest.mark.rfc(8620, "6.2")
def test_a_download_is_never_compressed_and_takes_any_accept(edge: Edge, person: Person) -> None:
    headers = {"X-Forwarded-For": "203.0.113.5", "Accept-Encoding": "gzip", "Accept": "image/png"}
    with edge.client(person, address="127.0.0.2") as client:
        blob_id = upload(client, person.account, b"x" * 100_000).json()["blobId"]
        response = client.get(f"/jmap/download/{person.account}/{blob_id}/x?type=text/plain", headers=headers)

    assert response.status_code == 200
    assert "content-encoding" not in response.headers
    assert len(response.content) == 100_000


@pytest.mark.rfc(8620, "6.2")
def test_a_part_of_the_octets_may_be_asked_for(client: httpx.Client, person: Person) -> None:
    blob_id = upload(client, person.account, bytes(range(256)) * 1_000).json()["blobId"]
    url = f"/jmap/download/{person.account}/{blob_id}/x?type=a/b"

    part = client.get(url, headers={"Range": "bytes=1000-200000"})
    beyond = client.get(url, headers={"Range": "bytes=999999-"})
    head = client.head(url)
    known = client.get(url, headers={"If-None-Match": head.headers["etag"]})

    assert part.status_code == 206
    assert part.content == (bytes(range(256)) * 1_000)[1000:200001]
    assert part.headers["content-range"] == "bytes 1000-200000/256000"
    assert beyond.status_code == 416
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["content-length"] == "256000"
    assert known.status_code == 304


@pytest.mark.rfc(8620, "6")
def test_knowing_somebodys_blob_id_gains_nothing(
    edge: Edge, client: httpx.Client, person: Person, clerk: Clerk
) -> None:
    blob_id = upload(client, person.account, b"mine").json()["blobId"]
    other = clerk.newcomer()

    with edge.client(other) as stranger:
        foreign = stranger.get(f"/jmap/download/{person.account}/{blob_id}/x")
        own = stranger.get(f"/jmap/download/{other.account}/{blob_id}/x")
        sent = upload(stranger, person.account, b"x")

    assert [foreign.status_code, own.status_code, sent.status_code] == [404, 404, 404]


@pytest.mark.rfc(8620, "6.1")
def test_nothing_is_uploaded_to_an_account_that_may_only_be_read(
    client: httpx.Client, person: Person, clerk: Clerk
) -> None:
    owner = clerk.newcomer()
    clerk.share(owner=owner.name, guest=person.name, is_read_only=True)

    assert upload(client, owner.account, b"x").status_code == 403


@pytest.mark.rfc(8620, "6.1")
def test_an_upload_past_the_limit_is_refused(client: httpx.Client, person: Person, edge: Edge) -> None:
    declared = upload(client, person.account, b"x" * 120_000_001)

    assert declared.status_code == 413
    assert declared.json()["limit"] == "maxSizeUpload"
    if edge.streams:
        growing = upload(client, person.account, noise(121 * MEGABYTE))
        assert growing.status_code == 413
        assert growing.json()["limit"] == "maxSizeUpload"


@pytest.mark.rfc(8620, "6.1")
def test_an_upload_of_unknown_length_is_kept_whole_or_refused(client: httpx.Client, person: Person, edge: Edge) -> None:
    response = upload(client, person.account, iter([b"01234", b"56789"]))

    if edge.streams:
        assert response.json()["size"] == 10
    else:
        assert response.status_code == 411


@pytest.mark.rfc(8620, "6")
def test_a_hundred_megabytes_pass_without_being_held(edge: Edge, client: httpx.Client, person: Person) -> None:
    upload(client, person.account, b"warm")
    size = str(HUNDRED)
    before = reset_peak(edge)

    answer = client.post(
        f"/jmap/upload/{person.account}/", content=noise(HUNDRED), headers={"Content-Length": size}
    ).json()
    after_upload = peak(edge)
    digest = hashlib.sha256()
    with client.stream("GET", f"/jmap/download/{person.account}/{answer['blobId']}/x?type=a/b") as response:
        for data in response.iter_raw():
            digest.update(data)
    after_download = peak(edge)

    expected = hashlib.sha256()
    for data in noise(HUNDRED):
        expected.update(data)
    assert answer["size"] == HUNDRED
    assert digest.digest() == expected.digest()
    assert after_upload - before < ROOM
    assert after_download - before < ROOM


@pytest.mark.rfc(8620, "6")
def test_a_form_of_that_size_is_not_held_either(edge: Edge, client: httpx.Client, person: Person) -> None:
    upload(client, person.account, b"warm")
    before = reset_peak(edge)
    headers = {"Content-Length": str(HUNDRED), "Content-Type": "application/x-www-form-urlencoded"}

    status = client.post(f"/jmap/upload/{person.account}/", content=noise(HUNDRED), headers=headers).status_code

    assert status == 200
    assert peak(edge) - before < ROOM


@pytest.mark.rfc(8620, "6.2")
def test_a_reader_that_stalls_is_waited_for_without_being_fed(edge: Edge, client: httpx.Client, person: Person) -> None:
    blob_id = upload(client, person.account, b"".join(noise(HUNDRED))).json()["blobId"]
    request = client.build_request("GET", f"/jmap/download/{person.account}/{blob_id}/x?type=a/b")
    next(client.auth.sync_auth_flow(request))  # type: ignore[union-attr]
    head = b"GET %s HTTP/1.1\r\n" % request.url.raw_path
    head += b"".join(b"%s: %s\r\n" % pair for pair in request.headers.raw) + b"\r\n"
    before = reset_peak(edge)
    readers = []
    for _ in range(4):
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        reader.connect(("127.0.0.1", edge.port))
        reader.sendall(head)
        # The answer has begun, and nothing more is taken.
        assert reader.recv(12) == b"HTTP/1.1 200"
        readers.append(reader)

    others = [client.get(f"/jmap/download/{person.account}/{blob_id}/x", headers={"Range": "bytes=0-9"})] * 20

    assert {answer.status_code for answer in others} == {206}
    assert peak(edge) - before < ROOM
    for reader in readers:
        reader.close()
    assert client.get("/jmap/session").status_code == 200
