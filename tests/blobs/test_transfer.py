"""Upload and download as HTTP sees them (RFC 8620 §6.1, §6.2)."""

from __future__ import annotations

import errno
import re
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from jmap.blobs import service, transfer, uploads
from jmap.blobs.errors import TooLarge
from jmap.blobs.service import FoundBlob
from jmap.blobs.spool import Spool
from jmap.blobs.storage import FileBlobStore
from jmap.models import Account, Upload
from jmap.protocol.errors import RequestError
from tests.blobs.conftest import Person, person, seen

pytestmark = pytest.mark.django_db

DATA = bytes(range(256)) * 1_000


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account.objects.create(name="ann")


@pytest.fixture
def ann(account: Account) -> Person:
    """Its owner."""
    return person("ann", seen(account))


@pytest.fixture
def found(account: Account) -> FoundBlob:
    """A blob that somebody may see."""
    blob = service.store_bytes(account.pk, DATA)
    return FoundBlob(blob.wire_id, blob, blob.size)


def get(found: FoundBlob, **options: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a download."""
    response = transfer.download(found, **{"type": "text/plain", "name": "a.txt", **options})
    assert len(dict(response.headers)) == len(response.headers)
    return response.status, dict(response.headers), b"".join(response)


# -------------------------------------------------------------------------------------------------------------- upload


@pytest.mark.rfc(8620, "6.1")
def test_an_upload_is_answered_with_what_was_kept(account: Account, ann: Person) -> None:
    with Spool() as spool:
        spool.write(b"octets")
        answer = transfer.accept_upload(ann, ann.accounts[account.wire_id], "Image/PNG", spool)

    blob = Upload.objects.get().blob
    assert answer == {"accountId": account.wire_id, "blobId": blob.wire_id, "type": "Image/PNG", "size": 6}
    assert service.read(blob) == b"octets"


@pytest.mark.rfc(8620, "6.1")
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, "application/octet-stream"),
        ("", "application/octet-stream"),
        ("nonsense", "application/octet-stream"),
        ("text/", "application/octet-stream"),
        ("text/pl\nain", "application/octet-stream"),
        ("a/" + "b" * 300, "application/octet-stream"),
        ("message/rfc822", "message/rfc822"),
        ("application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        ("text/plain; charset=utf-8", "text/plain"),
        ("multipart/form-data; boundary=x", "multipart/form-data"),
    ],
)
def test_any_or_no_content_type_is_taken(given: str | None, kept: str) -> None:
    assert transfer.upload_type(given) == kept


@pytest.mark.rfc(8620, "6.1")
def test_a_read_only_account_answers_403(account: Account) -> None:
    bob = person("bob", seen(account, is_read_only=True))

    with Spool() as spool, pytest.raises(RequestError) as refused:
        transfer.accept_upload(bob, bob.accounts[account.wire_id], None, spool)

    assert refused.value.status == 403


@pytest.mark.rfc(8620, "6.1")
def test_more_than_the_quota_answers_413(account: Account, ann: Person, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "BLOBS": {"UPLOAD_QUOTA": 3}}

    with Spool().write_all([b"four"]) as spool, pytest.raises(RequestError) as refused:
        transfer.accept_upload(ann, ann.accounts[account.wire_id], None, spool)

    assert refused.value.status == 413


@pytest.mark.rfc(8620, "6.1")
def test_a_full_disk_answers_507_and_leaves_nothing(
    account: Account, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(files: FileBlobStore, *arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(FileBlobStore, "put", full)

    with Spool() as spool, pytest.raises(RequestError) as refused:
        transfer.accept_upload(ann, ann.accounts[account.wire_id], None, spool)

    assert refused.value.status == 507
    assert not Upload.objects.exists()


@pytest.mark.rfc(8620, "3.6.1")
def test_more_than_max_size_upload_names_the_limit() -> None:
    error = transfer.refusal(TooLarge(10))

    assert error.status == 413
    assert error.document()["type"] == "urn:ietf:params:jmap:error:limit"
    assert error.document()["limit"] == "maxSizeUpload"


# ------------------------------------------------------------------------------------------------------------ download


@pytest.mark.rfc(8620, "6.2")
def test_a_download_gives_the_octets_under_the_asked_type_and_name(found: FoundBlob) -> None:
    status, headers, body = get(found, type="application/pdf", name="report.pdf")

    assert (status, body) == (200, DATA)
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert headers["Content-Length"] == str(len(DATA))
    assert headers["Cache-Control"] == "private, immutable, max-age=31536000"
    assert headers["Accept-Ranges"] == "bytes"


@pytest.mark.rfc(8620, "8")
def test_octets_of_users_cannot_act_on_our_origin(found: FoundBlob) -> None:
    _status, headers, _body = get(found, type="text/html", name="evil.html")

    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Content-Disposition"].startswith("attachment")


@pytest.mark.rfc(8620, "6.2")
@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ("text/plain; charset=iso-8859-1", "text/plain; charset=iso-8859-1"),
        ('text/plain;charset="utf-8"', 'text/plain;charset="utf-8"'),
        ("IMAGE/Png", "IMAGE/Png"),
        ("", "application/octet-stream"),
        ("{type}", "application/octet-stream"),
        ("text", "application/octet-stream"),
        ("text/html\r\nSet-Cookie: a=b", "application/octet-stream"),
        ("text/plain; charset=ü", "application/octet-stream"),
        ("text/" + "x" * 300, "application/octet-stream"),
    ],
)
def test_the_type_is_sent_exactly_if_it_is_one(found: FoundBlob, asked: str, sent: str) -> None:
    assert get(found, type=asked)[1]["Content-Type"] == sent


@pytest.mark.rfc(8620, "6.2")
@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("", "attachment"),
        ("plain name.txt", 'attachment; filename="plain name.txt"'),
        ("naïve.txt", "attachment; filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("日本.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt"),
        ('say "hi".txt', "attachment; filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
        ("a/b\\c", "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%2Fb%5Cc"),
        (
            "a\r\nSet-Cookie: x=y",
            "attachment; filename=\"a__Set-Cookie: x=y\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3Dy",
        ),
        ("half \udc80", "attachment; filename=\"half _\"; filename*=UTF-8''half%20%3F"),
    ],
)
def test_the_name_is_sent_whatever_is_in_it(name: str, sent: str) -> None:
    header = transfer.disposition(name)

    assert header == sent
    assert header.isascii()
    assert header.isprintable()
    encoded = re.search(r"filename\*=UTF-8''(.*)", header)
    assert encoded is None or unquote(encoded[1]) == name.encode("utf-8", "replace").decode()


@pytest.mark.rfc(8620, "6.2")
def test_a_range_gives_its_octets(found: FoundBlob) -> None:
    status, headers, body = get(found, range="bytes=100-299")

    assert (status, body) == (206, DATA[100:300])
    assert headers["Content-Range"] == f"bytes 100-299/{len(DATA)}"
    assert headers["Content-Length"] == "200"


@pytest.mark.rfc(8620, "6.2")
def test_a_range_behind_the_end_answers_416_with_the_size(found: FoundBlob) -> None:
    status, headers, body = get(found, range=f"bytes={len(DATA)}-")

    assert status == 416
    assert headers["Content-Range"] == f"bytes */{len(DATA)}"
    assert headers["Content-Type"] == "application/problem+json"
    assert "Cache-Control" not in headers
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.rfc(8620, "6.2")
def test_a_range_holds_only_if_the_validator_does(found: FoundBlob) -> None:
    etag = transfer.etag_of(found)

    assert get(found, range="bytes=0-9", if_range=etag)[0] == 206
    assert get(found, range="bytes=0-9", if_range='"other"')[0] == 200
    assert get(found, range="bytes=0-9", if_range="Wed, 21 Oct 2015 07:28:00 GMT")[0] == 200


@pytest.mark.rfc(8620, "6.2")
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_what_the_client_has_already_is_not_sent_again(found: FoundBlob, form: str) -> None:
    status, headers, body = get(found, if_none_match=form.format(transfer.etag_of(found)))

    assert (status, body) == (304, b"")
    assert headers["ETag"] == transfer.etag_of(found)
    assert get(found, if_none_match='"other"')[0] == 200


@pytest.mark.rfc(8620, "6.2")
def test_head_gives_the_headers_of_the_whole(found: FoundBlob) -> None:
    status, headers, body = get(found, method="HEAD", range="bytes=0-9")

    assert (status, body) == (200, b"")
    assert headers == get(found)[1]


@pytest.mark.rfc(8620, "6.2")
def test_octets_that_are_gone_answer_404_and_not_a_broken_200(found: FoundBlob, store: FileBlobStore) -> None:
    store.delete(service.key_of(found.blob))

    with pytest.raises(RequestError) as refused:
        transfer.download(found, type="text/plain", name="a")

    assert refused.value.status == 404


@dataclass
class DecodedPart:
    """A part with decoded octets of its own."""

    data: bytes
    type: str | None = "text/calendar"
    name: str | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@pytest.mark.rfc(8620, "6.2")
def test_a_range_of_a_part_counts_decoded_octets(found: FoundBlob) -> None:
    content = DecodedPart(b"decoded octets")
    part = FoundBlob(f"{found.wire_id}-2", found.blob, content.size, "2", content.type, None, content)

    status, headers, body = get(part, range="bytes=-6", type="")

    assert (status, body) == (206, b"octets")
    assert headers["Content-Range"] == "bytes 8-13/14"
    assert headers["Content-Type"] == "text/calendar"
    assert headers["ETag"] != transfer.etag_of(found)


@pytest.mark.rfc(8620, "6.2")
def test_a_download_that_is_left_lets_go_of_the_file(found: FoundBlob) -> None:
    before = open_files()
    response = transfer.download(found, type="text/plain", name="a")
    next(iter(response))
    while_open = open_files()

    response.close()

    assert while_open == before + 1
    assert open_files() == before


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.rfc(8620, "6")
def test_a_hundred_megabytes_up_and_down_cost_no_memory(account: Account, ann: Person) -> None:
    piece = bytes(range(256)) * 256
    tracemalloc.start()
    try:
        with Spool() as spool:
            for _ in range(1_600):
                spool.write(piece)
            upload = uploads.upload(ann, ann.accounts[account.wire_id], "video/mp4", spool)
        found = service.find(ann, ann.accounts[account.wire_id], upload.blob.wire_id)
        assert found is not None
        received = sum(len(data) for data in transfer.download(found, type="video/mp4", name="film"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert received == 104_857_600
    assert peak < 2_000_000
