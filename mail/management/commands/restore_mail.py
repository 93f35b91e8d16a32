"""``manage.py restore_mail ACCOUNT --since DATE``: bring back emails that were destroyed and are still kept."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from tqdm import tqdm

from mail.services import accounts, restoring
from mail.services.errors import MailError


class Command(BaseCommand):
    """Restore destroyed emails. May be interrupted and run again: none comes back twice."""

    help = (
        "Bring back the emails of an account that were destroyed since a date and are still kept: under new ids, into "
        "the mailboxes that are there still or else the Inbox, with their keywords and dates. May be interrupted and "
        "run again."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("account", help="address of the account, or its owner's user name")
        parser.add_argument(
            "--since",
            type=_moment,
            required=True,
            metavar="DATE",
            help="restore what was destroyed since then: 2026-01-31, or 2026-01-31T12:30 (time zone of the site)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = accounts.find(options["account"])
        except MailError as error:
            raise CommandError(str(error)) from error
        expected = restoring.waiting(account.pk, options["since"])
        with tqdm(total=expected, unit=" emails", desc=account.name, disable=options["verbosity"] == 0) as bar:
            tally = restoring.restore(account, options["since"], progress=bar.update)
        self.stdout.write(f"{tally.restored} restored")
        if tally.over_quota:
            self.stderr.write(f"{tally.over_quota} stay as they are, since account or domain are full")
        if tally.missing:
            self.stderr.write(f"{tally.missing} have lost their octets; the log names them")
        if tally.over_quota or tally.missing:
            raise CommandError("not everything was restored")


def _moment(text: str) -> datetime:
    """A date or moment as an aware datetime; the site's time zone where it names none."""
    try:
        day = parse_date(text)
        moment = parse_datetime(text) if day is None else datetime(day.year, day.month, day.day)
    except ValueError:
        moment = None
    if moment is None:
        raise argparse.ArgumentTypeError(f"not a date: {text}")
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)
