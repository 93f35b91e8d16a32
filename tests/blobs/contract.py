"""The contract of every blob store: subclass it with a ``store`` fixture, and the store is held to it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import SLICE, BlobKey, BlobStore


def key_of(data: bytes, account_id: int = 1) -> BlobKey:
    """The key that octets are stored under."""
    return BlobKey(account_id, hashlib.sha256(data).digest())


class BlobStoreContract:
    """What every store does; ``store`` must be empty."""

    @pytest.fixture
    def store(self) -> Any:
        raise NotImplementedError

    def test_what_was_put_is_read(self, store: BlobStore) -> None:
        data = b"From: a@example.com\r\n\r\n\x00\xff"

        store.put(key_of(data), data)

        assert store.read(key_of(data)) == data
        assert bytes(store.map(key_of(data))[:]) == data
        assert store.size(key_of(data)) == len(data)

    def test_nothing_at_all_can_be_put(self, store: BlobStore) -> None:
        store.put(key_of(b""), b"")

        assert store.size(key_of(b"")) == 0
        assert bytes(store.map(key_of(b""))) == b""
        assert list(store.open_range(key_of(b""))) == []

    def test_putting_again_changes_nothing(self, store: BlobStore, tmp_path: Path) -> None:
        (tmp_path / "again").write_bytes(b"same")

        store.put(key_of(b"same"), b"same")
        store.put(key_of(b"same"), memoryview(b"same"))
        store.put_many([(key_of(b"same"), b"same"), (key_of(b"same"), b"same")])
        store.put_file(key_of(b"same"), tmp_path / "again")

        assert list(store.keys()) == [key_of(b"same")]
        assert store.read(key_of(b"same")) == b"same"

    def test_many_are_put_at_once(self, store: BlobStore) -> None:
        many = [b"message %d" % number for number in range(50)]

        store.put_many([(key_of(data), data) for data in many])

        assert [store.read(key_of(data)) for data in many] == many

    def test_a_file_is_put_and_stays_the_callers(self, store: BlobStore, tmp_path: Path) -> None:
        data = bytes(range(256)) * 4_096
        (tmp_path / "spooled").write_bytes(data)

        store.put_file(key_of(data, 1), tmp_path / "spooled")
        store.put_file(key_of(data, 2), tmp_path / "spooled")
        (tmp_path / "spooled").unlink()

        assert store.read(key_of(data, 1)) == store.read(key_of(data, 2)) == data

    def test_accounts_never_see_each_others_objects(self, store: BlobStore) -> None:
        store.put(key_of(b"secret", 1), b"secret")

        assert store.size(key_of(b"secret", 2)) is None
        with pytest.raises(ObjectMissing):
            store.read(key_of(b"secret", 2))

    def test_a_copy_outlives_its_original(self, store: BlobStore) -> None:
        store.put(key_of(b"shared", 1), b"shared")

        store.copy(key_of(b"shared", 1), 2)
        store.delete(key_of(b"shared", 1))

        assert store.read(key_of(b"shared", 2)) == b"shared"
        assert store.size(key_of(b"shared", 1)) is None

    def test_a_copy_of_nothing_is_refused(self, store: BlobStore) -> None:
        with pytest.raises(ObjectMissing):
            store.copy(key_of(b"never"), 2)

    @pytest.mark.parametrize(
        ("start", "stop"), [(0, None), (0, 0), (0, 1), (5, 9), (SLICE - 1, SLICE + 1), (3 * SLICE, None), (7, 10**12)]
    )
    def test_a_range_gives_exactly_its_octets(self, store: BlobStore, start: int, stop: int | None) -> None:
        data = bytes(number % 251 for number in range(3 * SLICE + 17))
        store.put(key_of(data), data)

        assert b"".join(store.open_range(key_of(data), start, stop)) == data[start:stop]

    def test_a_range_is_read_in_slices(self, store: BlobStore) -> None:
        data = bytes(5 * SLICE)
        store.put(key_of(data), data)

        assert max(len(piece) for piece in store.open_range(key_of(data), 10)) <= SLICE

    def test_an_open_range_is_read_to_its_end_though_the_object_is_deleted(self, store: BlobStore) -> None:
        data = bytes(2 * SLICE)
        store.put(key_of(data), data)

        reader = store.open_range(key_of(data))
        store.delete(key_of(data))

        assert b"".join(reader) == data

    def test_a_closed_range_gives_nothing_more(self, store: BlobStore) -> None:
        store.put(key_of(b"left"), b"left")
        reader = store.open_range(key_of(b"left"))

        reader.close()
        reader.close()

        assert list(reader) == []

    def test_what_is_missing_is_told_before_the_first_octet(self, store: BlobStore) -> None:
        with pytest.raises(ObjectMissing):
            store.open_range(key_of(b"never"))
        with pytest.raises(ObjectMissing):
            store.map(key_of(b"never"))
        assert store.size(key_of(b"never")) is None

    def test_deleting_twice_is_no_error(self, store: BlobStore) -> None:
        store.put(key_of(b"gone"), b"gone")

        store.delete(key_of(b"gone"))
        store.delete(key_of(b"gone"))

        assert list(store.keys()) == []

    def test_what_was_deleted_can_be_put_again(self, store: BlobStore) -> None:
        store.put(key_of(b"back"), b"back")
        store.delete(key_of(b"back"))

        store.put(key_of(b"back"), b"back")

        assert store.read(key_of(b"back")) == b"back"

    def test_keys_are_listed_by_account(self, store: BlobStore) -> None:
        for account_id, data in ((1, b"a"), (1, b"b"), (22, b"a")):
            store.put(key_of(data, account_id), data)

        assert set(store.keys()) == {key_of(b"a", 1), key_of(b"b", 1), key_of(b"a", 22)}
        assert list(store.keys(22)) == [key_of(b"a", 22)]
        assert list(store.keys(3)) == []

    def test_the_age_of_an_object_is_known(self, store: BlobStore) -> None:
        store.put(key_of(b"young"), b"young")

        age = store.age(key_of(b"young"))

        assert age is not None
        assert -2 < age < 60
        assert store.age(key_of(b"never")) is None

    def test_sweeping_takes_no_object(self, store: BlobStore) -> None:
        store.put(key_of(b"kept"), b"kept")

        store.sweep(older_than=-60)

        assert store.read(key_of(b"kept")) == b"kept"
