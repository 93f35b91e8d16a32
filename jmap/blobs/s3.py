"""Objects in S3 or whatever speaks its protocol: ``JMAP["BLOBS"] = {"STORE": "jmap.blobs.s3.S3BlobStore"}``.

Rules kept here:
- a name appears with all its octets or not at all, since that is what PUT and the end of a multipart upload do; each
  request carries a digest, so that a service which got other octets refuses them;
- waiting is bounded: few attempts, short timeouts; whatever goes wrong is an OSError, so that senders come again;
- memory is bounded: a file goes out in parts, a long object comes in by slices or into a temporary file;
- where the bucket keeps versions, exactly the versions that were seen are deleted: a request that was given up and is
  carried out late cannot take what was put meanwhile. Without versions nothing can promise that (decision 0015).
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import mmap
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.handlers import add_expect_header
from storages.backends.s3 import S3Storage
from urllib3.exceptions import HTTPError

from jmap.blobs.conf import s3_options
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import MAPPED, SLICE, BlobKey, Octets, system_spool

PUT_AT_ONCE = 256 * 1024
"""Octets below which asking whether an object is there already costs more than putting it again."""

MAX_PARTS = 10_000
"""Parts that a multipart upload may have."""

COPY_AT_ONCE = 5_000_000_000
"""Octets that the service copies in one request."""

AT_ONCE = 8
"""Requests that ``put_many`` makes side by side."""

_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "InsufficientCapacity", "EntityTooLarge"})


@contextlib.contextmanager
def _translated(key: BlobKey | None = None) -> Iterator[None]:
    """The errors of the library as those of the port."""
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if key is not None and code in _MISSING:
            raise ObjectMissing(key.digest.hex()) from None
        number = errno.ENOSPC if code in _FULL else errno.EIO
        raise OSError(number, f"the object store refused {error.operation_name}: {code}") from error
    except (BotoCoreError, HTTPError) as error:
        raise OSError(errno.EIO, f"the object store cannot be reached: {type(error).__name__}") from error


class S3BlobStore:
    """Objects as ``<prefix>/<account>/<digest>`` in one bucket."""

    def __init__(self) -> None:
        self.options = s3_options()
        self.spool_folder = system_spool()
        prefix = self.options.prefix.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------------- writing

    def put(self, key: BlobKey, data: Octets) -> None:
        """See BlobStore."""
        size = memoryview(data).nbytes
        if size > PUT_AT_ONCE and self.size(key) == size:
            return
        if size > self.options.part_size:
            view = memoryview(data)
            self._put_parts(key, size, lambda start, stop: bytes(view[start:stop]))
            return
        octets = bytes(data)
        with _translated():
            self._client.put_object(**self._named(key), Body=octets, ContentMD5=_md5(octets))

    def put_many(self, items: Sequence[tuple[BlobKey, Octets]]) -> None:
        """See BlobStore."""
        distinct = dict(items)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="blob-put") as pool:
            for done in [pool.submit(self.put, key, data) for key, data in distinct.items()]:
                done.result()

    def put_file(self, key: BlobKey, path: Path) -> None:
        """See BlobStore. Holds no more of it in memory than a part."""
        size = path.stat().st_size
        with open(path, "rb") as file:
            if size <= self.options.part_size:
                self.put(key, file.read())
            elif self.size(key) != size:
                self._put_parts(key, size, lambda start, stop: os.pread(file.fileno(), stop - start, start))

    def copy(self, source: BlobKey, account_id: int) -> None:
        """See BlobStore. The octets do not leave the service."""
        size = self.size(source)
        if size is None:
            raise ObjectMissing(source.digest.hex())
        target = BlobKey(account_id, source.digest)
        origin = self._named(source)
        if size <= COPY_AT_ONCE:
            with _translated(source):
                self._client.copy_object(**self._named(target), CopySource=origin)
            return
        parts = self._part_bounds(size)

        def copy_part(place: Mapping[str, Any], start: int, stop: int) -> str:
            made = self._client.upload_part_copy(
                **place, CopySource=origin, CopySourceRange=f"bytes={start}-{stop - 1}"
            )
            return str(made["CopyPartResult"]["ETag"])

        self._in_parts(target, size, parts, copy_part)

    def delete(self, key: BlobKey) -> None:
        """See BlobStore."""
        named = self._named(key)
        with _translated():
            try:
                head = self._client.head_object(**named)
            except ClientError as error:
                if str(error.response.get("Error", {}).get("Code")) in _MISSING:
                    return
                raise
            if head.get("VersionId", "null") == "null":
                self._client.delete_object(**named)
                return
            for version in self._versions(named["Key"]):
                self._client.delete_object(**named, VersionId=version)

    # ------------------------------------------------------------------------------------------------------- reading

    def size(self, key: BlobKey) -> int | None:
        """See BlobStore."""
        head = self._head(key)
        return None if head is None else int(head["ContentLength"])

    def age(self, key: BlobKey) -> float | None:
        """See BlobStore."""
        head = self._head(key)
        if head is None:
            return None
        put_at: datetime = head["LastModified"]
        return (datetime.now(UTC) - put_at).total_seconds()

    def read(self, key: BlobKey) -> bytes:
        """See BlobStore."""
        return b"".join(self.open_range(key))

    def map(self, key: BlobKey) -> mmap.mmap | bytes:
        """See BlobStore. A long object is brought into a temporary file without a name."""
        reader = self.open_range(key)
        if reader.size <= MAPPED:
            return b"".join(reader)
        with tempfile.TemporaryFile(dir=self.spool_folder) as file:
            for data in reader:
                file.write(data)
            file.flush()
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def open_range(self, key: BlobKey, start: int = 0, stop: int | None = None) -> S3Range:
        """See BlobStore."""
        if stop is not None and stop <= start:
            if self.size(key) is None:
                raise ObjectMissing(key.digest.hex())
            return S3Range(lambda at: _Nothing(), start, start)
        wanted = "" if stop is None else str(stop - 1)

        def open_at(at: int) -> Any:
            ranged = {} if at == 0 and stop is None else {"Range": f"bytes={at}-{wanted}"}
            with _translated(key):
                return self._client.get_object(**self._named(key), **ranged)

        try:
            first = open_at(start)
        except OSError as error:
            if isinstance(error.__cause__, ClientError) and "InvalidRange" in str(error.__cause__):
                return S3Range(lambda at: _Nothing(), start, start)
            raise
        length = int(first["ContentLength"])
        return S3Range(lambda at: open_at(at)["Body"], start, start + length, first["Body"])

    def keys(self, account_id: int | None = None) -> Iterator[BlobKey]:
        """See BlobStore."""
        beginning = self._prefix if account_id is None else f"{self._prefix}{account_id}/"
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.options.bucket, Prefix=beginning)
        with _translated():
            for page in pages:
                for listed in page.get("Contents", ()):
                    account, _, name = listed["Key"].removeprefix(self._prefix).partition("/")
                    with contextlib.suppress(ValueError):
                        yield BlobKey(int(account), bytes.fromhex(name))

    def sweep(self, older_than: float) -> int:
        """See BlobStore."""
        before = datetime.fromtimestamp(time.time() - older_than, UTC)
        swept = 0
        pages = self._client.get_paginator("list_multipart_uploads").paginate(
            Bucket=self.options.bucket, Prefix=self._prefix
        )
        with _translated():
            for page in pages:
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] < before:
                        self._client.abort_multipart_upload(
                            Bucket=self.options.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )
                        swept += 1
        return swept

    # ------------------------------------------------------------------------------------------------------ requests

    @cached_property
    def _client(self) -> Any:
        """One client for all threads, who may share it; making one costs more than a request."""
        with self._lock:
            options = self.options
            config = Config(
                connect_timeout=options.timeout,
                read_timeout=options.timeout,
                retries={"mode": "standard", "total_max_attempts": options.attempts},
                max_pool_connections=options.connections,
                s3={"addressing_style": options.addressing_style},
                # Digests that every service knows are sent by us; newer ones only where one demands them.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            )
            storage = S3Storage(
                bucket_name=options.bucket,
                endpoint_url=options.endpoint or None,
                region_name=options.region or None,
                client_config=config,
            )
            client = storage.connection.meta.client
            # To ask whether a body is welcome before it is sent costs a round trip for each object.
            client.meta.events.unregister("before-call.s3", add_expect_header)
            return client

    def _named(self, key: BlobKey) -> dict[str, str]:
        return {"Bucket": self.options.bucket, "Key": f"{self._prefix}{key.account_id}/{key.digest.hex()}"}

    def _head(self, key: BlobKey) -> Mapping[str, Any] | None:
        try:
            with _translated(key):
                head: Mapping[str, Any] = self._client.head_object(**self._named(key))
                return head
        except ObjectMissing:
            return None

    def _versions(self, name: str) -> list[str]:
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.options.bucket, Prefix=name)
        listed = (one for page in pages for kind in ("Versions", "DeleteMarkers") for one in page.get(kind, ()))
        return [one["VersionId"] for one in listed if one["Key"] == name]

    def _part_bounds(self, size: int) -> list[tuple[int, int]]:
        step = max(self.options.part_size, -(-size // MAX_PARTS))
        return [(start, min(start + step, size)) for start in range(0, size, step)]

    def _put_parts(self, key: BlobKey, size: int, read: Callable[[int, int], bytes]) -> None:
        def put_part(place: Mapping[str, Any], start: int, stop: int) -> str:
            octets = read(start, stop)
            return str(self._client.upload_part(**place, Body=octets, ContentMD5=_md5(octets))["ETag"])

        self._in_parts(key, size, self._part_bounds(size), put_part)

    def _in_parts(
        self,
        key: BlobKey,
        size: int,
        parts: Sequence[tuple[int, int]],
        send: Callable[[Mapping[str, Any], int, int], str],
    ) -> None:
        """One object out of parts, each sent by ``send``, which gives its tag; nothing is left of one that fails."""
        named = self._named(key)
        with _translated(key):
            upload = {**named, "UploadId": self._client.create_multipart_upload(**named)["UploadId"]}
            try:
                sent = [
                    {"PartNumber": number, "ETag": send({**upload, "PartNumber": number}, start, stop)}
                    for number, (start, stop) in enumerate(parts, 1)
                ]
                self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": sent})
            except BaseException:
                with contextlib.suppress(ClientError, BotoCoreError, HTTPError):
                    self._client.abort_multipart_upload(**upload)
                raise
        if self.size(key) != size:
            raise OSError(errno.EIO, "the object store keeps another number of octets than it was given")


class _Nothing:
    """The body of no octets."""

    def read(self, amount: int) -> bytes:
        return b""

    def close(self) -> None:
        """Nothing to let go of."""


@dataclass(slots=True)
class S3Range:
    """Octets of an object in slices. A reader who is slow may find the connection gone: then the rest is asked for."""

    open_at: Callable[[int], Any]
    at: int
    stop: int
    body: IO[bytes] | Any = None
    failures: int = 0

    @property
    def size(self) -> int:
        """Octets that are still to come."""
        return self.stop - self.at

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while self.at < self.stop:
            data = self._read(min(SLICE, self.stop - self.at))
            if data:
                self.at += len(data)
                self.failures = 0
                return data
        self.close()
        raise StopIteration

    def _read(self, wanted: int) -> bytes:
        """The next octets, or none where the connection broke and another is to be tried."""
        try:
            if self.body is None:
                self.body = self.open_at(self.at)
            data: bytes = self.body.read(wanted)
            if data:
                return data
            reason: Exception = EOFError("the object ended early")
        except (BotoCoreError, HTTPClientError, HTTPError, OSError) as error:
            reason = error
        self._drop()
        self.failures += 1
        if self.failures > s3_options().attempts:
            raise OSError(errno.EIO, "the object store broke off") from reason
        return b""

    def _drop(self) -> None:
        body, self.body = self.body, None
        if body is not None:
            body.close()

    def close(self) -> None:
        """Let go of the connection; may be called twice."""
        self._drop()
        self.at = self.stop


def _md5(octets: bytes) -> str:
    return base64.b64encode(hashlib.md5(octets, usedforsecurity=False).digest()).decode()
