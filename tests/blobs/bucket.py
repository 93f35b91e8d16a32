"""An S3 service of the tests' own: moto's server, with a bucket, and ways to break it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from jmap.blobs import storage
from jmap.blobs.s3 import S3BlobStore

_numbers = itertools.count(1)


@dataclass
class Bucket:
    """A bucket of its own in the service."""

    endpoint: str
    name: str
    client: Any

    def options(self, **others: Any) -> dict[str, Any]:
        """The section ``S3`` of the setting."""
        return {
            "BUCKET": self.name,
            "PREFIX": "blobs",
            "ENDPOINT": self.endpoint,
            "REGION": "us-east-1",
            "PART_SIZE": 5_242_880,
            "TIMEOUT": 5,
            **others,
        }

    def names(self) -> list[str]:
        """The names of all objects."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]


@pytest.fixture(scope="session")
def s3_service() -> Iterator[str]:
    """The URL of a service that runs for the whole session."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_service: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket."""
    for name, value in (("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")):
        monkeypatch.setenv(name, value)
    client = boto3.client(
        "s3", endpoint_url=s3_service, region_name="us-east-1", config=Config(retries={"total_max_attempts": 1})
    )
    made = Bucket(s3_service, f"bucket-{next(_numbers)}", client)
    client.create_bucket(Bucket=made.name)
    return made


@pytest.fixture
def s3(bucket: Bucket, settings: Any) -> Iterator[S3BlobStore]:
    """The blob service on that bucket."""
    with in_bucket(bucket, settings):
        store = storage.default_store()
        assert isinstance(store, S3BlobStore)
        yield store


@contextmanager
def in_bucket(bucket: Bucket, settings: Any, **options: Any) -> Iterator[None]:
    """Let the blob service keep octets in the bucket."""
    settings.JMAP = {
        **settings.JMAP,
        "BLOBS": {**settings.JMAP.get("BLOBS", {}), "STORE": "jmap.blobs.s3.S3BlobStore"},
        "S3": bucket.options(**options),
    }
    storage._store.cache_clear()
    try:
        yield
    finally:
        storage._store.cache_clear()
