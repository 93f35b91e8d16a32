"""``manage.py backup``: whole or not there at all, of one moment, and only what is new is copied again."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils import timezone

from jmap.backup import octets, service
from jmap.backup.errors import BackupError
from jmap.backup.folder import BackupFolder
from jmap.backup.holding import held
from jmap.blobs import collector
from jmap.blobs.storage import default_store
from jmap.ids import decode
from jmap.models import Blob, BlobHold
from jmap.store import writing
from mail.models import Email
from mail.services import emails
from tests.backup.conftest import message, run
from tests.mail.email.conftest import Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.own("a backup is whole or it is none")]

DAYS = timedelta(days=400)


def test_a_second_backup_into_the_same_folder_copies_only_what_is_new(person, folder):
    ada = person("ada")
    ada.deliver(message("a"))
    ada.deliver(message("b", size=600_000))

    first = run("backup", folder)
    ada.deliver(message("c"))
    second = run("backup", folder)

    assert "2 blobs (2 copied)" in first
    assert "3 blobs (1 copied)" in second
    assert len(BackupFolder(folder).whole()) == 2


def test_keep_removes_old_backups_and_the_blobs_that_were_theirs_alone(person, folder):
    ada, bob = person("ada"), person("bob")
    gone = ada.deliver(message("gone"))
    lone = bob.deliver(message("lone"))
    ada.deliver(message("stays"))
    run("backup", folder)
    for someone, email in ((ada, gone), (bob, lone)):
        erase(someone, email)
    collector.collect(timezone.now() + DAYS)
    collector.collect(timezone.now() + DAYS + DAYS)

    said = run("backup", folder, keep=1)

    assert "1 old ones removed" in said
    kept = BackupFolder(folder)
    assert [key for key, _size in kept.whole()[0].blobs()] == list(kept.blobs.keys())
    assert "1 blobs" in run("restore", folder, verify=True)


def test_an_interrupted_backup_is_none_and_the_next_one_uses_what_it_copied(person, folder, monkeypatch):
    ada = person("ada")
    for name in "abc":
        ada.deliver(message(name))
    whole = octets.transfer

    def until_interrupted(*arguments: Any, **options: Any) -> Iterator[Any]:
        yield next(whole(*arguments, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(octets, "transfer", until_interrupted)
    with pytest.raises(CommandError, match="interrupted"):
        run("backup", folder)
    monkeypatch.setattr(octets, "transfer", whole)
    with pytest.raises(CommandError, match="no whole backup"):
        run("restore", folder, verify=True)
    said = run("backup", folder)

    assert "3 blobs (0 copied)" in said
    assert len(list((folder / "generations").iterdir())) == 1
    assert not BlobHold.objects.exists()


def test_a_blob_that_is_destroyed_while_a_backup_runs_is_in_the_backup(person, folder, monkeypatch):
    ada = person("ada")
    email = ada.deliver(message("a"))
    copy_blobs = service._copy_blobs

    def meanwhile(*arguments: Any) -> None:
        erase(ada, email)
        later = timezone.now() + DAYS
        collector.mark(later)
        assert collector.collect(later + DAYS).held
        copy_blobs(*arguments)

    monkeypatch.setattr(service, "_copy_blobs", meanwhile)
    said = run("backup", folder)
    collector.collect(timezone.now() + DAYS + DAYS)

    assert "1 blobs (1 copied)" in said
    assert not Blob.objects.exists()
    run("restore", folder)
    assert ada.octets(ada.get(email, "blobId")["blobId"]) == message("a")


def test_a_hold_that_is_lifted_meanwhile_fails_the_backup(transactional_db):
    with held("test", every=0.01) as check:
        BlobHold.objects.all().delete()
        # The keeper ends when it finds that out.
        next(thread for thread in threading.enumerate() if thread.name == "backup-hold").join(30)

        with pytest.raises(BackupError, match="lifted"):
            check()


def test_lost_and_damaged_octets_are_told_and_the_rest_is_kept(person, folder):
    ada = person("ada")
    for name in "abc":
        ada.deliver(message(name))
    lost, damaged, _good = Blob.objects.order_by("pk")
    path_of(lost).unlink()
    path_of(damaged).write_bytes(bytes(damaged.size))

    with pytest.raises(CommandError, match="2 blobs are lost or damaged"):
        run("backup", folder)

    assert "1 blobs" in run("restore", folder, verify=True)


@pytest.mark.parametrize("size", [0, 600_000])
def test_a_store_that_is_away_makes_no_backup_with_holes(person, folder, monkeypatch, size):
    person("ada").deliver(message("a", size))

    def away(*arguments: Any) -> Any:
        raise OSError(errno.EIO, "the object store cannot be reached")

    with monkeypatch.context() as patch:
        patch.setattr(default_store(), "read", away)
        patch.setattr(default_store(), "open_range", away)
        with pytest.raises(CommandError, match="cannot be reached; run it again"):
            run("backup", folder)

    assert BackupFolder(folder).whole() == []
    assert "1 blobs (1 copied)" in run("backup", folder)


def test_two_backups_into_one_folder_do_not_run_at_once(person, folder):
    with BackupFolder(folder).locked(), pytest.raises(CommandError, match="another backup"):
        run("backup", folder)


@pytest.mark.parametrize("change", ["database", "index", "manifest", "blob", "missing blob"])
def test_what_was_changed_after_the_backup_is_found_before_anything_is_touched(person, folder, change):
    ada = person("ada")
    ada.deliver(message("a"))
    run("backup", folder)
    later = ada.deliver(message("later"))
    (generation,) = BackupFolder(folder).whole()
    (blob,) = (folder / "blobs").rglob("?" * 64)
    if change == "database":
        flip(generation.database)
    elif change == "index":
        generation.index.write_text("")
    elif change == "manifest":
        manifest = json.loads((generation.path / "manifest.json").read_text())
        (generation.path / "manifest.json").write_text(json.dumps({**manifest, "blobs": 0}))
    elif change == "blob":
        flip(blob)
    else:
        blob.unlink()

    with pytest.raises(CommandError, match=r"not what was backed up|was changed|missing or damaged"):
        run("restore", folder, force=True)

    assert ada.get(later, "subject")["subject"] == "later"


def erase(person: Person, email: str) -> None:
    """Destroy an email so that nothing needs its blob any more."""
    key = decode("e", email)
    assert key is not None
    with writing(person.account.pk) as writer:
        emails.destroy(writer, [key], retain=False)
    assert not Email.objects.filter(pk=key).exists()


def path_of(blob: Blob) -> Path:
    """The file of a blob."""
    root: Path = default_store().root  # type: ignore[attr-defined]
    digest = bytes(blob.digest).hex()
    return root / str(blob.account_id) / digest[:2] / digest


def flip(path: Path) -> None:
    """Change one octet."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
