"""What nothing needs any more is removed, in two steps with a time of grace between them (RFC 8620 §6)."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from jmap.blobs import collector, service, sql
from jmap.blobs.spool import Spool
from jmap.blobs.storage import FileBlobStore
from jmap.models import Account, Blob, BlobHold, Upload
from tests.blobs.conftest import person, seen
from tests.blobs.test_service import refer_to
from tests.blobs.test_uploads import send

pytestmark = [pytest.mark.django_db, pytest.mark.rfc(8620, "6")]

DAY = timedelta(days=1)


@pytest.fixture
def account() -> Account:
    """An account."""
    return Account.objects.create(name="ann")


@pytest.fixture
def later() -> datetime:
    """When a blob of today is old enough to be marked."""
    return timezone.now() + timedelta(hours=2)


def test_what_nothing_needs_is_marked_first_and_deleted_after_the_grace(
    account: Account, later: datetime, store: FileBlobStore
) -> None:
    blob = service.store_bytes(account.pk, b"unneeded")

    first = collector.collect(later)
    within_grace = collector.collect(later + DAY)
    after_grace = collector.collect(later + DAY + timedelta(seconds=1))

    assert (first.marked, first.deleted) == (1, 0)
    assert (within_grace.marked, within_grace.deleted) == (0, 0)
    assert (after_grace.marked, after_grace.deleted) == (0, 1)
    assert not Blob.objects.filter(pk=blob.pk).exists()
    assert list(store.keys()) == []


def test_what_is_referred_to_stays(account: Account, later: datetime) -> None:
    blob = service.store_bytes(account.pk, b"message")
    refer_to(blob)

    collector.collect(later)
    collector.collect(later + 2 * DAY)

    assert service.read(blob) == b"message"
    assert Blob.objects.get(pk=blob.pk).dying_since is None


def test_what_was_just_stored_is_left_to_its_writer(account: Account) -> None:
    service.store_bytes(account.pk, b"about to be pinned")

    assert collector.collect(timezone.now() + timedelta(minutes=59)).marked == 0


def test_an_upload_keeps_its_blob_for_its_time(account: Account, later: datetime) -> None:
    blob = send(person("ann", seen(account)), account, b"attachment").blob

    kept = collector.collect(later)
    expired = collector.collect(later + DAY)

    assert (kept.expired, kept.marked) == (0, 0)
    assert (expired.expired, expired.marked) == (1, 1)
    assert service.read(blob) == b"attachment"
    assert not Upload.objects.exists()


def test_a_dying_blob_that_is_needed_again_lives(account: Account, later: datetime) -> None:
    blob = service.store_bytes(account.pk, b"message")
    collector.collect(later)
    reference = refer_to(blob)
    # Even if the mark had stayed, for whatever reason, the reference keeps the octets.
    Blob.objects.filter(pk=blob.pk).update(dying_since=later)

    done = collector.collect(later + 2 * DAY)

    assert done.deleted == 0
    assert service.read(reference.blob) == b"message"
    assert Blob.objects.get(pk=blob.pk).dying_since is None


def test_dropping_the_last_reference_deletes_nothing_until_the_grace_is_over(account: Account, later: datetime) -> None:
    blob = service.store_bytes(account.pk, b"message")
    refer_to(blob)
    delete_references(blob)

    collector.collect(later)

    assert service.read(blob) == b"message"
    assert refer_to(blob).blob == blob


def delete_references(blob: Blob) -> None:
    """Drop every reference of the test's stand-in."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM jmap_mail_retainedemail WHERE blob_id = %s", [blob.pk])


def test_many_are_collected_in_slices(
    account: Account, later: datetime, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "SLICE", 7)
    monkeypatch.setattr(collector, "BATCH", 3)
    blobs = service.store_many(account.pk, [b"%d" % number for number in range(40)])
    for blob in blobs[::4]:
        refer_to(blob)

    marked = collector.collect(later).marked
    deleted = collector.collect(later + 2 * DAY).deleted

    assert (marked, deleted) == (30, 30)
    assert len(list(store.keys())) == 10
    assert all(service.read(blob) for blob in blobs[::4])


def test_a_run_cut_off_by_a_failing_store_is_finished_by_the_next(
    account: Account, later: datetime, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.store_many(account.pk, [b"%d" % number for number in range(5)])
    collector.collect(later)
    removed: list[Any] = []
    real = FileBlobStore.delete

    def fails_at_the_third(files: FileBlobStore, key: Any) -> None:
        removed.append(key)
        if len(removed) == 3:
            raise OSError("the disk went away")
        real(files, key)

    monkeypatch.setattr(FileBlobStore, "delete", fails_at_the_third)
    with pytest.raises(OSError, match="went away"):
        collector.collect(later + 2 * DAY)
    monkeypatch.undo()
    left = Blob.objects.count()

    done = collector.collect(later + 2 * DAY)

    assert left == 5
    assert done.deleted == 5
    assert list(store.keys()) == []


def test_a_hold_stops_every_deletion_and_ends_with_the_backup(account: Account, later: datetime) -> None:
    service.store_bytes(account.pk, b"in yesterday's database")
    collector.collect(later)

    with collector.hold("backup"):
        held = collector.collect(later + 2 * DAY)
    freed = collector.collect(later + 2 * DAY)

    assert (held.deleted, held.held) == (0, True)
    assert (freed.deleted, freed.held) == (1, False)


def test_the_hold_of_a_killed_backup_expires(account: Account, later: datetime) -> None:
    service.store_bytes(account.pk, b"x")
    collector.collect(later)
    BlobHold.objects.create(reason="killed", expires_at=timezone.now() - timedelta(seconds=1))

    assert collector.collect(later + 2 * DAY).deleted == 1


def test_a_hold_is_renewed_while_the_backup_runs(account: Account) -> None:
    with collector.hold("backup", seconds=60) as hold:
        BlobHold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        hold.renew()

        assert collector.is_held()
        BlobHold.objects.all().delete()
        with pytest.raises(LookupError):
            hold.renew()


def test_a_reference_that_the_collector_does_not_know_stops_it_before_an_octet_is_gone(
    account: Account, later: datetime, store: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite checks foreign keys at the commit alone")
    blob = service.store_bytes(account.pk, b"message")
    refer_to(blob)
    Blob.objects.update(dying_since=later)
    monkeypatch.setattr(sql, "needed_again", lambda keys: [])

    with pytest.raises(IntegrityError):
        collector.collect(later + 2 * DAY)

    assert store.read(service.key_of(blob)) == b"message"


def test_octets_without_a_row_are_collected_after_the_grace(
    account: Account, later: datetime, store: FileBlobStore
) -> None:
    kept = service.store_bytes(account.pk, b"message")
    refer_to(kept)
    with Spool().write_all([b"its writer was killed"]) as spool:
        service.put_spool(account.pk, spool)

    adopted = collector.adopt_orphans(later)
    again = collector.adopt_orphans(later)
    early, late = collector.collect(later), collector.collect(later + 2 * DAY)

    assert (adopted, again) == (1, 0)
    assert (early.deleted, late.deleted) == (0, 1)
    assert list(store.keys()) == [service.key_of(kept)]


def test_an_orphan_whose_writer_was_only_slow_lives(account: Account, later: datetime) -> None:
    with Spool().write_all([b"message"]) as spool:
        stored = service.put_spool(account.pk, spool)
    collector.adopt_orphans(later)

    with transaction.atomic():
        blob = service.attach(stored)

    assert Blob.objects.get(pk=blob.pk).dying_since is None


def test_the_command_says_what_it_did(account: Account) -> None:
    service.store_bytes(account.pk, b"x")
    Blob.objects.update(created_at=timezone.now() - 3 * DAY, dying_since=timezone.now() - 2 * DAY)
    said = StringIO()

    call_command("collect_blobs", "--orphans", stdout=said)

    assert "orphans found: 0" in said.getvalue()
    assert "blobs deleted: 1" in said.getvalue()
    assert not Blob.objects.exists()
