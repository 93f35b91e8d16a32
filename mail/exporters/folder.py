"""The folder that an export is written to: begun, gone on with, finished.

Rules kept here:
- an export is whole exactly when ``manifest.json`` is there, which is written last, after everything is on the disk;
- until then ``unfinished.json`` says whose export it is: the same command goes on with it, another one is refused;
- nothing is written into a folder that holds anything else.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol

from jmap.ids import encode
from jmap.models import Account
from mail.services.exporting import KeptEmail
from mail.services.mailboxes import Node

FORMAT = "jmap-export"
VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished.json"
MAILBOXES = "mailboxes.jsonl"
EMAILS = "emails.jsonl"


class ExportError(Exception):
    """The export cannot be written there; the message is for the person who exports."""


class Layout(Protocol):
    """How messages lie in the folder."""

    name: str

    def begin(self, root: Path, mailboxes: Mapping[int, Node], is_resumed: bool) -> None:
        """Make what every export has, also where there is no message."""

    def write(self, email: KeptEmail) -> dict[str, Any]:
        """Write a message and say where: ``file`` relative to the folder, and what else finding it takes.

        Raises ObjectMissing where its octets are lost, OSError where the disk takes no more.
        """

    def finish(self) -> None:
        """Give everything its final name."""


class ExportFolder:
    """An export on its way; ``write_mailboxes``, ``write`` for each email, then ``finish``."""

    def __init__(self, root: Path, account: Account, layout: Layout) -> None:
        self._root = root
        self._account = account
        self._layout = layout
        self._count = 0
        self._octets = 0
        self.is_resumed = self._open()
        self._lines: IO[str] = (root / f"{EMAILS}.partial").open("w", encoding="utf-8")

    def _open(self) -> bool:
        root, marker = self._root, self._root / UNFINISHED
        if (root / MANIFEST).exists():
            raise ExportError(f"{root} holds a finished export already: name another folder")
        mine = {"account": self._account.wire_id, "layout": self._layout.name}
        if marker.exists():
            begun = json.loads(marker.read_text())
            if {name: begun.get(name) for name in mine} != mine:
                raise ExportError(f"{root} holds an unfinished export of another account or layout")
            self._id = str(begun["id"])
            return True
        if root.exists() and (not root.is_dir() or any(root.iterdir())):
            raise ExportError(f"{root} is not an empty folder")
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._id = secrets.token_hex(16)
        _write_whole(marker, {**mine, "id": self._id})
        return False

    def write_mailboxes(self, mailboxes: Mapping[int, Node]) -> None:
        """Describe the mailboxes, and make their folders."""
        with (self._root / f"{MAILBOXES}.partial").open("w", encoding="utf-8") as lines:
            for key, node in mailboxes.items():
                lines.write(_line(describe_mailbox(key, node)))
        self._mailboxes = len(mailboxes)
        self._layout.begin(self._root, mailboxes, self.is_resumed)

    def write(self, email: KeptEmail) -> None:
        """Write one email. Raises ObjectMissing, before anything of it is written."""
        place = self._layout.write(email)
        self._lines.write(_line({**describe_email(email), **place}))
        self._count += 1
        self._octets += email.size

    def finish(self) -> None:
        """Everything was written: bring it to the disk, and say that the export is whole."""
        self._lines.close()
        self._layout.finish()
        for name in (MAILBOXES, EMAILS):
            (self._root / f"{name}.partial").replace(self._root / name)
        # One sync of everything instead of one for each of very many small files.
        os.sync()
        _write_whole(
            self._root / MANIFEST,
            {
                "format": FORMAT,
                "version": VERSION,
                "id": self._id,
                "layout": self._layout.name,
                "account": self._account.name,
                "accountId": self._account.wire_id,
                "exportedAt": _time(datetime.now(UTC)),
                "mailboxes": self._mailboxes,
                "emails": self._count,
                "octets": self._octets,
            },
        )
        (self._root / UNFINISHED).unlink()

    def close(self) -> None:
        """Leave it unfinished, or finished as it is."""
        self._lines.close()


def describe_mailbox(key: int, node: Node) -> dict[str, Any]:
    """A mailbox as a line of ``mailboxes.jsonl`` (RFC 8621 §2)."""
    return {
        "id": encode("m", key),
        "name": node.name,
        "parentId": encode("m", node.parent) if isinstance(node.parent, int) else None,
        "role": node.role,
        "sortOrder": node.sort_order,
        "isSubscribed": node.is_subscribed,
    }


def describe_email(email: KeptEmail) -> dict[str, Any]:
    """An email as a line of ``emails.jsonl`` (RFC 8621 §4.1.1), without the place of its octets."""
    return {
        "id": encode("e", email.key),
        "threadId": encode("t", email.thread),
        "mailboxIds": {encode("m", key): True for key in sorted(email.placement.mailboxes)},
        "keywords": dict.fromkeys(sorted(email.placement.keywords), True),
        "receivedAt": _time(email.received_at),
        "size": email.size,
        "sha256": bytes(email.blob.digest).hex(),
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _line(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"


def _write_whole(path: Path, value: dict[str, Any]) -> None:
    """A small file that is there whole or not at all, also after a power cut."""
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
