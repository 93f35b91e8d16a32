"""Backup and restore of the whole site.

Rules kept here:
- the database first, then the blobs that it knows, while the collector deletes none; the manifest last;
- a restore looks at everything before it touches anything, then brings blobs, which nobody sees, then the database in
  one commit: interrupted anywhere, it is as if it had not begun;
- after a restore every account has an epoch that it never had, so that a client with a state of the lost future hears
  cannotCalculateChanges (RFC 8620 §5.2), and every count of keys has jumped past what the lost future can have used,
  so that no id is given out twice (RFC 8620 §1.2).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections
from django.db.migrations.loader import MigrationLoader
from django.utils.crypto import salted_hmac

from jmap.backup import databases, guards, octets, schema, sql
from jmap.backup.errors import BackupError
from jmap.backup.folder import BackupFolder, Generation, Manifest, Seal
from jmap.backup.holding import held
from jmap.backup.octets import Fate
from jmap.backup.sql import Rows
from jmap.blobs.storage import BlobKey, default_store
from jmap.models import Blob

log = logging.getLogger("jmap.backup")

GAP = 1_000_000
KEYS_A_SECOND = 10_000
"""More rows than any table gets in a second, for as long as the lost future may have been."""

Say = Callable[[str], object]


@dataclass(slots=True)
class Tally:
    """What a backup or restore did; ``copied`` of ``blobs`` were not there yet, ``octets`` are of all of them."""

    name: str = ""
    accounts: int = 0
    blobs: int = 0
    copied: int = 0
    octets: int = 0
    pruned: int = 0
    lost: int = 0


# -------------------------------------------------------------------------------------------------------------- backup


def backup(root: Path, keep: int | None = None, say: Say = lambda line: None) -> Tally:
    """Add a generation to a folder, and leave ``keep`` of them. Raises BackupError, OSError."""
    database, folder = databases.default_database(), BackupFolder(root)
    database.check()
    start = time.monotonic()
    with folder.locked(), held(f"backup to {folder.root.name}") as check:
        made_at = datetime.now(UTC)
        generation = folder.begin(made_at)
        tally = Tally(generation.path.name)
        say("copying the database")
        known = _Known(generation.path / "rows.txt")
        database.dump(generation.database, known.note)
        say(f"copying blobs: {known.blobs} in all")
        _copy_blobs(folder, generation, known, tally)
        check()
        generation.finish(
            Manifest(
                made_at=made_at,
                kind=connection.vendor,
                database=Seal.of(generation.database),
                index=Seal.of(generation.index),
                accounts=known.accounts,
                blobs=tally.blobs,
                octets=tally.octets,
                lost=tally.lost,
                schema=known.schema,
                secret=_proof(made_at),
            )
        )
        tally.accounts = known.accounts
        if keep is not None:
            tally.pruned, _blobs = folder.prune(keep)
    log.info(
        "backup %s: %d accounts, %d blobs of %d octets, %d copied, %d lost, %d old ones pruned, %.1f s",
        *(tally.name, tally.accounts, tally.blobs, tally.octets, tally.copied, tally.lost, tally.pruned),
        time.monotonic() - start,
    )
    return tally


class _Known:
    """What the copied database knows, asked in its own moment; the blobs go to a file, for they are many."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.accounts = self.blobs = 0
        self.schema: dict[str, list[str]] = {}

    def note(self, rows: Rows) -> None:
        """Ask."""
        self.accounts = next(rows(sql.COUNT_ACCOUNTS))[0]
        for app, name in rows(sql.MIGRATIONS):
            self.schema.setdefault(app, []).append(name)
        with self.path.open("w", encoding="ascii") as lines:
            for account_id, digest, size, is_dying in rows(sql.BLOBS):
                lines.write(f"{account_id} {bytes(digest).hex()} {size} {is_dying}\n")
                self.blobs += 1

    def items(self) -> Iterator[octets.Item]:
        """Key and size of every blob."""
        for line in self.path.open(encoding="ascii"):
            account_id, digest, size, _is_dying = line.split()
            yield BlobKey(int(account_id), bytes.fromhex(digest)), int(size)

    def dying(self) -> Iterator[bool]:
        """Of each, whether nothing needed it: the collector may have been about to delete it."""
        for line in self.path.open(encoding="ascii"):
            yield line.endswith(" 1\n")


def _copy_blobs(folder: BackupFolder, generation: Generation, known: _Known, tally: Tally) -> None:
    """Copy what is new, and write the index of what is in the backup."""
    folder.blobs.sweep(0)
    moved = octets.transfer(known.items(), default_store(), folder.blobs)
    with generation.index.open("w", encoding="ascii") as lines:
        for (key, size, fate), is_dying in zip(moved, known.dying(), strict=True):
            if fate is Fate.LOST:
                if not is_dying:
                    log.error("a blob of account %d is lost or damaged: %s", key.account_id, key.digest.hex())
                    tally.lost += 1
                continue
            lines.write(f"{key.account_id} {key.digest.hex()} {size}\n")
            tally.blobs += 1
            tally.octets += size
            tally.copied += fate is Fate.COPIED
    databases.sync(generation.index)
    known.path.unlink()


# ------------------------------------------------------------------------------------------------------------- restore


def verify(root: Path, name: str | None = None) -> Tally:
    """Look at every octet of a backup. Raises BackupError where one is not as it was."""
    folder = BackupFolder(root)
    with folder.locked(shared=True):
        generation = folder.find(name)
        return _verify(folder, generation, generation.manifest())


def restore(root: Path, name: str | None = None, *, force: bool = False, say: Say = lambda line: None) -> Tally:
    """Put a backup, the newest or that of this name, in place of the site. Raises BackupError, OSError.

    ``force`` gives up what the site holds. Nobody else may be connected to the database.
    """
    folder, database = BackupFolder(root), databases.default_database()
    start = time.monotonic()
    with folder.locked(shared=True), guards.alone():
        generation = folder.find(name)
        manifest = generation.manifest()
        _refuse(manifest, force)
        database.check()
        database.refuse_others()
        say("looking whether the backup is whole")
        tally = _verify(folder, generation, manifest)
        if manifest.secret != _proof(manifest.made_at):
            say("SECRET_KEY is not the one of the backed up site: what is encrypted with it (keys, passwords) is lost")
        say("bringing back blobs")
        tally.copied = _bring_blobs(folder, generation)
        say("bringing back the database")
        _bring_database(database, generation, manifest)
    log.info(
        "restored %s: %d accounts, %d blobs, %d of them copied, %.1f s",
        *(tally.name, tally.accounts, tally.blobs, tally.copied, time.monotonic() - start),
    )
    return tally


def _refuse(manifest: Manifest, force: bool) -> None:
    if manifest.kind != connection.vendor:
        raise BackupError(f"this is a backup of {manifest.kind}, and the site's database is {connection.vendor}")
    applied: Collection[schema.Migration] = [(app, name) for app, names in manifest.schema.items() for name in names]
    newer = schema.unknown(MigrationLoader(None), applied)
    if newer:
        raise BackupError(f"a newer version made the backup (it has {'.'.join(newer[-1])}): restore it with that one")
    if not force and _is_installed() and Blob.objects.exists():
        raise BackupError("this site holds mail: --force gives it up for the backup")


def _is_installed() -> bool:
    return Blob._meta.db_table in connection.introspection.table_names()


def _verify(folder: BackupFolder, generation: Generation, manifest: Manifest) -> Tally:
    tally = Tally(generation.path.name, accounts=manifest.accounts, lost=manifest.lost)
    for path, seal in ((generation.database, manifest.database), (generation.index, manifest.index)):
        if not path.is_file() or Seal.of(path) != seal:
            raise BackupError(f"{path} is not what was backed up")
    for key, size in generation.blobs():
        if not octets.is_sound(folder.blobs, key, size):
            raise BackupError(f"blob {key.digest.hex()} of account {key.account_id} is missing or damaged")
        tally.blobs += 1
        tally.octets += size
    return tally


def _bring_blobs(folder: BackupFolder, generation: Generation) -> int:
    """Put every blob that the present store lacks or has damaged; how many."""
    copied = 0
    with held("restore") if _is_installed() else nullcontext():
        for key, _size, fate in octets.transfer(generation.blobs(), folder.blobs, default_store(), distrust=True):
            if fate is Fate.LOST:
                raise BackupError(f"blob {key.digest.hex()} cannot be read any more")
            copied += fate is Fate.COPIED
    return copied


def _bring_database(database: databases.Database, generation: Generation, manifest: Manifest) -> None:
    now = datetime.now(UTC)
    epoch = int(now.timestamp() * 1_000)
    if _is_installed():
        epoch = max(epoch, sql.greatest_epoch() + 1)
    # Restored twice, the same backup has a longer gap the second time, past what was given out in between.
    gap = GAP + KEYS_A_SECOND * max(0, int((now - manifest.made_at).total_seconds()))
    tables = sql.numbered_tables()
    given = {table: key + GAP for table, key in sql.reached(tables).items()}
    database.load(generation.database, [sql.new_epoch(epoch), *sql.jump(tables, gap, given)])
    connections.close_all()
    if schema.is_behind():
        there = sql.reached(tables)
        call_command("migrate", interactive=False, verbosity=0)
        # A newer version may have counted in these before the backup was brought back.
        sql.run(list(sql.jump({table: key for table, key in tables.items() if table not in there}, gap, given)))


def _proof(moment: datetime) -> str:
    return salted_hmac("jmap.backup", moment.isoformat(), algorithm="sha256").hexdigest()
