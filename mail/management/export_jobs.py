"""Writing an export with a progress bar: what the commands that export share."""

from __future__ import annotations

import contextlib
from pathlib import Path

from tqdm import tqdm

from jmap.blobs.errors import ObjectMissing
from jmap.ids import encode
from jmap.models import Account
from jmap.store import reading
from mail.exporters.folder import ExportFolder, Layout
from mail.services import exporting


def export(account: Account, root: Path, layout: Layout, verbosity: int) -> tuple[int, list[str]]:
    """How many emails were exported, and the ids of those whose octets are not there."""
    missing: list[str] = []
    with contextlib.closing(ExportFolder(root, account, layout)) as folder, reading():
        folder.write_mailboxes(exporting.mailboxes_of(account))
        count = exporting.count(account)
        with tqdm(total=count, unit=" messages", desc=account.name, disable=verbosity == 0) as bar:
            for email in exporting.emails_of(account):
                try:
                    folder.write(email)
                except ObjectMissing:
                    missing.append(encode("e", email.key))
                bar.update()
        folder.finish()
    return count - len(missing), missing
