"""The folder of backups: generations of the database, over one store of blobs that they share.

Rules kept here:
- a generation is whole exactly when its ``manifest.json`` is there, which is written last, synced, under its digest;
- what an interrupted backup left is harmless: its blobs are used by the next one, the rest is removed by it;
- one backup at a time; whoever restores keeps it away, so that nothing is pruned from under the reader.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from heapq import merge
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any

from jmap.backup.errors import BackupError
from jmap.blobs.storage import BlobKey, FileBlobStore, sync_folder

FORMAT = "jmap-backup"
VERSION = 1
MANIFEST = "manifest.json"
DATABASE = "database"
INDEX = "blobs.txt"
SLICE = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """What a file must be like: ``size`` in octets, ``sha256`` in hexadecimal digits."""

    size: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Seal:
        """The seal of a file as it is."""
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while data := file.read(SLICE):
                digest.update(data)
            return cls(file.tell(), digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation holds. ``made_at`` is before the moment of its database; ``kind`` is that database's vendor."""

    made_at: datetime
    kind: str
    database: Seal
    index: Seal
    accounts: int
    blobs: int
    octets: int
    lost: int
    schema: dict[str, list[str]]
    """App label to the names of its applied migrations."""
    secret: str
    """A proof of the SECRET_KEY that what is encrypted in the database needs; nothing of the key itself."""

    def to_json(self) -> str:
        """The text of the file."""
        fields = {"format": FORMAT, "version": VERSION, **asdict(self), "made_at": self.made_at.isoformat()}
        return json.dumps({**fields, "seal": _digest(fields)}, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read it back. Raises BackupError where it was changed, or is of a kind unknown here."""
        try:
            fields = json.loads(text)
            seal = fields.pop("seal")
            kind = (fields.pop("format"), fields.pop("version"))
            if kind != (FORMAT, VERSION):
                raise BackupError("the backup is of a kind that this version cannot read")
            if seal != _digest({"format": FORMAT, "version": VERSION, **fields}):
                raise BackupError("the manifest was changed after the backup was made")
            for name in ("database", "index"):
                fields[name] = Seal(**fields[name])
            return cls(**{**fields, "made_at": datetime.fromisoformat(fields["made_at"])})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BackupError(f"the manifest cannot be read: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Generation:
    """One backup in the folder, whole or on its way."""

    path: Path

    @property
    def database(self) -> Path:
        """The copy of the database."""
        return self.path / DATABASE

    @property
    def index(self) -> Path:
        """The blobs that belong to it: a line each, ordered by account and digest."""
        return self.path / INDEX

    def manifest(self) -> Manifest:
        """What it says it holds. Raises BackupError."""
        return Manifest.from_json((self.path / MANIFEST).read_text(encoding="utf-8"))

    def finish(self, manifest: Manifest) -> None:
        """Everything else is written and synced: from now on the generation is whole."""
        write_durably(self.path / MANIFEST, manifest.to_json())

    def blobs(self) -> Iterator[tuple[BlobKey, int]]:
        """The key and size of every blob that belongs to it."""
        with self.index.open(encoding="ascii") as lines:
            for line in lines:
                account, digest, size = line.split()
                yield BlobKey(int(account), bytes.fromhex(digest)), int(size)


class BackupFolder:
    """A folder of generations and the blobs that they share."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.blobs = FileBlobStore(self.root / "blobs")
        self._generations = self.root / "generations"

    @contextmanager
    def locked(self, *, shared: bool = False) -> Iterator[None]:
        """Keep other backups away, and with ``shared`` let other readers in. Raises BackupError."""
        if not shared:
            self._generations.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(self.root)
        elif not self._generations.is_dir():
            raise BackupError(f"{self.root} holds no backup")
        descriptor = os.open(self._generations, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise BackupError(f"another backup or restore uses {self.root}") from None
        finally:
            os.close(descriptor)

    def whole(self) -> list[Generation]:
        """The generations that are whole, oldest first."""
        return [Generation(path) for path in self._paths() if (path / MANIFEST).is_file()]

    def begin(self, moment: datetime) -> Generation:
        """A new generation; what interrupted ones left is removed."""
        for path in self._paths():
            if not (path / MANIFEST).is_file():
                shutil.rmtree(path)
        path = self._generations / moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        path.mkdir(mode=0o700)
        sync_folder(self._generations)
        return Generation(path)

    def find(self, name: str | None) -> Generation:
        """The generation of that name, or the newest. Raises BackupError."""
        whole = self.whole()
        if not whole:
            raise BackupError(f"{self.root} holds no whole backup")
        for generation in whole:
            if generation.path.name == name:
                return generation
        if name is None:
            return whole[-1]
        raise BackupError(f"there is no backup {name}; there are {', '.join(one.path.name for one in whole)}")

    def prune(self, keep: int) -> tuple[int, int]:
        """Keep so many of the newest generations: how many others went, and how many blobs that were theirs alone."""
        whole = self.whole()
        old, kept = whole[:-keep], whole[-keep:]
        for generation in old:
            # Without its manifest it is none any more, wherever this is interrupted.
            (generation.path / MANIFEST).unlink()
            shutil.rmtree(generation.path)
        return len(old), self._drop_all_but(kept)

    def _drop_all_but(self, kept: list[Generation]) -> int:
        dropped, accounts = 0, set()
        every = merge(*((key for key, _size in generation.blobs()) for generation in kept))
        for account_id, keys in groupby(every, attrgetter("account_id")):
            accounts.add(account_id)
            wanted = {key.digest for key in keys}
            dropped += self._drop(key for key in self.blobs.keys(account_id) if key.digest not in wanted)
        return dropped + self._drop(key for key in self.blobs.keys(None) if key.account_id not in accounts)

    def _drop(self, keys: Iterator[BlobKey]) -> int:
        dropped = 0
        for key in keys:
            self.blobs.delete(key)
            dropped += 1
        return dropped

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._generations.iterdir() if path.is_dir())


def write_durably(path: Path, text: str) -> None:
    """A small file that is there whole or not at all, also after a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    with open(partial, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync_folder(path.parent)


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
