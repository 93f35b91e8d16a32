"""Maildir: a folder of files, one a message, flags in their names.

Rules kept here:
- Maildir++ sub-folders (``.Lists.Django``) and plain nested folders both become mailboxes; the top is the inbox;
- the unique name (before ``:2,``) is the key, so that a message whose flags changed meanwhile is not imported twice;
- the date is the earlier of the file's own and the one in its name: a copy makes files younger, never older;
- a file that vanishes between listing and reading (a mail program moved it) is looked for under its new name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from mail.importers.entry import Entry, SourceError, key_of

_FLAGS = {"S": "$seen", "R": "$answered", "F": "$flagged", "D": "$draft", "P": "$forwarded"}
_TRASHED = "T"
_TIME = re.compile(r"(\d{9,10})\.")


def is_maildir(path: Path) -> bool:
    """Whether a folder looks like a Maildir."""
    return (path / "cur").is_dir() or (path / "new").is_dir()


def entries(root: Path) -> Iterator[Entry]:
    """Every message of a Maildir and of the folders in it. Raises SourceError where there is none."""
    found = False
    for folder, path in _folders(root):
        found = True
        for place in ("cur", "new"):
            for file in sorted((path / place).iterdir()) if (path / place).is_dir() else ():
                if file.is_file() and not file.name.startswith("."):
                    yield _entry(folder, path, file)
    if not found:
        raise SourceError(f"{root} is no Maildir: neither it nor a folder in it has cur or new")


def _folders(root: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    if is_maildir(root):
        yield (), root
    for path in sorted(child for child in root.rglob("*") if child.is_dir() and is_maildir(child)):
        names: list[str] = []
        for step in path.relative_to(root).parts:
            names += [_decoded(name) for name in (step[1:].split(".") if step.startswith(".") else [step])]
        yield tuple(name for name in names if name), path


def _entry(folder: tuple[str, ...], path: Path, file: Path) -> Entry:
    unique, _, info = file.name.partition(":")
    flags = info.removeprefix("2,")
    keywords = frozenset(_FLAGS[flag] for flag in flags if flag in _FLAGS)
    where = ("Trash",) if _TRASHED in flags else folder
    return Entry(key_of("maildir", unique), where, keywords, lambda: _read(path, file), lambda data: _date(file))


def _read(path: Path, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        unique = file.name.partition(":")[0]
        for place in ("cur", "new"):
            for other in (path / place).glob(f"{unique}*"):
                return other.read_bytes()
        raise


def _date(file: Path) -> datetime:
    named = _TIME.match(file.name)
    stamps = [int(named[1])] if named else []
    try:
        stamps.append(int(file.stat().st_mtime))
    except FileNotFoundError:
        stamps = stamps or [int(datetime.now(UTC).timestamp())]
    return datetime.fromtimestamp(min(stamps), UTC)


def _decoded(name: str) -> str:
    """Maildir++ names are in IMAP's modified UTF-7."""

    def shifted(match: re.Match[str]) -> str:
        return f"+{match[1].replace(',', '/')}-".encode().decode("utf-7") if match[1] else "&"

    try:
        return re.sub(r"&([A-Za-z0-9+,]*)-", shifted, name)
    except UnicodeDecodeError:
        return name
