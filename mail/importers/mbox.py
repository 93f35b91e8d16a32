"""mbox: messages in one file, each after a line that begins with ``From``.

Rules kept here:
- a separator is a ``From`` line with a time of day in it, at the start of the file or after an empty line;
- ``>From`` quoting is undone by one level (mboxrd), and the empty line before the next separator belongs to nobody;
- the file is mapped, and no more of it in memory than a message; the key is the digest of the message and its ordinal
  among equal ones, so that a file that grew meanwhile can be imported again;
- Status and X-Status become keywords, X-Gmail-Labels (Google Takeout) keywords and mailboxes; they stay in the message,
  which is kept as it came.
"""

from __future__ import annotations

import hashlib
import mmap
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path

from mail.importers import dates, gmail
from mail.importers.entry import Entry, Folder, SourceError, key_of
from mail.mime.headers import iterate_fields
from mail.mime.index import Octets

_SEPARATOR = re.compile(rb"(?:\A|\n\r?\n)(From [^\r\n]*\d{1,2}:\d{2}[^\r\n]*\r?\n)")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_STATUS = {"R": "$seen", "A": "$answered", "F": "$flagged", "T": "$draft"}
_HEADER_OCTETS = 200_000


def entries(path: Path, folder: tuple[str, ...]) -> Iterator[Entry]:
    """Every message of an mbox file. Raises SourceError where its first line is no separator."""
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        # Closed with the last entry, which may be loaded when the file was read to its end.
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if not _SEPARATOR.match(data):
        raise SourceError(f'{path} is no mbox: it does not begin with a line "From …" that holds a date')
    seen: Counter[bytes] = Counter()
    for separator, start, end in _messages(data):
        message = unquote(data[start:end])
        digest = hashlib.sha256(message).digest()
        seen[digest] += 1
        folders, keywords = _placed(message, folder)
        yield Entry(
            key_of("mbox", digest, str(seen[digest])),
            folders,
            keywords,
            partial(_read, data, start, end),
            partial(_date, separator),
        )


def unquote(data: bytes) -> bytes:
    """A message as it was before it was put into an mbox: one ``>`` less before each ``From`` (mboxrd)."""
    return _QUOTED.sub(rb"\1", data)


def _read(data: mmap.mmap, start: int, end: int) -> bytes:
    return unquote(data[start:end])


def _messages(data: mmap.mmap) -> Iterator[tuple[bytes, int, int]]:
    """(separator line, start, end) of each message."""
    last: tuple[bytes, int] | None = None
    for found in _SEPARATOR.finditer(data):
        if last is not None:
            # The line break before the empty line ends the message.
            yield *last, found.start() + 1
        last = (found[1], found.end())
    if last is not None:
        end = len(data)
        for tail in (b"\r\n\r\n", b"\n\n"):
            if data[max(last[1], end - len(tail)) : end] == tail:
                end -= len(tail) // 2
                break
        yield *last, max(end, last[1])


def _placed(message: bytes, folder: tuple[str, ...]) -> tuple[tuple[Folder, ...], frozenset[str]]:
    """Where a message goes and how it is flagged: by the labels of Gmail where it has them."""
    letters = ""
    for name, value in iterate_fields(message, 0, min(len(message), _HEADER_OCTETS)):
        lower = name.lower()
        if lower == gmail.FIELD:
            return gmail.read_labels(value)
        if lower in ("status", "x-status"):
            letters += value.decode("ascii", "replace")
    keywords = frozenset(keyword for letter, keyword in _STATUS.items() if letter in letters)
    return (Folder(folder),), keywords


def _date(separator: bytes, data: Octets) -> datetime:
    return _separator_date(separator) or dates.of_message(data)


def _separator_date(line: bytes) -> datetime | None:
    """The date of ``From ada@mail.test Thu Jan  1 00:00:00 2026``, taken as UTC where no zone is given."""
    words = line.decode("ascii", "replace").split()[1:]
    for start in range(len(words)):
        text = " ".join(words[start:])
        for form in ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M %Y", "%a %b %d %H:%M:%S %z %Y"):
            try:
                found = datetime.strptime(text, form)
            except ValueError:
                continue
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    try:
        found = parsedate_to_datetime(" ".join(words[1:]))
    except (TypeError, ValueError, IndexError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
