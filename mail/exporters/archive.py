"""The layout ``archive``: each different message once, as a file named by its SHA-256."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jmap.blobs import service as blobs
from jmap.models import Blob
from mail.services.exporting import KeptEmail
from mail.services.mailboxes import Node


class ArchiveLayout:
    """``blobs/ab/cdef…``; what an interrupted export wrote is not written again."""

    name = "archive"

    def begin(self, root: Path, mailboxes: Mapping[int, Node], is_resumed: bool) -> None:
        """See ``Layout``."""
        self._root = root

    def write(self, email: KeptEmail) -> dict[str, Any]:
        """See ``Layout``."""
        digest = bytes(email.blob.digest).hex()
        place = f"blobs/{digest[:2]}/{digest[2:]}"
        path = self._root / place
        if not path.exists() or path.stat().st_size != email.size:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_blob(email.blob, path.with_name(f"{path.name}.partial"), path)
        return {"file": place}

    def finish(self) -> None:
        """See ``Layout``."""


def write_blob(blob: Blob, partial: Path, path: Path, moment: float | None = None) -> None:
    """Write the octets of a blob to a file that is there whole or not at all; ``moment`` is the time it is to bear."""
    source = blobs.open_range(blob)
    with partial.open("wb") as file:
        for chunk in source:
            file.write(chunk)
    if moment is not None:
        os.utime(partial, (moment, moment))
    partial.replace(path)
