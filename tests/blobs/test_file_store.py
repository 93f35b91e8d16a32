"""The file store keeps what it accepted: the order of syncs, what a crash leaves, a full disk, damage."""

from __future__ import annotations

import errno
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jmap.blobs import storage
from jmap.blobs.storage import BlobKey, FileBlobStore
from tests.blobs.contract import key_of

pytestmark = pytest.mark.rfc(8620, "6")

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def files(tmp_path: Path) -> FileBlobStore:
    """A store whose folders are not made yet."""
    return FileBlobStore(tmp_path / "objects")


def path_of(files: FileBlobStore, key: BlobKey) -> Path:
    """Where the object lies."""
    name = key.digest.hex()
    return files.root / str(key.account_id) / name[:2] / name


class Recorder:
    """Notes the system calls that decide durability, in order, by the path that they are about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.calls: list[tuple[str, str]] = []
        self._root = root
        real_fsync = os.fsync
        monkeypatch.setattr(
            os, "fsync", lambda descriptor: (self._note("fsync", descriptor), real_fsync(descriptor))[1]
        )
        for name in ("rename", "link"):
            self._wrap(monkeypatch, name, getattr(os, name))

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, name: str, real: Callable[..., Any]) -> None:
        def noted(source: Any, target: Any, **options: Any) -> None:
            self.calls.append((name, self._short(Path(target))))
            real(source, target, **options)

        monkeypatch.setattr(os, name, noted)

    def _note(self, name: str, descriptor: int) -> None:
        self.calls.append((name, self._short(Path(os.readlink(f"/proc/self/fd/{descriptor}")))))

    def _short(self, path: Path) -> str:
        if path.parent.name == "spool":
            return "draft"
        return str(path.relative_to(self._root.parent))


def test_octets_are_synced_before_the_name_and_the_name_before_the_return(
    files: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put(key_of(b"the first one makes the folders"), b"the first one makes the folders")
    first = key_of(b"message")
    files._make_durable(path_of(files, first).parent)
    recorder = Recorder(monkeypatch, files.root)

    files.put(first, b"message")

    target = path_of(files, first).relative_to(files.root.parent)
    assert recorder.calls == [("fsync", "draft"), ("rename", str(target)), ("fsync", str(target.parent))]


def test_a_new_folder_is_synced_into_every_folder_above_it_first(
    files: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(b"message", 7)
    recorder = Recorder(monkeypatch, files.root)

    files.put(key, b"message")

    shard = f"objects/7/{key.digest.hex()[:2]}"
    assert recorder.calls == [
        ("fsync", "."),
        ("fsync", "objects"),
        ("fsync", "objects/7"),
        ("fsync", "objects"),
        ("fsync", "draft"),
        ("rename", f"{shard}/{key.digest.hex()}"),
        ("fsync", shard),
    ]


def test_a_file_is_synced_before_it_gets_its_name(
    files: FileBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(b"spooled")
    (tmp_path / "in").write_bytes(b"spooled")
    files._make_durable(path_of(files, key).parent)
    files._make_durable(files.spool_folder)
    recorder = Recorder(monkeypatch, files.root)

    files.put_file(key, tmp_path / "in")

    target = path_of(files, key).relative_to(files.root.parent)
    assert recorder.calls == [
        ("fsync", "in"),
        ("link", "draft"),
        ("rename", str(target)),
        ("fsync", str(target.parent)),
    ]


def test_of_many_every_octet_is_synced_before_the_first_name(
    files: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [b"%d" % number for number in range(20)]
    for data in many:
        files._make_durable(path_of(files, key_of(data)).parent)
    files._make_durable(files.spool_folder)
    recorder = Recorder(monkeypatch, files.root)

    files.put_many([(key_of(data), data) for data in many])

    names = [name for name, _path in recorder.calls]
    folders = {str(path_of(files, key_of(data)).parent.relative_to(files.root.parent)) for data in many}
    first, last = names.index("rename"), len(names) - names[::-1].index("rename")
    assert [path for _name, path in recorder.calls[:first]].count("draft") == 20
    assert names[first:last] == ["rename"] * 20
    assert sorted(path for _name, path in recorder.calls[last:]) == sorted(folders)


def test_one_that_is_there_is_not_written_again_but_its_folder_is_synced(
    files: FileBlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.put(key_of(b"twice"), b"twice")
    recorder = Recorder(monkeypatch, files.root)

    files.put(key_of(b"twice"), b"twice")

    # Another process may have given it its name and not synced the folder yet.
    assert recorder.calls == [("fsync", str(path_of(files, key_of(b"twice")).parent.relative_to(files.root.parent)))]


def test_only_the_owner_may_read_the_files(files: FileBlobStore) -> None:
    files.put(key_of(b"private"), b"private")
    path = path_of(files, key_of(b"private"))

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
@pytest.mark.parametrize("way", ["put", "put_many", "put_file"])
def test_a_full_disk_leaves_nothing_behind(
    files: FileBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, way: str
) -> None:
    key = key_of(b"too much")
    (tmp_path / "in").write_bytes(b"too much")
    files.put(key_of(b"before"), b"before")
    files._make_durable(path_of(files, key).parent)
    if (way, step) == ("put_file", "write"):
        monkeypatch.setattr(os, "link", failing(errno.EXDEV))
        monkeypatch.setattr(storage.shutil, "copyfileobj", failing(errno.ENOSPC))
    else:
        monkeypatch.setattr(os, step, failing(errno.ENOSPC))

    with pytest.raises(OSError, match="no room"):
        {
            "put": lambda: files.put(key, b"too much"),
            "put_many": lambda: files.put_many([(key, b"too much")]),
            "put_file": lambda: files.put_file(key, tmp_path / "in"),
        }[way]()
    monkeypatch.undo()

    assert list(files.spool_folder.iterdir()) == []
    assert list(files.keys()) == [key_of(b"before")]


def failing(number: int) -> Callable[..., Any]:
    """A system call that fails."""

    def fail(*arguments: Any, **options: Any) -> Any:
        raise OSError(number, "no room")

    return fail


def test_a_file_larger_than_the_system_allows_leaves_nothing_behind(files: FileBlobStore) -> None:
    data = bytes(200_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    files.put(key_of(b"before"), b"before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError):
            files.put(key_of(data), data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)

    assert list(files.spool_folder.iterdir()) == []
    assert list(files.keys()) == [key_of(b"before")]


KILLED = """
import os, signal, sys
from pathlib import Path
import django
django.setup()
from jmap.blobs.storage import BlobKey, FileBlobStore
import hashlib
step, root = sys.argv[1:]
real = getattr(os, step)
def killed(*arguments, **options):
    if step == "write":
        real(arguments[0], arguments[1][:10])
    os.kill(os.getpid(), signal.SIGKILL)
data = b"half an object " * 1000
files = FileBlobStore(Path(root))
files._make_durable(files.spool_folder)
files._make_durable(files._path(BlobKey(1, hashlib.sha256(data).digest())).parent)
setattr(os, step, killed)
files.put(BlobKey(1, hashlib.sha256(data).digest()), data)
"""


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_killed_writer_leaves_no_visible_object(files: FileBlobStore, step: str) -> None:
    data = b"half an object " * 1000

    done = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(files.root)],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        check=False,
    )

    assert done.returncode == -signal.SIGKILL
    assert list(files.keys()) == []
    assert files.size(key_of(data)) is None
    assert files.sweep(older_than=-60) == 1
    assert list(files.spool_folder.iterdir()) == []


def test_sweeping_leaves_what_may_still_be_written(files: FileBlobStore) -> None:
    files.put(key_of(b"x"), b"x")
    (files.spool_folder / "old").write_bytes(b"")
    (files.spool_folder / "young").write_bytes(b"")
    os.utime(files.spool_folder / "old", (time.time() - 7_200, time.time() - 7_200))

    swept = files.sweep(older_than=3_600)

    assert swept == 1
    assert [path.name for path in files.spool_folder.iterdir()] == ["young"]


def test_an_object_cut_short_by_damage_is_written_again(files: FileBlobStore) -> None:
    files.put(key_of(b"whole"), b"whole")
    path_of(files, key_of(b"whole")).write_bytes(b"wh")

    files.put(key_of(b"whole"), b"whole")

    assert files.read(key_of(b"whole")) == b"whole"


def test_a_folder_removed_by_hand_is_made_again(files: FileBlobStore) -> None:
    files.put(key_of(b"one"), b"one")
    path_of(files, key_of(b"one")).unlink()
    path_of(files, key_of(b"one")).parent.rmdir()

    files.put(key_of(b"one"), b"one")

    assert files.read(key_of(b"one")) == b"one"


def test_a_file_of_another_file_system_is_copied(
    files: FileBlobStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far").write_bytes(b"far away")
    monkeypatch.setattr(os, "link", failing(errno.EXDEV))

    files.put_file(key_of(b"far away"), tmp_path / "far")

    assert files.read(key_of(b"far away")) == b"far away"
    assert list(files.spool_folder.iterdir()) == []


def test_a_copy_between_accounts_shares_the_disk_space(files: FileBlobStore) -> None:
    files.put(key_of(b"once", 1), b"once")

    files.copy(key_of(b"once", 1), 2)

    assert path_of(files, key_of(b"once", 1)).samefile(path_of(files, key_of(b"once", 2)))


def test_strange_files_in_the_folders_are_no_objects(files: FileBlobStore) -> None:
    files.put(key_of(b"x"), b"x")
    (files.root / "README").write_bytes(b"")
    (path_of(files, key_of(b"x")).parent / "backup~").write_bytes(b"")

    assert list(files.keys()) == [key_of(b"x")]


def test_memory_stays_bounded_with_very_many_folders(files: FileBlobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MAX_KNOWN_FOLDERS", 10)

    for number in range(60):
        files.put(key_of(b"%d" % number, number), b"%d" % number)

    assert len(files._durable) <= 10 + 4
