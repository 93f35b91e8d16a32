"""``manage.py import_mail``: mail from files, from an IMAP account, or from another JMAP server, into accounts."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from mail.importers.entry import Entry, Folder, SourceError
from mail.importers.imap_server import SECURITY
from mail.management.import_jobs import Job, jobs_of
from mail.services import accounts, importing
from mail.services.errors import MailError
from mail.services.importing import Tally


class Command(BaseCommand):
    """Import mail. May be interrupted and run again: what was imported is not imported twice."""

    help = (
        "Import mail from Maildir folders, folders of .eml files, mbox files (Google Takeout too), what export_mail "
        "wrote, an IMAP account or another JMAP server. Flags become keywords, folders become mailboxes, dates are "
        "kept. May be interrupted and run again. Passwords come from --password-file, IMPORT_PASSWORD or a prompt."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add = parser.add_argument
        add("account", nargs="?", help="address of the account that gets the mail, or its owner's user name")
        add(
            "paths",
            nargs="*",
            type=Path,
            metavar="PATH",
            help="a Maildir or folder of .eml files, an mbox file, an export",
        )
        add("--mailbox", help="put all messages into this mailbox, a path with / between names")
        add("--imap", metavar="HOST[:PORT]", help="import from an account of this IMAP server")
        add("--jmap", metavar="URL", help="import from an account of this JMAP server")
        add("--user", help="whose mail it is on the other server")
        add("--password-file", type=Path, metavar="FILE", help="a file whose first line is the password")
        add("--token-file", type=Path, metavar="FILE", help="a file whose first line is a bearer token (JMAP)")
        add("--master", metavar="USER", help="log in as a master user (USER*MASTER), with its password")
        add("--master-separator", default="*", metavar="TEXT", help="what stands between the names (default *)")
        add(
            "--accounts",
            type=Path,
            metavar="CSV",
            help="import many: a file with the columns user, password (not for a master user) and account",
        )
        add("--security", choices=SECURITY, default="tls", help="how the line to the IMAP server is kept private")
        add("--ca-file", metavar="PEM", help="trust the certificates that these authorities signed")
        add("--folder", action="append", default=[], metavar="NAME", help="only this IMAP folder; may be repeated")
        add("--with-deleted", action="store_true", help="also IMAP messages that are flagged as deleted")

    def handle(self, *args: Any, **options: Any) -> None:
        verbosity, mailbox = options["verbosity"], options["mailbox"]
        total, failed = Tally(), 0
        try:
            jobs = jobs_of(options)
            for job in jobs:
                tally = Tally()
                try:
                    _run(job, mailbox, verbosity, tally)
                    line = _summary(tally)
                except (SourceError, MailError) as error:
                    if not options["accounts"]:
                        raise CommandError(_with_progress(error, tally)) from error
                    failed += 1
                    line = _with_progress(error, tally)
                finally:
                    self._tell(job, tally, options)
                    total.add(tally)
                if options["accounts"]:
                    self.stdout.write(f"{job.label}: {line}")
        except SourceError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise CommandError("interrupted; run the same command again to go on") from None
        self.stdout.write(_summary(total))
        if failed:
            raise CommandError(f"{failed} of {len(jobs)} accounts failed; run the same command again to go on")
        if total.failed:
            raise CommandError(f"{total.failed} messages could not be read; the log names their folders")

    def _tell(self, job: Job, tally: Tally, options: dict[str, Any]) -> None:
        for note in tally.notes:
            self.stderr.write(f"{job.label}: {note}" if options["accounts"] else note)


def _run(job: Job, mailbox: str | None, verbosity: int, tally: Tally) -> None:
    account = accounts.find(job.account)
    folder = tuple(name for name in (mailbox or "").split("/") if name) or None
    with closing(job.open(tally.note)) as source:
        entries = _filed(source.entries(importing.knower(account, source.key)), folder)
        # Counting takes a while: only for somebody who sees it.
        total = source.count() if verbosity else None
        with tqdm(total=total, unit=" messages", desc=job.label, disable=verbosity == 0) as bar:
            importing.take_in(
                account,
                source.key,
                entries,
                bar.update,
                folders=() if folder else source.folders,
                adopt=source.adopt and not folder,
                tally=tally,
            )


def _filed(found: Iterator[Entry], folder: tuple[str, ...] | None) -> Iterator[Entry]:
    """The entries where they say, or all of them in one folder."""
    for entry in found:
        yield entry if folder is None else replace(entry, folders=(Folder(folder),))


def _summary(tally: Tally) -> str:
    return f"{tally.imported} imported, {tally.known} were here already, {tally.failed} could not be read"


def _with_progress(error: Exception, tally: Tally) -> str:
    """What stopped an import, and that it can go on where there is something to go on with."""
    return f"{error}; {tally.imported} messages were imported, run it again to go on" if tally.imported else str(error)
