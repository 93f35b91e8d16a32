"""``manage.py import_mail ACCOUNT PATH …``: mail from Maildir folders and mbox files into an account."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from jmap.models import Account
from mail.importers import maildir, mbox
from mail.importers.entry import Entry, SourceError, key_of
from mail.services import accounts, importing
from mail.services.errors import MailError


class Command(BaseCommand):
    """Import mail. May be interrupted and run again: what was imported is not imported twice."""

    help = (
        "Import mail from Maildir folders and mbox files. Flags become keywords, folders become mailboxes, dates are "
        "kept. May be interrupted and run again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("account", help="address of the account that gets the mail, or its owner's user name")
        parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a Maildir, or an mbox file")
        parser.add_argument("--mailbox", help="put all messages into this mailbox, a path with / between names")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = accounts.find(options["account"])
        except MailError as error:
            raise CommandError(str(error)) from error
        total = importing.Tally()
        for path in options["paths"]:
            try:
                tally = self._import(account, path, options["mailbox"], options["verbosity"])
            except (SourceError, MailError) as error:
                raise CommandError(str(error)) from error
            except KeyboardInterrupt:
                raise CommandError("interrupted; run the same command again to go on") from None
            total.imported += tally.imported
            total.known += tally.known
            total.failed += tally.failed
        self.stdout.write(
            f"{total.imported} imported, {total.known} were here already, {total.failed} could not be read"
        )
        if total.failed:
            raise CommandError(f"{total.failed} messages could not be read; the log names their folders")

    def _import(self, account: Account, path: Path, mailbox: str | None, verbosity: int) -> importing.Tally:
        if not path.exists():
            raise SourceError(f"{path} is not there")
        folder = tuple(name for name in (mailbox or "").split("/") if name) or None
        entries = _entries(path, folder)
        source = key_of(str(path.resolve()))
        with tqdm(total=_count(path), unit=" messages", desc=path.name, disable=verbosity == 0) as bar:
            return importing.take_in(account, source, entries, bar.update)


def _entries(path: Path, folder: tuple[str, ...] | None) -> Iterator[Entry]:
    found = maildir.entries(path) if path.is_dir() else mbox.entries(path, folder or (path.stem,))
    for entry in found:
        yield entry if folder is None else Entry(entry.key, folder, entry.keywords, entry.load, entry.received_at)


def _count(path: Path) -> int | None:
    """How many messages to expect: known beforehand of a Maildir alone."""
    if not path.is_dir():
        return None
    return sum(1 for place in ("cur", "new") for folder in path.rglob(place) for _ in folder.iterdir())
