"""What every source of mail is, and the sources that are files."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from mail.importers import exported, maildir, mbox, messages
from mail.importers.entry import Entry, Folder, Known, SourceError, key_of


class Source(Protocol):
    """A place that mail is imported from."""

    @property
    def key(self) -> bytes:
        """32 octets that name the source in the journal."""

    @property
    def folders(self) -> Collection[Folder]:
        """The folders that are to be mailboxes even where they hold nothing."""

    @property
    def adopt(self) -> bool:
        """Whether the folders tell everything of mailboxes, so that empty ones may take it over."""

    def count(self) -> int | None:
        """How many messages to expect, where that can be known beforehand."""

    def entries(self, known: Known) -> Iterator[Entry]:
        """Every message; those that are known may come as ``known_already``. Raises SourceError."""

    def close(self) -> None:
        """Let go of what was open."""


@dataclass(frozen=True, slots=True)
class FileSource:
    """A Maildir, a folder of messages, an mbox file or an export; ``into`` is the folder of an mbox, by default
    named as the file.
    """

    path: Path
    key: bytes
    folders: Collection[Folder]
    adopt: bool
    export: exported.Export | None
    into: tuple[str, ...]

    def count(self) -> int | None:
        """See ``Source``: known of all but an mbox."""
        if self.export is not None:
            return self.export.count
        if not self.path.is_dir():
            return None
        filed = sum(1 for place in ("cur", "new") for folder in self.path.rglob(place) for _ in folder.iterdir())
        return filed + sum(1 for _ in messages.files(self.path))

    def entries(self, known: Known) -> Iterator[Entry]:
        """See ``Source``."""
        if self.export is not None:
            return self.export.entries()
        if not self.path.is_dir():
            return mbox.entries(self.path, self.into)
        return chain(maildir.entries(self.path), messages.entries(self.path))

    def close(self) -> None:
        """See ``Source``."""


def open_path(path: Path, into: tuple[str, ...] = ()) -> FileSource:
    """The source that a path is, told by what is there. Raises SourceError."""
    if not path.exists():
        raise SourceError(f"{path} is not there")
    if exported.is_export(path):
        export = exported.read(path)
        return FileSource(path, export.source, export.folders.values(), True, export, into)
    if path.is_dir() and not maildir.is_in(path) and next(messages.files(path), None) is None:
        raise SourceError(f"{path} holds no mail: no Maildir (a folder with cur or new), and no file that is a message")
    return FileSource(path, key_of(str(path.resolve())), (), False, None, into or (path.stem,))
