"""Faults of octets: lost, damaged, nobody's."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jmap.blobs import collector, service
from jmap.blobs.storage import BlobKey, FileBlobStore, default_store
from jmap.ids import encode
from jmap.models import Blob
from jmap.store import writing
from mail.models import Email
from mail.services import emails
from tests.checking.conftest import findings, kinds
from tests.store.mailroom import Mailroom

pytestmark = [pytest.mark.django_db, pytest.mark.own("octets that are lost, damaged or nobody's are found")]
LONG_AGO = timezone.now() - timedelta(days=400)


def path_of(key: BlobKey) -> Path:
    """Where the file store keeps an object."""
    store = default_store()
    assert isinstance(store, FileBlobStore)
    return store._path(key)


def blob_of(email: int) -> Blob:
    """The blob of an email."""
    return Email.objects.get(pk=email).blob


def flip(key: BlobKey) -> None:
    """Flip a bit in the middle of an object."""
    path = path_of(key)
    octets = bytearray(path.read_bytes())
    octets[len(octets) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(octets)


def lose(key: BlobKey) -> None:
    """Lose an object."""
    path_of(key).unlink()


HARM = {"missing-object": lose, "damaged-object": flip}


@pytest.mark.parametrize("kind", HARM)
def test_a_message_that_nobody_else_has_is_named_and_kept(room: Mailroom, kind: str) -> None:
    email = room.deliver("only", subject="Only")
    HARM[kind](service.key_of(blob_of(email.id)))

    (fault,) = findings(room, mend=True).lasting

    assert fault.kind == kind
    assert encode("e", email.id) in fault.about
    assert fault.account_id == room.account.pk
    assert Email.objects.filter(pk=email.id).exists()


@pytest.mark.parametrize("kind", HARM)
def test_octets_come_back_from_another_account_that_has_the_same(room: Mailroom, kind: str) -> None:
    other = Mailroom.open()
    email, _twin = room.deliver("both"), other.deliver("both")
    blob = blob_of(email.id)
    octets = service.read(blob)
    HARM[kind](service.key_of(blob))

    mended = findings(room, other, mend=True)

    assert kinds([one.fault for one in mended.findings]) == {kind}
    assert mended.lasting == []
    assert service.read(blob) == octets
    assert findings(room, other).findings == []


def test_a_damaged_twin_gives_nothing(room: Mailroom) -> None:
    other = Mailroom.open()
    blobs = [blob_of(one.deliver("both").id) for one in (room, other)]
    for blob in blobs:
        flip(service.key_of(blob))

    assert len(findings(room, other, mend=True).lasting) == 2


def test_a_message_with_lost_octets_and_no_content_keeps_both_faults(
    room: Mailroom, damage: Callable[..., None]
) -> None:
    email = room.deliver("only")
    lose(service.key_of(blob_of(email.id)))
    damage("DELETE FROM jmap_mail_emailcontent WHERE email_id = %s", email.id)

    assert kinds(findings(room, mend=True).lasting) == {"missing-object", "missing-content"}


def test_a_destroyed_email_that_lost_its_octets_is_named_too(room: Mailroom) -> None:
    email = room.deliver("only")
    blob = blob_of(email.id)
    room.destroy(email.id)
    lose(service.key_of(blob))

    (fault,) = findings(room).lasting

    assert f"destroyed email {encode('e', email.id)}" in fault.about


def test_a_quick_look_sees_no_flipped_byte_but_a_lost_one(room: Mailroom) -> None:
    flipped, cut = room.deliver("x"), room.deliver("y")
    flip(service.key_of(blob_of(flipped.id)))
    path = path_of(service.key_of(blob_of(cut.id)))
    path.chmod(0o600)
    os.truncate(path, 10)

    (fault,) = findings(room, quick=True).lasting

    assert encode("e", cut.id) in fault.about


def test_a_blob_that_nobody_needs_and_that_has_no_octets_is_forgotten(room: Mailroom) -> None:
    blob = service.store_bytes(room.account.pk, b"nobody's")
    lose(service.key_of(blob))

    mended = findings(room, mend=True)

    assert kinds([one.fault for one in mended.findings]) == {"missing-object"}
    assert mended.lasting == []
    assert findings(room).findings == []


def test_an_object_without_a_row_is_left_to_the_collector(room: Mailroom) -> None:
    key = service.put_many(room.account.pk, [b"nobody's"])[0].key
    os.utime(path_of(key), (0, 0))

    looked, mended = findings(room), findings(room, mend=True)

    assert kinds(looked.lasting) == {"orphan-object"}
    assert mended.lasting == []
    assert findings(room).findings == []
    collector.delete(timezone.now() + timedelta(days=30))
    assert default_store().size(key) is None


def test_an_object_whose_row_may_be_on_its_way_is_no_orphan(room: Mailroom) -> None:
    service.put_many(room.account.pk, [b"in a moment"])

    assert findings(room).findings == []


def test_a_blob_that_the_collector_forgot_is_deleted(room: Mailroom) -> None:
    blob = service.store_bytes(room.account.pk, b"old")
    Blob.objects.filter(pk=blob.pk).update(dying_since=LONG_AGO)

    looked, mended = findings(room), findings(room, mend=True)

    assert kinds(looked.lasting) == {"overdue-blob"}
    assert mended.lasting == []
    assert not Blob.objects.filter(pk=blob.pk).exists()
    assert findings(room).findings == []


def test_a_hold_keeps_even_what_the_collector_forgot(room: Mailroom) -> None:
    blob = service.store_bytes(room.account.pk, b"old")
    Blob.objects.filter(pk=blob.pk).update(dying_since=LONG_AGO)

    with collector.hold("a backup"):
        mended = findings(room, mend=True)

    assert kinds(mended.lasting) == {"overdue-blob"}
    assert service.read(blob) == b"old"


def test_a_dying_blob_that_is_needed_again_is_never_deleted(room: Mailroom) -> None:
    email = room.deliver("needed")
    Blob.objects.filter(pk=blob_of(email.id).pk).update(dying_since=LONG_AGO)

    assert findings(room, mend=True).findings == []
    assert service.read(blob_of(email.id))


def test_what_is_erased_between_two_looks_is_no_fault(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    email = room.deliver("going")
    blob = blob_of(email.id)
    size = FileBlobStore.size

    def collected_first(store: FileBlobStore, key: BlobKey) -> int | None:
        if key == service.key_of(blob) and Blob.objects.filter(pk=blob.pk).exists():
            with writing(room.account.pk) as writer:
                emails.destroy(writer, [email.id], retain=False)
            Blob.objects.filter(pk=blob.pk).delete()
            store.delete(key)
        return size(store, key)

    monkeypatch.setattr(FileBlobStore, "size", collected_first)

    assert findings(room).findings == []


def test_an_object_that_the_disk_cannot_read_is_damaged(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    key = service.key_of(blob_of(room.deliver("x").id))
    open_range = FileBlobStore.open_range

    def broken(store: FileBlobStore, asked: BlobKey, *bounds: Any) -> Any:
        if asked == key:
            raise OSError(errno.EIO, "a bad sector")
        return open_range(store, asked, *bounds)

    monkeypatch.setattr(FileBlobStore, "open_range", broken)

    assert kinds(findings(room).lasting) == {"damaged-object"}


def test_a_store_that_is_away_accuses_no_object(room: Mailroom, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*args: Any) -> Any:
        raise OSError(errno.EIO, "the medium is away")

    monkeypatch.setattr(FileBlobStore, "size", away)
    monkeypatch.setattr(FileBlobStore, "open_range", away)

    with pytest.raises(CommandError, match="the blob store cannot be read"):
        call_command("check_store", verbosity=0)
