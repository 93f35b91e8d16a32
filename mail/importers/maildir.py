"""Maildir: a folder of files, one a message, flags in their names.

Rules kept here:
- Maildir++ sub-folders (``.Lists.Django``) and plain nested folders both become mailboxes; the top is the inbox;
- folder and unique name (before ``:2,``) are the key, so that a message whose flags changed meanwhile is not imported
  twice, and one that was copied into a second folder is there twice;
- the date is the earlier of the file's own and the one in its name: a copy makes files younger, never older;
- a file that vanishes between listing and reading (a mail program moved it) is looked for under its new name.
"""

from __future__ import annotations

import glob
import mmap
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mail.importers.entry import Entry, Folder, key_of
from mail.importers.utf7 import decode
from mail.mime.index import Octets

FLAGS = {"S": "$seen", "R": "$answered", "F": "$flagged", "D": "$draft", "P": "$forwarded"}
"""The flags in a file name that a keyword stands for."""
_TRASHED = "T"
_MAPPED = 256 * 1024
"""Files above so many octets are mapped, others read."""
_TIME = re.compile(r"(\d{9,10})\.")


def is_maildir(path: Path) -> bool:
    """Whether a folder looks like a Maildir."""
    return (path / "cur").is_dir() or (path / "new").is_dir()


def is_in(root: Path) -> bool:
    """Whether a folder is a Maildir, or one is in it."""
    return next(_folders(root), None) is not None


def entries(root: Path) -> Iterator[Entry]:
    """Every message of a Maildir and of the folders in it."""
    for folder, path in _folders(root):
        for place in ("cur", "new"):
            for file in sorted((path / place).iterdir()) if (path / place).is_dir() else ():
                if file.is_file() and not file.name.startswith("."):
                    yield _entry(folder, path, file)


def _folders(root: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    if is_maildir(root):
        yield (), root
    for path in sorted(child for child in root.rglob("*") if child.is_dir() and is_maildir(child)):
        names: list[str] = []
        for step in path.relative_to(root).parts:
            names += [decode(name) for name in (step[1:].split(".") if step.startswith(".") else [step])]
        yield tuple(name for name in names if name), path


def _entry(folder: tuple[str, ...], path: Path, file: Path) -> Entry:
    unique, _, info = file.name.partition(":")
    flags = info.removeprefix("2,")
    keywords = frozenset(FLAGS[flag] for flag in flags if flag in FLAGS)
    where = Folder(("Trash",) if _TRASHED in flags else folder)
    key = key_of("maildir", *folder, unique)
    return Entry(key, (where,), keywords, lambda: read(path, file), lambda data: _date(file))


def read(path: Path, file: Path) -> Octets:
    """The octets of a file of a Maildir, under the name that it has by now."""
    try:
        return contents(file)
    except FileNotFoundError:
        unique = file.name.partition(":")[0]
        for place in ("cur", "new"):
            for other in (path / place).glob(f"{glob.escape(unique)}*"):
                return contents(other)
        raise


def contents(file: Path) -> Octets:
    """The octets of a file, mapped where they are many."""
    with file.open("rb") as opened:
        if os.fstat(opened.fileno()).st_size <= _MAPPED:
            return opened.read()
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def _date(file: Path) -> datetime:
    named = _TIME.match(file.name)
    stamps = [int(named[1])] if named else []
    try:
        stamps.append(int(file.stat().st_mtime))
    except FileNotFoundError:
        stamps = stamps or [int(datetime.now(UTC).timestamp())]
    return datetime.fromtimestamp(min(stamps), UTC)
