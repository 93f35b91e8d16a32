"""BlobStore: where octets are kept, and the file store behind it by default.

Rules kept here:
- an object has the key (account, SHA-256): accounts never share a key, and an object never changes;
- what ``put`` has returned from is durable: octets, name and every folder above it survive a power cut;
- an object is seen whole or not at all; a put that fails leaves nothing behind;
- putting what is there already is no error, and the octets are not written again.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

from django.utils.module_loading import import_string

from jmap.blobs.conf import blob_options
from jmap.blobs.errors import ObjectMissing
from jmap.conf import jmap_options

MAPPED = 256 * 1024
"""Objects above so many octets are mapped, others read."""
SLICE = 512 * 1024
"""Octets read at a time, so that a long transfer costs no more memory than a short one."""


Octets = bytes | bytearray | memoryview | mmap.mmap

MAX_KNOWN_FOLDERS = 8_192
"""Folders that a process remembers as durable; the others cost it a few more syncs, not more memory."""


class BlobKey(NamedTuple):
    """What an object is stored under; ``digest`` is the SHA-256 of its octets."""

    account_id: int
    digest: bytes


class Reader(Protocol):
    """Octets of an object in order, in slices; it was opened already, so a missing object is told before the first."""

    def __iter__(self) -> Iterator[bytes]: ...

    def __next__(self) -> bytes: ...

    def close(self) -> None: ...


class BlobStore(Protocol):
    """Where octets are kept. Reading raises ObjectMissing, a medium that refuses (full, broken, away) OSError."""

    @property
    def spool_folder(self) -> Path:
        """Where a temporary file should be made so that ``put_file`` need not copy it."""

    def put(self, key: BlobKey, data: Octets) -> None:
        """Keep these octets durably."""

    def put_many(self, items: Sequence[tuple[BlobKey, Octets]]) -> None:
        """Keep all of these durably, at less cost than one by one."""

    def put_file(self, key: BlobKey, path: Path) -> None:
        """Keep the octets of a file durably; the file stays the caller's, who never writes to it again."""

    def copy(self, source: BlobKey, account_id: int) -> None:
        """Keep an object for another account too."""

    def size(self, key: BlobKey) -> int | None:
        """Octets of the object, or None where there is none."""

    def age(self, key: BlobKey) -> float | None:
        """Seconds since the octets were put, or None where there are none."""

    def read(self, key: BlobKey) -> bytes:
        """The whole object."""

    def map(self, key: BlobKey) -> mmap.mmap | bytes:
        """The whole object, mapped where it is a file, so that only what is looked at is read."""

    def open_range(self, key: BlobKey, start: int = 0, stop: int | None = None) -> Reader:
        """The octets from ``start`` up to, not including, ``stop``."""

    def delete(self, key: BlobKey) -> None:
        """Remove the object, if it is there."""

    def keys(self, account_id: int | None = None) -> Iterator[BlobKey]:
        """The keys of all objects, or of one account's."""

    def sweep(self, older_than: float) -> int:
        """Remove what unfinished puts left behind, started longer than that many seconds ago; says how many."""


class FileRange:
    """Octets of an open file in slices; closes it at the end."""

    def __init__(self, descriptor: int, start: int, stop: int) -> None:
        self._descriptor: int | None = descriptor
        self._at = start
        self._stop = stop

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        wanted = min(SLICE, self._stop - self._at)
        if self._descriptor is None or wanted <= 0:
            self.close()
            raise StopIteration
        data = os.pread(self._descriptor, wanted, self._at)
        if not data:
            self.close()
            raise OSError(errno.EIO, "a stored object is shorter than it was when it was opened")
        self._at += len(data)
        return data

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()


class FileBlobStore:
    """Objects as files: ``<root>/<account>/<first two digits>/<digest>``, temporary names in ``<root>/spool``."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or jmap_options().blob_root).absolute()
        self.spool_folder = self.root / "spool"
        self._durable: set[Path] = set()
        self._lock = threading.Lock()

    # ------------------------------------------------------------------------------------------------------- writing

    def put(self, key: BlobKey, data: Octets) -> None:
        """See BlobStore."""
        target = self._path(key)
        if not self._is_there(target, memoryview(data).nbytes):
            draft, descriptor = self._draft(data)
            try:
                _sync_and_close(descriptor)
                self._publish(draft, target)
            except BaseException:
                _discard(draft)
                raise
        sync_folder(target.parent)

    def put_many(self, items: Sequence[tuple[BlobKey, Octets]]) -> None:
        """See BlobStore. All are written before the first is synced, syncs overlap, each folder is synced once."""
        drafts: dict[Path, tuple[Path, int]] = {}
        targets: set[Path] = set()
        try:
            for key, data in items:
                target = self._path(key)
                targets.add(target)
                if target not in drafts and not self._is_there(target, memoryview(data).nbytes):
                    drafts[target] = self._draft(data)
            with ThreadPoolExecutor(8, thread_name_prefix="blob-sync") as pool:
                written, drafts = drafts, {target: (draft, -1) for target, (draft, _) in drafts.items()}
                for done in [pool.submit(_sync_and_close, descriptor) for _, descriptor in written.values()]:
                    done.result()
                for target in list(drafts):
                    self._publish(drafts[target][0], target)
                    del drafts[target]
                for done in [pool.submit(sync_folder, folder) for folder in {target.parent for target in targets}]:
                    done.result()
        except BaseException:
            for draft, descriptor in drafts.values():
                if descriptor >= 0:
                    os.close(descriptor)
                _discard(draft)
            raise

    def put_file(self, key: BlobKey, path: Path) -> None:
        """See BlobStore. Links the file where it lies in the same file system, otherwise copies it."""
        target = self._path(key)
        if not self._is_there(target, path.stat().st_size):
            descriptor = os.open(path, os.O_RDONLY)
            _sync_and_close(descriptor)
            draft = self._linked(path) or self._copied(path)
            try:
                self._publish(draft, target)
            except BaseException:
                _discard(draft)
                raise
        sync_folder(target.parent)

    def copy(self, source: BlobKey, account_id: int) -> None:
        """See BlobStore."""
        try:
            self.put_file(BlobKey(account_id, source.digest), self._path(source))
        except FileNotFoundError:
            raise ObjectMissing(source.digest.hex()) from None

    def delete(self, key: BlobKey) -> None:
        """See BlobStore. Folders stay, so that no writer finds one gone between making it and using it."""
        _discard(self._path(key))

    # ------------------------------------------------------------------------------------------------------- reading

    def size(self, key: BlobKey) -> int | None:
        """See BlobStore."""
        try:
            return self._path(key).stat().st_size
        except FileNotFoundError:
            return None

    def age(self, key: BlobKey) -> float | None:
        """See BlobStore."""
        try:
            return time.time() - self._path(key).stat().st_mtime
        except FileNotFoundError:
            return None

    def read(self, key: BlobKey) -> bytes:
        """See BlobStore."""
        with open(self._open(key), "rb", buffering=0) as file:
            return file.readall()

    def map(self, key: BlobKey) -> mmap.mmap | bytes:
        """See BlobStore. A small file comes as bytes: reading it costs less than mapping it."""
        descriptor = self._open(key)
        try:
            size = os.fstat(descriptor).st_size
            if size > MAPPED:
                return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
            data = os.pread(descriptor, size, 0)
            return data if len(data) == size else self.read(key)
        finally:
            os.close(descriptor)

    def open_range(self, key: BlobKey, start: int = 0, stop: int | None = None) -> FileRange:
        """See BlobStore."""
        descriptor = self._open(key)
        size = os.fstat(descriptor).st_size
        return FileRange(descriptor, start, size if stop is None else min(stop, size))

    def keys(self, account_id: int | None = None) -> Iterator[BlobKey]:
        """See BlobStore."""
        names = _names(self.root) if account_id is None else [str(account_id)]
        for account in names:
            if not account.isdecimal():
                continue
            for shard in _names(self.root / account):
                for name in _names(self.root / account / shard):
                    with contextlib.suppress(ValueError):
                        yield BlobKey(int(account), bytes.fromhex(name))

    def sweep(self, older_than: float) -> int:
        """See BlobStore."""
        before = time.time() - older_than
        swept = 0
        for name in _names(self.spool_folder):
            path = self.spool_folder / name
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()
                    swept += 1
        return swept

    # --------------------------------------------------------------------------------------------------------- files

    def _path(self, key: BlobKey) -> Path:
        digest = key.digest.hex()
        return self.root / str(key.account_id) / digest[:2] / digest

    def _open(self, key: BlobKey) -> int:
        digest = key.digest.hex()
        try:
            # Joined as text: a Path costs as much as opening the file.
            return os.open(f"{self.root}/{key.account_id}/{digest[:2]}/{digest}", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ObjectMissing(key.digest.hex()) from None

    def _is_there(self, target: Path, size: int) -> bool:
        """Whether the whole object is there, in durable folders; one of another size is damaged and does not count."""
        if target.parent not in self._durable:
            self._make_durable(target.parent)
        try:
            return target.stat().st_size == size
        except FileNotFoundError:
            return False

    def _draft(self, data: Octets) -> tuple[Path, int]:
        """A new file with these octets under a temporary name, not yet synced: its path and open descriptor."""
        draft = self._temporary()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            rest = memoryview(data).cast("B")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BaseException:
            os.close(descriptor)
            _discard(draft)
            raise
        return draft, descriptor

    def _linked(self, path: Path) -> Path | None:
        """Another name for the file in our spool, or None where the file system cannot do that."""
        draft = self._temporary()
        try:
            os.link(path, draft)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
            return None
        return draft

    def _copied(self, path: Path) -> Path:
        """A synced copy of the file in our spool."""
        draft = self._temporary()
        try:
            with open(path, "rb") as source, open(draft, "xb", opener=_private) as copy:
                shutil.copyfileobj(source, copy, SLICE)
                copy.flush()
                os.fsync(copy.fileno())
        except BaseException:
            _discard(draft)
            raise
        return draft

    def _publish(self, draft: Path, target: Path) -> None:
        """Give the synced draft its name; an object that is there already is replaced by the same octets."""
        try:
            os.rename(draft, target)
        except FileNotFoundError:
            # Somebody removed the folder by hand after we had seen it.
            self._durable.discard(target.parent)
            self._make_durable(target.parent)
            os.rename(draft, target)
        # rename(2) does nothing at all where both are names of one file.
        _discard(draft)

    def _temporary(self) -> Path:
        if self.spool_folder not in self._durable:
            self._make_durable(self.spool_folder)
        return self.spool_folder / f"{time.time_ns():x}-{secrets.token_hex(8)}"

    def _make_durable(self, folder: Path) -> None:
        """Make the folder and those above it up to the root, each synced into its parent once in this process."""
        with self._lock:
            if len(self._durable) > MAX_KNOWN_FOLDERS:
                self._durable.clear()
            chain = [folder]
            while chain[-1] != self.root:
                chain.append(chain[-1].parent)
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in reversed(chain):
                if path not in self._durable or not path.is_dir():
                    path.mkdir(mode=0o700, exist_ok=True)
                    sync_folder(path.parent)
                    self._durable.add(path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def default_store() -> BlobStore:
    """The store that the settings name, one for the process."""
    return _store(blob_options().store, jmap_options().blob_root)


def system_spool() -> Path:
    """A folder for temporary files of stores that keep no files themselves."""
    return Path(tempfile.gettempdir())


@lru_cache(maxsize=8)
def _store(dotted_path: str, root: Path) -> BlobStore:
    store: BlobStore = import_string(dotted_path)()
    return store


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _sync_and_close(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
