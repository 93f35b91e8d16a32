"""``manage.py backup DIR``: the whole site while it serves; with ``--account``, the mail of one account."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jmap.backup import service
from jmap.backup.errors import BackupError
from jmap.backup.holding import held
from mail.exporters.archive import ArchiveLayout
from mail.exporters.folder import ExportError
from mail.management.export_jobs import export
from mail.services import accounts
from mail.services.errors import MailError


class Command(BaseCommand):
    """Back up. An interrupted backup is harmless: run it again."""

    help = (
        "Back up the whole site into a folder while it serves: the database of one moment, then the blobs that it "
        "knows. Run again with the same folder it copies only blobs that are new. With --account it backs up the mail "
        "of one account, in the format of export_mail. restore brings either back."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of backups")
        parser.add_argument("--keep", type=_count, metavar="N", help="afterwards remove all but the N newest backups")
        parser.add_argument("--account", metavar="ACCOUNT", help="only this account's mail: an address or a user name")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["account"] and options["keep"]:
            raise CommandError("--keep is for backups of the whole site")
        try:
            if options["account"]:
                self._account(options["account"], options["folder"], options["verbosity"])
            else:
                self._site(options["folder"], options["keep"], options["verbosity"])
        except (BackupError, ExportError, MailError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename or options['folder']}: {error.strerror}; run it again") from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; run it again, what was copied is not copied twice") from None

    def _site(self, folder: Path, keep: int | None, verbosity: int) -> None:
        tally = service.backup(folder, keep, self.stdout.write if verbosity > 1 else lambda line: None)
        self.stdout.write(
            f"backup {tally.name}: {tally.accounts} accounts, {tally.blobs} blobs ({tally.copied} copied), "
            f"{tally.octets} octets" + (f"; {tally.pruned} old ones removed" if tally.pruned else "")
        )
        if tally.lost:
            raise CommandError(f"the octets of {tally.lost} blobs are lost or damaged; the log names them")

    def _account(self, name: str, folder: Path, verbosity: int) -> None:
        account = accounts.find(name)
        with held(f"backup of {account.wire_id}") as check:
            done, missing = export(account, folder, ArchiveLayout(), verbosity)
            check()
        self.stdout.write(f"{done} emails of {account.name} backed up to {folder}")
        if missing:
            raise CommandError(f"the octets of {len(missing)} emails are lost: {', '.join(missing[:20])}")


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least the newest backup is kept")
    return number
