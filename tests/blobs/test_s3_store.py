"""Objects in S3: the contract of every store, and what is peculiar to a service across a network."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.checks import run_checks

from jmap.blobs import storage
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.s3 import S3BlobStore
from jmap.blobs.storage import SLICE
from tests.blobs.bucket import Bucket, bucket, in_bucket, s3, s3_service  # noqa: F401  fixtures
from tests.blobs.contract import BlobStoreContract, key_of

pytestmark = pytest.mark.rfc(8620, "6")

PART = 5_242_880


class TestS3BlobStore(BlobStoreContract):
    """The store in a bucket."""

    @pytest.fixture
    def store(self, s3: S3BlobStore) -> S3BlobStore:  # noqa: F811
        return s3


@contextmanager
def silent_service() -> Iterator[str]:
    """A service that takes connections and never answers; its URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class BrokenBody:
    """A response that breaks off after some octets."""

    def __init__(self, body: Any, after: int) -> None:
        self.body, self.left = body, after

    def read(self, amount: int) -> bytes:
        if self.left <= 0:
            raise OSError("connection reset")
        data: bytes = self.body.read(min(amount, self.left))
        self.left -= len(data)
        return data

    def close(self) -> None:
        if self.body is not None:
            self.body.close()


def test_a_long_file_goes_out_in_parts_and_comes_back_whole(s3: S3BlobStore, tmp_path: Path) -> None:  # noqa: F811
    data = bytes(range(256)) * (3 * PART // 256) + b"the rest"
    (tmp_path / "spooled").write_bytes(data)

    s3.put_file(key_of(data), tmp_path / "spooled")

    assert s3.size(key_of(data)) == len(data)
    assert bytes(s3.map(key_of(data))[:]) == data
    assert s3._client.head_object(**s3._named(key_of(data)))["ETag"].endswith('-4"')


def test_a_part_that_is_refused_leaves_nothing_behind(
    s3: S3BlobStore,  # noqa: F811
    bucket: Bucket,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = bytes(2 * PART)
    (tmp_path / "spooled").write_bytes(data)
    real = s3._client.upload_part

    def break_off(**given: Any) -> Any:
        if given["PartNumber"] == 2:
            raise EndpointConnectionError(endpoint_url="the service")
        return real(**given)

    monkeypatch.setattr(s3._client, "upload_part", break_off)

    with pytest.raises(OSError, match="cannot be reached"):
        s3.put_file(key_of(data), tmp_path / "spooled")

    assert bucket.names() == []
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)


def test_unfinished_uploads_are_swept(s3: S3BlobStore, bucket: Bucket) -> None:  # noqa: F811
    name = s3._named(key_of(b"never finished"))
    bucket.client.create_multipart_upload(**name)

    assert s3.sweep(10**10) == 0
    assert s3.sweep(-60) == 1
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name)


def test_a_reader_whose_connection_breaks_goes_on_where_it_was(s3: S3BlobStore) -> None:  # noqa: F811
    data = bytes(number % 251 for number in range(4 * SLICE))
    s3.put(key_of(data), data)
    reader = s3.open_range(key_of(data), 5, 3 * SLICE)

    reader.body = BrokenBody(reader.body, SLICE + 100)

    assert b"".join(reader) == data[5 : 3 * SLICE]


def test_a_reader_gives_up_where_the_connection_breaks_again_and_again(s3: S3BlobStore) -> None:  # noqa: F811
    data = bytes(2 * SLICE)
    s3.put(key_of(data), data)
    reader = s3.open_range(key_of(data))
    reader.body = BrokenBody(reader.body, 10)
    reader.open_at = lambda at: BrokenBody(None, 0)

    with pytest.raises(OSError, match="broke off"):
        b"".join(reader)


def test_a_service_that_is_away_is_an_error_of_the_medium(bucket: Bucket, settings: Any) -> None:  # noqa: F811
    with (
        silent_service() as url,
        in_bucket(bucket, settings, ENDPOINT=url, TIMEOUT=1, ATTEMPTS=1),
        pytest.raises(OSError, match="cannot be reached") as refused,
    ):
        storage.default_store().put(key_of(b"x"), b"x")

    assert refused.value.errno == errno.EIO


def test_a_bucket_that_is_missing_is_an_error_of_the_medium(bucket: Bucket, settings: Any) -> None:  # noqa: F811
    with in_bucket(bucket, settings, BUCKET="nobody-made-it"), pytest.raises(OSError, match="NoSuchBucket"):
        storage.default_store().put(key_of(b"x"), b"x")


def test_a_late_repetition_of_a_delete_takes_nothing_that_was_put_meanwhile(
    s3: S3BlobStore,  # noqa: F811
    bucket: Bucket,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versioned = {"Status": "Enabled"}
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration=versioned)
    key = key_of(b"message")
    s3.put(key, b"message")
    sent: list[dict[str, str]] = []
    real = s3._client.delete_object
    monkeypatch.setattr(s3._client, "delete_object", lambda **given: (sent.append(given), real(**given)))

    s3.delete(key)
    s3.put(key, b"message")
    for given in sent:
        real(**given)

    assert s3.read(key) == b"message"


def test_no_version_of_a_deleted_object_is_left(s3: S3BlobStore, bucket: Bucket) -> None:  # noqa: F811
    versioned = {"Status": "Enabled"}
    bucket.client.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration=versioned)
    s3.put(key_of(b"twice"), b"twice")
    s3.put(key_of(b"twice"), b"twice")

    s3.delete(key_of(b"twice"))

    assert s3.size(key_of(b"twice")) is None
    left = bucket.client.list_object_versions(Bucket=bucket.name)
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_threads_share_the_store(s3: S3BlobStore) -> None:  # noqa: F811
    many = [b"message %d" % number for number in range(16)]
    threads = [threading.Thread(target=s3.put, args=(key_of(data), data)) for data in many]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {s3.read(key_of(data)) for data in many} == set(many)


def test_other_objects_of_the_bucket_are_left_alone(s3: S3BlobStore, bucket: Bucket) -> None:  # noqa: F811
    bucket.client.put_object(Bucket=bucket.name, Key="photos/1/abc", Body=b"mine")
    s3.put(key_of(b"ours"), b"ours")

    assert list(s3.keys()) == [key_of(b"ours")]
    with pytest.raises(ObjectMissing):
        s3.read(key_of(b"mine"))


@pytest.mark.own("what a setting needs and is not there is told at the start")
def test_a_store_without_a_bucket_is_told_by_the_checks(settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "BLOBS": {"STORE": "jmap.blobs.s3.S3BlobStore"}}

    assert [message.id for message in run_checks() if message.is_serious()] == ["jmap_core.E004"]


@pytest.mark.own("what a setting needs and is not there is told at the start")
def test_a_store_whose_package_is_missing_is_told_by_the_checks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.JMAP = {**settings.JMAP, "BLOBS": {"STORE": "jmap.blobs.s3.S3BlobStore"}, "S3": {"BUCKET": "b"}}
    monkeypatch.setitem(sys.modules, "jmap.blobs.s3", None)

    (error,) = [message for message in run_checks() if message.is_serious()]

    assert error.id == "jmap_core.E003"
    assert "django-storages" in str(error.hint)


@pytest.mark.own("a long object costs no more memory than a part")
def test_a_long_file_costs_no_more_memory_than_a_part(bucket: Bucket, tmp_path: Path) -> None:  # noqa: F811
    with open(tmp_path / "long", "wb") as file:
        for number in range(96):
            file.write(bytes([number]) * 1_048_576)
    script = f"""
import os, resource, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "jmapsite.settings"
import django; django.setup()
from pathlib import Path
from jmap.blobs.storage import BlobKey, default_store
store = default_store()
store.put(BlobKey(1, bytes(32)), bytes(6_000_000))
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
store.put_file(BlobKey(1, b"x" * 32), Path({str(tmp_path / "long")!r}))
for data in store.open_range(BlobKey(1, b"x" * 32)):
    pass
sys.stdout.write(str(peak() - before))
"""
    environment = {
        "PATH": "/usr/bin:/bin",
        "DATA_DIR": str(tmp_path),
        "BLOB_STORE": f"s3://{bucket.name}/blobs",
        "S3_ENDPOINT": bucket.endpoint,
        "S3_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False, timeout=60
    )

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40_000, "KiB"
