"""The layout ``maildir``: Maildir++, the inbox at the top, flags in the names of the files.

Rules kept here:
- an email in several mailboxes is one file with several names, a link in each of their folders;
- what a file name cannot say (other keywords, which files are one email) is in ``emails.jsonl``;
- a file bears the time at which its message was received.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jmap.ids import encode
from mail.exporters.archive import write_blob
from mail.exporters.names import maildir_folder
from mail.importers.maildir import FLAGS
from mail.services.exporting import KeptEmail, paths_of
from mail.services.mailboxes import Node

_LETTERS = sorted((keyword, letter) for letter, keyword in FLAGS.items())


class MaildirLayout:
    """A Maildir++ folder for each mailbox; what an interrupted export wrote is renamed at most."""

    name = "maildir"

    def begin(self, root: Path, mailboxes: Mapping[int, Node], is_resumed: bool) -> None:
        """See ``Layout``."""
        self._root = root
        paths = paths_of(dict(mailboxes))
        self._places = {key: "" if mailboxes[key].role == "inbox" else maildir_folder(paths[key]) for key in mailboxes}
        self._present: dict[int, dict[str, str]] = {}
        for key, place in self._places.items():
            for name in ("cur", "new", "tmp"):
                (root / place / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            if place:
                (root / place / "maildirfolder").touch()
            names = os.listdir(root / place / "cur") if is_resumed else []
            self._present[key] = {name.partition(":")[0]: name for name in names}

    def write(self, email: KeptEmail) -> dict[str, Any]:
        """See ``Layout``."""
        first: Path | None = None
        for mailbox in sorted(email.placement.mailboxes):
            path = self._write_in(mailbox, email, first)
            first = first or path
        assert first is not None
        return {"file": first.relative_to(self._root).as_posix()}

    def _write_in(self, mailbox: int, email: KeptEmail, twin: Path | None) -> Path:
        moment = int(email.received_at.timestamp())
        unique = f"{moment}.{encode('e', email.key)}_{encode('m', mailbox)}.jmap,S={email.size}"
        letters = "".join(sorted(letter for keyword, letter in _LETTERS if keyword in email.placement.keywords))
        folder = self._root / self._places[mailbox]
        path = folder / "cur" / f"{unique}:2,{letters}"
        known = self._present[mailbox].get(unique)
        if known is not None and (folder / "cur" / known).stat().st_size == email.size:
            (folder / "cur" / known).replace(path)
            return path
        partial = folder / "tmp" / unique
        if twin is None:
            write_blob(email.blob, partial, path, moment)
            return path
        partial.unlink(missing_ok=True)
        try:
            os.link(twin, partial)
        except OSError:
            shutil.copy2(twin, partial)
        partial.replace(path)
        return path

    def finish(self) -> None:
        """See ``Layout``."""
