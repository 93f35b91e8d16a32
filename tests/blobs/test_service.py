"""Octets in and out by account, and who may see which blob (RFC 8620 §6)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from jmap.blobs import service, uploads
from jmap.blobs.errors import BlobGone, ObjectMissing
from jmap.blobs.spool import Spool
from jmap.blobs.storage import BlobKey, FileBlobStore
from jmap.ids import encode
from jmap.models import Account, Blob
from jmap.store import writing
from mail.models import RetainedEmail
from tests.blobs.conftest import Person, person, seen

pytestmark = [pytest.mark.django_db, pytest.mark.rfc(8620, "6")]


@pytest.fixture
def account() -> Account:
    """An account that several people may enter."""
    return Account.objects.create(name="office")


def upload(who: Person, account: Account, data: bytes) -> Blob:
    """What somebody uploaded."""
    with Spool() as spool:
        spool.write(data)
        return uploads.upload(who, who.accounts[account.wire_id], "text/plain", spool).blob


def refer_to(blob: Blob) -> RetainedEmail:
    """An object of the account that holds a reference to the blob."""
    with writing(blob.account_id):
        service.pin(blob.pk)
        return reference(blob)


def reference(blob: Blob) -> RetainedEmail:
    """The reference alone, for a transaction that has the blob locked."""
    return RetainedEmail.objects.create(
        account_id=blob.account_id,
        email_key=1,
        blob=blob,
        received_at=datetime(2024, 1, 1, tzinfo=UTC),
        mailboxes=[],
        keywords=[],
        destroyed_at=datetime(2024, 1, 2, tzinfo=UTC),
    )


# ------------------------------------------------------------------------------------------------------- octets in, out


def test_what_was_stored_is_read(account: Account) -> None:
    blob = service.store_bytes(account.pk, b"octets")

    assert (blob.size, bytes(blob.digest)) == (6, hashlib.sha256(b"octets").digest())
    assert service.read(blob) == b"octets"
    assert bytes(service.map(blob)) == b"octets"
    assert b"".join(service.open_range(blob, 1, 3)) == b"ct"


def test_the_same_octets_are_the_same_blob(account: Account) -> None:
    first = service.store_bytes(account.pk, b"octets")

    assert service.store_bytes(account.pk, b"octets") == first
    assert Blob.objects.count() == 1


def test_the_same_octets_in_two_accounts_are_two_blobs(account: Account) -> None:
    other = Account.objects.create(name="other")

    assert service.store_bytes(account.pk, b"octets") != service.store_bytes(other.pk, b"octets")


def test_many_are_stored_in_their_order_with_repeats(account: Account) -> None:
    many = [b"%d" % (number % 300) for number in range(450)]

    blobs = service.store_many(account.pk, many)

    assert [service.read(blob) for blob in blobs] == many
    assert blobs[0] == blobs[300]
    assert Blob.objects.count() == 300


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_spool_is_stored_for_two_accounts(account: Account, blob_root: Path, size: int) -> None:
    other, data = Account.objects.create(name="other"), os.urandom(size)

    with Spool() as spool:
        spool.write(data)
        blobs = [service.store_spool(owner.pk, spool) for owner in (account, other)]

    assert [service.read(blob) for blob in blobs] == [data, data]
    assert list((blob_root / "spool").iterdir()) == []


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_spool_that_was_stored_takes_no_more(account: Account, size: int) -> None:
    with Spool().write_all([bytes(size)]) as spool:
        blob = service.store_spool(account.pk, spool)

        with pytest.raises(ValueError, match="never change"):
            spool.write(b"more")

    assert service.read(blob) == bytes(size)


def test_storing_takes_one_statement(account: Account, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        service.store_bytes(account.pk, b"octets")


# ------------------------------------------------------------------------------------------------------------- pinning


def test_a_dying_blob_lives_again_when_it_is_stored(account: Account) -> None:
    blob = service.store_bytes(account.pk, b"octets")
    Blob.objects.update(dying_since=timezone.now())

    service.store_bytes(account.pk, b"octets")

    assert Blob.objects.get(pk=blob.pk).dying_since is None


def test_a_dying_blob_lives_again_when_it_is_pinned(account: Account) -> None:
    blob = service.store_bytes(account.pk, b"octets")
    Blob.objects.update(dying_since=timezone.now())

    with transaction.atomic():
        service.pin(blob.pk)

    assert Blob.objects.get(pk=blob.pk).dying_since is None


def test_a_dying_blob_without_octets_cannot_be_pinned_but_stored_again(account: Account, store: FileBlobStore) -> None:
    blob = service.store_bytes(account.pk, b"octets")
    Blob.objects.update(dying_since=timezone.now())
    store.delete(service.key_of(blob))

    with pytest.raises(BlobGone), transaction.atomic():
        service.pin(blob.pk)
    service.store_bytes(account.pk, b"octets")

    assert service.read(blob) == b"octets"


@pytest.mark.parametrize("size", [10, 300_000])
def test_what_was_put_gets_its_row_in_the_transaction_of_its_reference(account: Account, size: int) -> None:
    data = os.urandom(size)
    with Spool().write_all([data]) as spool:
        stored = service.put_spool(account.pk, spool)
    assert Blob.objects.count() == 0

    with writing(account.pk):
        blob = service.attach(stored)
        reference(blob)

    assert service.read(Blob.objects.get()) == data


def test_what_was_put_and_collected_cannot_be_attached(account: Account, store: FileBlobStore) -> None:
    with Spool().write_all([b"octets"]) as spool:
        stored = service.put_spool(account.pk, spool)
    store.delete(stored.key)

    with pytest.raises(BlobGone), transaction.atomic():
        service.attach(stored)

    assert Blob.objects.count() == 0


def test_a_blob_that_was_collected_cannot_be_pinned(account: Account) -> None:
    blob = service.store_bytes(account.pk, b"octets")
    key = blob.pk
    blob.delete()

    with pytest.raises(BlobGone), transaction.atomic():
        service.pin(key)


# ------------------------------------------------------------------------------------------------- who may see which


@pytest.mark.rfc(8620, "6.1")
def test_an_upload_is_seen_by_the_uploader_alone_also_in_a_shared_account(account: Account) -> None:
    ann, bob = person("ann", seen(account)), person("bob", seen(account, is_personal=False))

    blob = upload(ann, account, b"draft")

    assert service.find(ann, ann.accounts[account.wire_id], blob.wire_id) is not None
    assert service.find(bob, bob.accounts[account.wire_id], blob.wire_id) is None


@pytest.mark.usefixtures("retained_opens")
def test_what_an_object_of_the_account_refers_to_is_seen_by_all_its_readers(account: Account) -> None:
    ann, bob = person("ann", seen(account)), person("bob", seen(account, is_read_only=True))
    blob = upload(ann, account, b"message")

    refer_to(blob)

    found = service.find(bob, bob.accounts[account.wire_id], blob.wire_id)
    assert found is not None
    assert found.read() == b"message"
    assert (found.size, found.part, found.type, found.name) == (7, None, None, None)


def test_a_reference_that_only_keeps_a_blob_does_not_open_it(account: Account) -> None:
    ann, bob = person("ann", seen(account)), person("bob", seen(account))
    blob = upload(ann, account, b"destroyed message")

    refer_to(blob)

    assert service.find(bob, bob.accounts[account.wire_id], blob.wire_id) is None


@pytest.mark.usefixtures("retained_opens")
def test_knowing_an_id_of_another_account_gains_nothing(account: Account) -> None:
    other = Account.objects.create(name="other")
    ann, eve = person("ann", seen(account)), person("eve", seen(other))
    blob = upload(ann, account, b"secret")
    refer_to(blob)

    assert service.find(eve, eve.accounts[other.wire_id], blob.wire_id) is None
    assert service.find(eve, seen(account), blob.wire_id) is None


@pytest.mark.usefixtures("retained_opens")
def test_sending_somebody_elses_octets_shows_nothing_of_theirs(account: Account) -> None:
    ann, bob = person("ann", seen(account)), person("bob", seen(account))
    blob = upload(ann, account, b"same octets")

    upload(bob, account, b"same octets")

    assert service.find(bob, bob.accounts[account.wire_id], blob.wire_id) is not None
    assert Blob.objects.count() == 1


@pytest.mark.parametrize(
    "wire_id", ["", "b", "-", "b-1", "nonsense", "e" + "b", "b!", "bb-", "bb-1.2", "bb-../x", "b" * 300]
)
def test_what_is_no_blob_id_finds_nothing(account: Account, wire_id: str) -> None:
    ann = person("ann", seen(account))
    upload(ann, account, b"something")

    assert service.find(ann, ann.accounts[account.wire_id], wire_id) is None


def test_several_are_found_with_one_query(account: Account, django_assert_num_queries: object) -> None:
    ann = person("ann", seen(account))
    blobs = [upload(ann, account, b"%d" % number) for number in range(3)]
    ids = [blob.wire_id for blob in blobs]

    with django_assert_num_queries(1):  # type: ignore[operator]
        found = service.find_many(ann, ann.accounts[account.wire_id], [*ids, encode("b", 10**9), ids[0]])

    assert [found[wire_id].blob for wire_id in ids] == blobs
    assert len(found) == 3


def test_what_disappeared_from_the_store_is_told_when_opened(account: Account, store: FileBlobStore) -> None:
    ann = person("ann", seen(account))
    blob = upload(ann, account, b"lost")
    store.delete(BlobKey(account.pk, bytes(blob.digest)))

    found = service.find(ann, ann.accounts[account.wire_id], blob.wire_id)

    assert found is not None
    with pytest.raises(ObjectMissing):
        found.open_range()


# --------------------------------------------------------------------------------------------------------------- parts


@dataclass
class UpperPart:
    """A toy part: the octets of the whole blob in capitals."""

    data: bytes
    type: str | None = "text/shouting"
    name: str | None = "loud.txt"

    @property
    def size(self) -> int:
        return len(self.data)

    def open_range(self, start: int, stop: int) -> Iterator[bytes]:
        yield self.data[start:stop]


@pytest.fixture
def shouting() -> Iterator[None]:
    """Part 1 of any blob is the blob in capitals; there is no other."""

    def resolve(blob: Blob, part: str) -> UpperPart | None:
        return UpperPart(service.read(blob).upper()) if part == "1" else None

    service.register_parts(resolve)
    yield
    service.unregister_parts(resolve)


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.usefixtures("shouting")
def test_a_part_is_found_through_its_parent(account: Account) -> None:
    ann, bob = person("ann", seen(account)), person("bob", seen(account))
    blob = upload(ann, account, b"whisper")

    found = service.find(ann, ann.accounts[account.wire_id], f"{blob.wire_id}-1")

    assert found is not None
    assert (found.size, found.type, found.name, found.part) == (7, "text/shouting", "loud.txt", "1")
    assert found.read() == b"WHISPER"
    assert b"".join(found.open_range(1, 100)) == b"HISPER"
    assert service.find(ann, ann.accounts[account.wire_id], f"{blob.wire_id}-2") is None
    assert service.find(bob, bob.accounts[account.wire_id], f"{blob.wire_id}-1") is None
