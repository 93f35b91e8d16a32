"""What ``export_mail`` wrote, in any of its layouts, read back without loss (see ``mail.exporters``).

Rules kept here:
- the id in the manifest names the source, so that an export which was moved is not imported twice;
- the octets are checked against their SHA-256: what changed meanwhile is reported, never imported as what it was;
- a file of a Maildir whose flags were changed since has another name, and is found by its unique part.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from mail.importers import maildir, mbox
from mail.importers.entry import INBOX, Entry, Folder, MessageUnreadable, SourceError, key_of
from mail.mime.index import Octets

FORMAT = "jmap-export"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Export:
    """A finished export: ``source`` is the 32 octets that name it, ``count`` how many emails it says it has."""

    root: Path
    source: bytes
    count: int
    folders: dict[str, Folder]
    """Id of a mailbox to the folder that it is."""

    def entries(self) -> Iterator[Entry]:
        """Every email."""
        with (self.root / "emails.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield self._entry(line)

    def _entry(self, line: str) -> Entry:
        try:
            email = json.loads(line)
            received = datetime.fromisoformat(email["receivedAt"])
            folders = tuple(self.folders[mailbox] for mailbox in email["mailboxIds"]) or (INBOX,)
            keywords = frozenset(map(str, email["keywords"]))
            return Entry(
                key_of("export", email["id"]),
                folders,
                keywords,
                partial(_load, self.root, email),
                lambda data: received,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(f"{self.root / 'emails.jsonl'} has a line that is none of an export") from error


def is_export(root: Path) -> bool:
    """Whether a folder was written by ``export_mail``, finished or not."""
    return any((root / name).is_file() for name in ("manifest.json", "unfinished.json"))


def read(root: Path) -> Export:
    """An export as its manifest and mailboxes say it is. Raises SourceError."""
    if not (root / "manifest.json").is_file():
        raise SourceError(f"{root} is an unfinished export: run export_mail again to finish it")
    try:
        manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["version"] != VERSION:
            raise SourceError(f"{root} is an export of a kind that this version cannot read")
        with (root / "mailboxes.jsonl").open(encoding="utf-8") as lines:
            mailboxes = {mailbox["id"]: mailbox for mailbox in map(json.loads, lines)}
        folders = {key: as_folder(mailbox, mailboxes) for key, mailbox in mailboxes.items()}
        return Export(root, key_of("export", str(manifest["id"])), int(manifest["emails"]), folders)
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{root} is no export that can be read: {error!r}") from error


def as_folder(mailbox: dict[str, Any], others: dict[str, dict[str, Any]]) -> Folder:
    """A Mailbox object (RFC 8621 §2) as a folder, its path by way of the Mailboxes around it."""
    path: list[str] = []
    at: dict[str, Any] | None = mailbox
    while at is not None and len(path) <= len(others):
        path.append(at["name"])
        at = others.get(at["parentId"]) if at["parentId"] else None
    return Folder(
        tuple(reversed(path)),
        mailbox["role"],
        is_exact=True,
        sort_order=mailbox["sortOrder"],
        is_subscribed=mailbox["isSubscribed"],
    )


def _load(root: Path, email: dict[str, Any]) -> Octets:
    path = (root / email["file"]).resolve()
    if not path.is_relative_to(root.resolve()):
        raise MessageUnreadable("its file is said to lie outside of the export")
    if "offset" in email:
        with path.open("rb") as file:
            file.seek(email["offset"])
            # The last line end is the mbox's where the message has none.
            data: Octets = mbox.unquote(file.read(email["length"]))
    else:
        data = maildir.read(path.parent.parent, path) if path.parent.name == "cur" else maildir.contents(path)
    if hashlib.sha256(data).hexdigest() != email["sha256"]:
        raise MessageUnreadable(f"{email['file']} is not what was exported")
    return data
