"""The layout ``mbox``: one mboxrd file a mailbox, without a field added to any message.

Rules kept here:
- a line ``From …`` with the time of receipt (UTC) before each message, an empty line after it, and one ``>`` more
  before each line that begins with ``From`` after any ``>`` (mboxrd); a message that does not end its last line gets a
  line end, which ``size`` in ``emails.jsonl`` tells apart;
- an email in several mailboxes stands in each of their files; keywords and mailboxes are in ``emails.jsonl``;
- files get their names at the end; what an interrupted export wrote is written again.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC
from pathlib import Path
from typing import IO, Any

from jmap.blobs import service as blobs
from jmap.models import Blob
from mail.exporters.names import file_name
from mail.services.exporting import KeptEmail, paths_of
from mail.services.mailboxes import Node

SUFFIX = ".mbox"
_PARTIAL = ".mbox.partial"
_OPEN_AT_ONCE = 50
_QUOTABLE = re.compile(rb"^(>*From )", re.MULTILINE)
_WHOLE_LINES = 64 * 1024


class MboxLayout:
    """``Lists/Tea.mbox``: a file for each mailbox, in folders as the mailboxes are nested."""

    name = "mbox"

    def begin(self, root: Path, mailboxes: Mapping[int, Node], is_resumed: bool) -> None:
        """See ``Layout``."""
        self._root = root
        self._open: OrderedDict[int, IO[bytes]] = OrderedDict()
        self._places: dict[int, Path] = {}
        for key, path in paths_of(dict(mailboxes)).items():
            names = [file_name(name) for name in path]
            self._places[key] = place = Path(*names[:-1], names[-1] + SUFFIX)
            (root / place).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (root / place).unlink(missing_ok=True)
            self._partial(key).write_bytes(b"")

    def write(self, email: KeptEmail) -> dict[str, Any]:
        """See ``Layout``."""
        found: dict[str, Any] = {}
        separator = email.received_at.astimezone(UTC).strftime("From MAILER-DAEMON %a %b %d %H:%M:%S %Y\n").encode()
        for mailbox in sorted(email.placement.mailboxes):
            source = quoted(email.blob)
            file = self._file(mailbox)
            file.write(separator)
            start, last = file.tell(), b""
            for chunk in source:
                file.write(chunk)
                last = chunk
            end = file.tell()
            file.write(b"\n" if last.endswith(b"\n") else b"\n\n")
            found = found or {"file": self._places[mailbox].as_posix(), "offset": start, "length": end - start}
        return found

    def finish(self) -> None:
        """See ``Layout``."""
        for file in self._open.values():
            file.close()
        for key, place in self._places.items():
            self._partial(key).replace(self._root / place)

    def _partial(self, mailbox: int) -> Path:
        place = self._root / self._places[mailbox]
        return place.with_name(place.name.removesuffix(SUFFIX) + _PARTIAL)

    def _file(self, mailbox: int) -> IO[bytes]:
        """The file of a mailbox, at its end; the ones used last stay open."""
        if mailbox not in self._open:
            if len(self._open) >= _OPEN_AT_ONCE:
                self._open.popitem(last=False)[1].close()
            self._open[mailbox] = self._partial(mailbox).open("ab")
        self._open.move_to_end(mailbox)
        return self._open[mailbox]


def quoted(blob: Blob) -> Iterator[bytes]:
    """The octets of a message as they stand in an mboxrd file. Raises ObjectMissing at once."""
    return _quoted(blobs.open_range(blob))


def _quoted(source: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines at a time, since a chunk may end within ``>>From``; of an endless line only its beginning counts."""
    rest, at_start = b"", True
    for chunk in source:
        rest += chunk
        cut = rest.rfind(b"\n") + 1 or (len(rest) if len(rest) > _WHOLE_LINES and not _may_quote(rest) else 0)
        if cut:
            yield _quote(rest[:cut], at_start)
            at_start = rest[:cut].endswith(b"\n")
            rest = rest[cut:]
    if rest:
        yield _quote(rest, at_start)


def _may_quote(line: bytes) -> bool:
    """Whether a line that goes on might still turn out to be one to quote."""
    return not line.lstrip(b">")[:5] or b"From ".startswith(line.lstrip(b">")[:5])


def _quote(lines: bytes, at_start: bool) -> bytes:
    if at_start:
        return _QUOTABLE.sub(rb">\1", lines)
    first, end, others = lines.partition(b"\n")
    return first + end + _QUOTABLE.sub(rb">\1", others)
