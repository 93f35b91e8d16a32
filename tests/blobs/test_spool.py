"""A spool hashes what arrives, keeps little of it in memory, and leaves no file behind."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from jmap.blobs.errors import TooLarge
from jmap.blobs.spool import IN_MEMORY, Spool

pytestmark = pytest.mark.rfc(8620, "6.1")


def test_what_is_written_is_counted_and_hashed() -> None:
    with Spool() as spool:
        spool.write_all([b"From: ", bytearray(b"a@"), memoryview(b"example.com")])

        assert spool.size == 19
        assert spool.digest == hashlib.sha256(b"From: a@example.com").digest()
        assert spool.view() == b"From: a@example.com"


def test_little_stays_in_memory() -> None:
    with Spool() as spool:
        spool.write(bytes(IN_MEMORY))

        assert spool.path is None


def test_much_goes_to_a_file_beside_the_objects(blob_root: Path) -> None:
    data = os.urandom(IN_MEMORY + 1)
    with Spool() as spool:
        spool.write(data[:100])
        spool.write(data[100:])

        assert spool.path is not None
        assert spool.path.parent == blob_root / "spool"
        assert bytes(spool.view()) == data
        assert spool.digest == hashlib.sha256(data).digest()


def test_leaving_removes_the_file_also_after_an_error(blob_root: Path) -> None:
    def broken_body() -> Iterator[bytes]:
        yield bytes(IN_MEMORY + 1)
        raise ConnectionError("the client went away")

    with pytest.raises(ConnectionError), Spool() as spool:
        spool.write_all(broken_body())

    assert list((blob_root / "spool").iterdir()) == []


@pytest.mark.rfc(8620, "2")
def test_more_than_the_limit_is_refused() -> None:
    with Spool(limit=10) as spool:
        spool.write(bytes(10))

        with pytest.raises(TooLarge) as refused:
            spool.write(b"1")

    assert refused.value.limit == 10
    assert spool.size == 10


def test_a_hundred_megabytes_cost_no_memory() -> None:
    piece = bytes(64 * 1024)
    tracemalloc.start()
    try:
        with Spool() as spool:
            for _ in range(1_600):
                spool.write(piece)
            peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert spool.size == 104_857_600
    assert peak < 4 * IN_MEMORY
