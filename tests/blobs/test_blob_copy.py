"""Blob/copy between two accounts (RFC 8620 §6.3)."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import jmap.datatypes.blob  # noqa: F401
from jmap.blobs import service
from jmap.blobs.storage import FileBlobStore
from jmap.models import Account, Blob
from jmap.protocol.dispatch import process
from jmap.protocol.method import CORE
from jmap.protocol.ports import Limits
from jmap.registry import registry
from jmap.store import OrmBackend
from tests.blobs.conftest import Person, person, seen
from tests.blobs.test_service import refer_to
from tests.blobs.test_uploads import send

pytestmark = [pytest.mark.django_db, pytest.mark.rfc(8620, "6.3")]


@dataclass
class House:
    """Two accounts and somebody who may enter both."""

    source: Account
    target: Account
    ann: Person

    def call(self, *blob_ids: str, who: Person | None = None, **limits: int) -> tuple[str, dict[str, Any]]:
        """Call Blob/copy through the protocol core: the name and the arguments of the answer."""
        arguments = {
            "accountId": self.target.wire_id,
            "fromAccountId": self.source.wire_id,
            "blobIds": blob_ids,
        }
        response = process(
            json.dumps({"using": [CORE], "methodCalls": [["Blob/copy", arguments, "0"]]}).encode(),
            principal=who or self.ann,
            registry=registry,
            backend=OrmBackend(),
            limits=Limits(**limits),
            session_state="0",
        )
        name, answer, _call_id = response["methodResponses"][0]
        return name, answer

    def copy(self, *blob_ids: str) -> dict[str, Any]:
        """The same where it succeeds."""
        name, answer = self.call(*blob_ids)
        assert name == "Blob/copy"
        return answer


@pytest.fixture
def house() -> House:
    """Ann's own account and one that is shared with her."""
    source, target = Account.objects.create(name="ann"), Account.objects.create(name="office")
    return House(source, target, person("ann", seen(source), seen(target, is_personal=False)))


def test_a_blob_is_copied_with_its_octets(house: House) -> None:
    blob = send(house.ann, house.source, b"attachment").blob

    answer = house.copy(blob.wire_id)

    copied = Blob.objects.get(account=house.target)
    assert answer == {
        "accountId": house.target.wire_id,
        "fromAccountId": house.source.wire_id,
        "copied": {blob.wire_id: copied.wire_id},
        "notCopied": None,
    }
    found = service.find(house.ann, house.ann.accounts[house.target.wire_id], copied.wire_id)
    assert found is not None
    assert found.read() == b"attachment"


def test_what_cannot_be_seen_is_not_found_and_the_rest_is_copied(house: House) -> None:
    bob = person("bob", seen(house.source))
    seen_by_ann = send(house.ann, house.source, b"hers").blob
    seen_by_bob = send(bob, house.source, b"his").blob

    answer = house.copy("nonsense", seen_by_bob.wire_id, seen_by_ann.wire_id)

    assert answer["notCopied"] == {"nonsense": {"type": "notFound"}, seen_by_bob.wire_id: {"type": "notFound"}}
    assert list(answer["copied"]) == [seen_by_ann.wire_id]


def test_nothing_copied_is_null(house: House) -> None:
    assert house.copy("nonsense")["copied"] is None


def test_a_copy_is_an_upload_of_whoever_made_it(house: House) -> None:
    blob = send(house.ann, house.source, b"attachment").blob
    bob = person("bob", seen(house.target))

    copied = house.copy(blob.wire_id)["copied"][blob.wire_id]

    assert service.find(bob, bob.accounts[house.target.wire_id], copied) is None


def test_a_copy_outlives_the_original(house: House, store: FileBlobStore) -> None:
    blob = send(house.ann, house.source, b"attachment").blob
    house.copy(blob.wire_id)

    store.delete(service.key_of(blob))

    assert service.read(Blob.objects.get(account=house.target)) == b"attachment"


def test_a_source_that_may_not_be_entered_is_an_error_of_the_method(house: House) -> None:
    stranger = person("eve", seen(house.target))

    name, answer = house.call("bb", who=stranger)

    assert (name, answer["type"]) == ("error", "fromAccountNotFound")


def test_a_target_that_may_only_be_read_is_refused(house: House) -> None:
    reader = person("bob", seen(house.source), seen(house.target, is_read_only=True))
    blob = send(reader, house.source, b"attachment").blob

    name, answer = house.call(blob.wire_id, who=reader)

    assert (name, answer["type"]) == ("error", "accountReadOnly")
    assert not Blob.objects.filter(account=house.target).exists()


@pytest.mark.usefixtures("retained_opens")
def test_a_source_that_may_only_be_read_is_enough(house: House) -> None:
    reader = person("bob", seen(house.source, is_read_only=True), seen(house.target))
    refer_to(service.store_bytes(house.source.pk, b"message"))

    _name, answer = house.call(Blob.objects.get().wire_id, who=reader)

    assert answer["notCopied"] is None


def test_more_than_a_call_may_hold_is_refused(house: House) -> None:
    name, answer = house.call("bb", "bc", "bd", max_objects_in_set=2)

    assert (name, answer["type"]) == ("error", "requestTooLarge")


def test_a_full_disk_half_way_is_a_partial_failure(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = [send(house.ann, house.source, data).blob.wire_id for data in (b"first", b"second")]
    real, copies = FileBlobStore.copy, []

    def full_at_the_second(files: FileBlobStore, *arguments: Any) -> None:
        copies.append(arguments)
        if len(copies) == 2:
            raise OSError(errno.ENOSPC, "no room")
        real(files, *arguments)

    monkeypatch.setattr(FileBlobStore, "copy", full_at_the_second)

    name, answer = house.call(*blobs)

    assert (name, answer["type"]) == ("error", "serverPartialFail")


def test_a_blob_larger_than_the_quota_of_the_target_says_so(house: House, settings: Any) -> None:
    blob = send(house.ann, house.source, b"attachment").blob
    settings.JMAP = {**settings.JMAP, "BLOBS": {"UPLOAD_QUOTA": 5}}

    assert house.copy(blob.wire_id)["notCopied"][blob.wire_id]["type"] == "overQuota"


@dataclass
class DecodedPart:
    """A part with decoded octets of its own."""

    data: bytes
    type: str | None = "text/plain"
    name: str | None = None

    @property
    def size(self) -> int:
        return len(self.data)

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@pytest.fixture
def decoded() -> Iterator[None]:
    """Part 1 of any blob."""

    def resolve(blob: Blob, part: str) -> DecodedPart:
        return DecodedPart(b"decoded octets")

    service.register_parts(resolve)
    yield
    service.unregister_parts(resolve)


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.usefixtures("decoded")
def test_a_part_becomes_a_whole_blob_of_its_decoded_octets(house: House) -> None:
    blob = send(house.ann, house.source, b"ZGVjb2RlZCBvY3RldHM=").blob

    answer = house.copy(f"{blob.wire_id}-1")

    copied = Blob.objects.get(account=house.target)
    assert answer["copied"] == {f"{blob.wire_id}-1": copied.wire_id}
    assert service.read(copied) == b"decoded octets"
