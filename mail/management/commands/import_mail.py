"""``manage.py import_mail ACCOUNT PATH …``: mail from files and folders into an account."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from jmap.models import Account
from mail.importers import exported, maildir, mbox
from mail.importers.entry import Entry, Folder, SourceError, key_of
from mail.services import accounts, importing
from mail.services.errors import MailError


class Command(BaseCommand):
    """Import mail. May be interrupted and run again: what was imported is not imported twice."""

    help = (
        "Import mail from Maildir folders, mbox files (Google Takeout too) and what export_mail wrote. Flags become "
        "keywords, folders become mailboxes, dates are kept. May be interrupted and run again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("account", help="address of the account that gets the mail, or its owner's user name")
        parser.add_argument(
            "paths", nargs="+", type=Path, metavar="PATH", help="a Maildir, an mbox file, or an export of export_mail"
        )
        parser.add_argument("--mailbox", help="put all messages into this mailbox, a path with / between names")

    def handle(self, *args: Any, **options: Any) -> None:
        tally = importing.Tally()
        try:
            account = accounts.find(options["account"])
            for path in options["paths"]:
                _import(account, path, options["mailbox"], options["verbosity"], tally)
        except SourceError as error:
            raise CommandError(str(error)) from error
        except MailError as error:
            raise CommandError(f"{error}; {tally.imported} messages were imported, run it again to go on") from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; run the same command again to go on") from None
        finally:
            for note in tally.notes:
                self.stderr.write(note)
        self.stdout.write(
            f"{tally.imported} imported, {tally.known} were here already, {tally.failed} could not be read"
        )
        if tally.failed:
            raise CommandError(f"{tally.failed} messages could not be read; the log names their folders")


def _import(account: Account, path: Path, mailbox: str | None, verbosity: int, tally: importing.Tally) -> None:
    if not path.exists():
        raise SourceError(f"{path} is not there")
    folder = tuple(name for name in (mailbox or "").split("/") if name) or None
    export = exported.read(path) if exported.is_export(path) else None
    with tqdm(
        total=export.count if export else _count(path), unit=" messages", desc=path.name, disable=verbosity == 0
    ) as bar:
        if export is None:
            source, found = key_of(str(path.resolve())), _entries(path, folder)
        else:
            source, found = export.source, export.entries()
        folders = export.folders.values() if export and folder is None else ()
        importing.take_in(
            account, source, _filed(found, folder), bar.update, folders=folders, adopt=bool(folders), tally=tally
        )


def _entries(path: Path, folder: tuple[str, ...] | None) -> Iterator[Entry]:
    return maildir.entries(path) if path.is_dir() else mbox.entries(path, folder or (path.stem,))


def _filed(found: Iterator[Entry], folder: tuple[str, ...] | None) -> Iterator[Entry]:
    """The entries where they say, or all of them in one folder."""
    for entry in found:
        yield entry if folder is None else replace(entry, folders=(Folder(folder),))


def _count(path: Path) -> int | None:
    """How many messages to expect: known beforehand of a Maildir alone."""
    if not path.is_dir():
        return None
    return sum(1 for place in ("cur", "new") for folder in path.rglob(place) for _ in folder.iterdir())
