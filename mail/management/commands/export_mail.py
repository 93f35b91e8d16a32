"""``manage.py export_mail ACCOUNT FOLDER``: all mail of an account as files that others read and this site imports."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from mail.exporters.archive import ArchiveLayout
from mail.exporters.folder import ExportError, Layout
from mail.exporters.maildir import MaildirLayout
from mail.exporters.mbox import MboxLayout
from mail.management.export_jobs import export
from mail.services import accounts
from mail.services.errors import MailError

LAYOUTS: dict[str, type[Layout]] = {"archive": ArchiveLayout, "maildir": MaildirLayout, "mbox": MboxLayout}


class Command(BaseCommand):
    """Export mail. May be interrupted and run again: it goes on in the same folder."""

    help = (
        "Export all mail of an account into an empty folder, from where import_mail takes it without loss: mailboxes, "
        "keywords, dates and every octet. May be interrupted and run again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("account", help="address of the account, or its owner's user name")
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="an empty folder, or one that is not there yet")
        parser.add_argument(
            "--format",
            choices=sorted(LAYOUTS),
            default="archive",
            help="archive: files named by digest (default); maildir: Maildir++; mbox: one mboxrd file a mailbox",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = accounts.find(options["account"])
            done, missing = export(account, options["folder"], LAYOUTS[options["format"]](), options["verbosity"])
        except (MailError, ExportError) as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(
                f"{error.filename or options['folder']}: {error.strerror}; run it again to go on"
            ) from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; run the same command again to go on") from None
        self.stdout.write(f"{done} exported to {options['folder']}")
        if missing:
            raise CommandError(f"the octets of {len(missing)} emails are lost: {', '.join(missing[:20])}")
