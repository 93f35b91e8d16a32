"""Uploads: kept for a time, within a quota of their own, never in a read-only account (RFC 8620 §6)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from jmap.blobs import service, uploads
from jmap.blobs.errors import BlobGone, OverQuota, ReadOnly
from jmap.blobs.spool import Spool
from jmap.models import Account, Blob, Upload
from tests.blobs.conftest import Person, person, seen
from tests.blobs.test_service import refer_to

pytestmark = [pytest.mark.django_db, pytest.mark.rfc(8620, "6")]


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account.objects.create(name="ann")


@pytest.fixture
def ann(account: Account) -> Person:
    """Its owner."""
    return person("ann", seen(account))


@pytest.fixture
def small_quota(settings: Any) -> None:
    """A hundred octets for each user in each account."""
    settings.JMAP = {**settings.JMAP, "BLOBS": {"UPLOAD_QUOTA": 100}}


def send(who: Person, account: Account, data: bytes, type: str = "text/plain") -> Upload:
    """One upload."""
    with Spool() as spool:
        spool.write(data)
        return uploads.upload(who, who.accounts[account.wire_id], type, spool)


def sees(who: Person, account: Account, upload: Upload) -> bool:
    """Whether somebody finds the blob."""
    return service.find(who, who.accounts[account.wire_id], upload.blob.wire_id) is not None


def test_sending_again_gives_the_same_blob_and_resets_the_clock(account: Account, ann: Person) -> None:
    first = send(ann, account, b"photo", "image/png")
    Upload.objects.update(uploaded_at=timezone.now() - timedelta(days=1))

    second = send(ann, account, b"photo", "image/jpeg")

    assert second.blob == first.blob
    row = Upload.objects.get()
    assert row.type == "image/jpeg"
    assert row.uploaded_at > timezone.now() - timedelta(minutes=1)


def test_an_upload_is_kept_for_its_time_and_no_longer(account: Account, ann: Person, settings: Any) -> None:
    settings.JMAP = {**settings.JMAP, "BLOBS": {"UPLOAD_LIFETIME": 3_600}}
    upload = send(ann, account, b"photo")

    early = uploads.expire(upload.uploaded_at + timedelta(seconds=3_600), 10)
    late = uploads.expire(upload.uploaded_at + timedelta(seconds=3_601), 10)

    assert (early, late) == (0, 1)
    assert not sees(ann, account, upload)


@pytest.mark.usefixtures("small_quota")
def test_over_quota_the_oldest_go_first_until_there_is_room(account: Account, ann: Person) -> None:
    sent = [send(ann, account, bytes([number]) * 40) for number in range(4)]

    assert [sees(ann, account, upload) for upload in sent] == [False, False, True, True]


@pytest.mark.usefixtures("small_quota")
def test_one_upload_larger_than_the_quota_is_refused_and_evicts_nothing(account: Account, ann: Person) -> None:
    kept = send(ann, account, b"small")

    with pytest.raises(OverQuota) as refused:
        send(ann, account, bytes(101))

    assert refused.value.limit == 100
    assert sees(ann, account, kept)
    assert Blob.objects.count() == 1


@pytest.mark.usefixtures("small_quota")
def test_what_is_referred_to_is_not_counted(account: Account, ann: Person) -> None:
    message = send(ann, account, bytes(90))
    refer_to(message.blob)

    draft = send(ann, account, bytes(91))

    assert sees(ann, account, message)
    assert sees(ann, account, draft)


@pytest.mark.usefixtures("small_quota")
def test_the_quota_of_a_shared_account_is_each_users_own(account: Account, ann: Person) -> None:
    bob = person("bob", seen(account, is_personal=False))
    of_ann = send(ann, account, b"a" * 90)

    of_bob = send(bob, account, b"b" * 90)

    assert sees(ann, account, of_ann)
    assert sees(bob, account, of_bob)


@pytest.mark.usefixtures("small_quota")
def test_the_quota_of_each_account_is_its_own(account: Account) -> None:
    other = Account.objects.create(name="other")
    ann = person("ann2", seen(account), seen(other))
    first = send(ann, account, b"a" * 90)

    second = send(ann, other, b"b" * 90)

    assert sees(ann, account, first)
    assert sees(ann, other, second)


def test_a_read_only_account_takes_no_uploads(account: Account) -> None:
    bob = person("bob", seen(account, is_read_only=True))

    with pytest.raises(ReadOnly):
        send(bob, account, b"octets")

    assert Blob.objects.count() == 0


def test_what_was_collected_between_storing_and_claiming_is_stored_again(
    account: Account, ann: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins: list[int] = []
    real = service.pin

    def gone_once(*keys: int) -> None:
        pins.extend(keys)
        if len(pins) == 1:
            raise BlobGone("collected")
        real(*keys)

    monkeypatch.setattr(service, "pin", gone_once)

    upload = send(ann, account, b"octets")

    assert len(pins) == 2
    assert service.read(upload.blob) == b"octets"


@pytest.mark.own("an upload costs the same however many were made before")
def test_uploads_are_not_counted_anew_below_the_quota(account: Account, ann: Person) -> None:
    send(ann, account, b"one")

    with CaptureQueriesContext(connection) as seen:
        send(ann, account, b"two")

    assert not [query for query in seen.captured_queries if "ORDER BY u.uploaded_at" in query["sql"]]
