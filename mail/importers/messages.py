"""A folder of files that each hold one message, as people keep them (``.eml``).

Rules kept here:
- a file is a message if it is named ``.eml`` or its first line is a header field; others, such as a README, are passed
  over, and so is whatever lies in a Maildir;
- the top is the inbox, a folder in it the mailbox of its name;
- the path in the folder is the key; the date is the newest Received field's, else the Date field's, else the file's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from mail.importers import dates
from mail.importers.entry import Entry, Folder, key_of
from mail.importers.maildir import contents, is_maildir
from mail.mime.index import Octets

_FIELD = re.compile(rb"[!-9;-~]{1,100}[ \t]*:")
_BEGINNING = 200


def files(root: Path) -> Iterator[Path]:
    """Every file that is a message, folder by folder."""
    if is_maildir(root):
        return
    for path in sorted(root.iterdir()):
        if path.is_dir() and not path.is_symlink():
            yield from files(path)
        elif path.is_file() and not path.name.startswith(".") and _is_message(path):
            yield path


def entries(root: Path) -> Iterator[Entry]:
    """Every message of the folder and of those in it."""
    for path in files(root):
        steps = path.relative_to(root).parts
        folder = Folder(steps[:-1])
        yield Entry(key_of("message", *steps), (folder,), frozenset(), partial(contents, path), partial(_date, path))


def _is_message(path: Path) -> bool:
    if path.suffix.lower() == ".eml":
        return True
    with path.open("rb") as file:
        return _FIELD.match(file.read(_BEGINNING)) is not None


def _date(path: Path, data: Octets) -> datetime:
    return dates.from_header(data) or datetime.fromtimestamp(path.stat().st_mtime, UTC)
