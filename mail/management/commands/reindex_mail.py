"""``manage.py reindex_mail [ACCOUNT …]``: derive anew what an older parser or tokenizer derived, while the server
runs.
"""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from jmap.models import Account
from mail.services import accounts, reindexing
from mail.services.errors import MailError


class Command(BaseCommand):
    """Bring metadata, MIME indexes and text search up to date with the installed version."""

    help = (
        "Derive anew the metadata, MIME index and search index of mail that an older version derived. The server may "
        "run meanwhile; clients are told of what changed. May be interrupted and run again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("accounts", nargs="*", help="addresses or user names; all accounts where none is named")
        parser.add_argument("--all", action="store_true", help="derive all emails anew, not only outdated ones")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chosen = [accounts.find(name) for name in options["accounts"]] or list(Account.objects.order_by("pk"))
        except MailError as error:
            raise CommandError(str(error)) from error
        total = reindexing.Tally()
        for account in chosen:
            expected = reindexing.outdated(account.pk, options["all"])
            with tqdm(total=expected, unit=" emails", desc=account.name, disable=options["verbosity"] == 0) as bar:
                tally = reindexing.reindex(account, options["all"], bar.update)
            total.derived += tally.derived
            total.changed += tally.changed
            total.missing += tally.missing
        self.stdout.write(f"{total.derived} derived anew, {total.changed} of them look different to clients")
        if total.missing:
            raise CommandError(f"the octets of {total.missing} emails are missing; the log names them")
