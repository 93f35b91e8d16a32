"""``manage.py restore DIR``: put a backup in place of the site, or of the mail of one account."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from jmap.backup import service
from jmap.backup.errors import BackupError
from mail.importers import exported
from mail.importers.entry import MessageUnreadable, SourceError
from mail.services import accounts, backups
from mail.services.errors import MailError


class Command(BaseCommand):
    """Restore. Everything is looked at before anything is touched."""

    help = (
        "Restore what backup wrote: the whole site, while nothing else uses its database, or with --account the mail "
        "of one account, while the site serves. Clients notice by themselves and fetch anew."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="what backup was given")
        parser.add_argument("--backup", metavar="NAME", help="which backup in the folder, unless the newest")
        parser.add_argument("--force", action="store_true", help="give up the mail that the site or the account holds")
        parser.add_argument("--verify", action="store_true", help="only look whether the backup is whole")
        parser.add_argument("--account", metavar="ACCOUNT", help="only this account's mail: an address or a user name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["account"]:
                self._account(options)
            else:
                self._site(options)
        except (BackupError, SourceError, MailError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['folder']}: {error.strerror}; run it again") from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; run it again") from None

    def _site(self, options: dict[str, Any]) -> None:
        folder, name = options["folder"], options["backup"]
        if options["verify"]:
            tally = service.verify(folder, name)
            self.stdout.write(f"backup {tally.name} is whole: {tally.accounts} accounts, {tally.blobs} blobs")
            return
        tally = service.restore(folder, name, force=options["force"], say=self.stderr.write)
        self.stdout.write(
            f"restored {tally.name}: {tally.accounts} accounts, {tally.blobs} blobs ({tally.copied} copied)"
        )

    def _account(self, options: dict[str, Any]) -> None:
        account, export = accounts.find(options["account"]), exported.read(options["folder"])
        quiet = options["verbosity"] == 0
        try:
            for entry in tqdm(export.entries(), total=export.count, unit=" messages", desc="looking", disable=quiet):
                entry.load()
        except MessageUnreadable as error:
            raise CommandError(f"the backup is damaged: {error}") from error
        if options["verify"]:
            self.stdout.write(f"{options['folder']} is whole: {export.count} emails")
            return
        with tqdm(total=export.count, unit=" messages", desc=account.name, disable=quiet) as bar:
            tally = backups.restore(account, export, bar.update, force=options["force"])
        for note in tally.notes:
            self.stderr.write(note)
        self.stdout.write(f"{tally.imported} emails of {account.name} restored")
        if tally.failed:
            raise CommandError(f"{tally.failed} emails could not be read; the log names their folders")
