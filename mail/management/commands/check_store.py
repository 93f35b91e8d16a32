"""``manage.py check_store``: prove that the store agrees with itself, and with ``--mend`` make it agree again."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from jmap.ids import encode
from jmap.models import Account
from mail.checking import runner
from mail.checking.runner import Finding, Report
from mail.services import accounts
from mail.services.errors import MailError

NAMED = 20
"""Faults of one kind that are named in words; ``--json`` names all."""


class Command(BaseCommand):
    """Check the store while the site runs; the exit status is 1 while faults remain."""

    help = (
        "Read every message and count every counter anew: lost or damaged octets, octets that are nobody's, wrong "
        "counters, thread heads, quotas and search entries, memberships without their email. The site may run "
        "meanwhile. Ends with status 1 while faults remain."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--account", metavar="ADDRESS", help="check this account alone (address or user name)")
        parser.add_argument("--mend", action="store_true", help="mend what can be mended; nothing is deleted silently")
        parser.add_argument("--quick", action="store_true", help="read no octets, and so see no damaged ones")
        parser.add_argument("--json", action="store_true", help="say what was found as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            only = accounts.find(options["account"]) if options["account"] else None
        except MailError as error:
            raise CommandError(str(error)) from error
        report = Report()
        chosen = [only] if only else list(Account.objects.order_by("pk"))
        try:
            _check(chosen, only, report, options)
        except OSError as error:
            raise CommandError(f"the blob store cannot be read: {error}") from error
        except KeyboardInterrupt:
            raise CommandError(f"interrupted; faults found so far: {len(report.findings)}") from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(report, len(chosen)), indent=2))
        else:
            self._tell(report, {account.pk: account.name for account in chosen})
        if lasting := len(report.lasting):
            hint = "" if options["mend"] else "; --mend mends what can be mended"
            raise CommandError(f"faults that remain: {lasting}{hint}")

    def _tell(self, report: Report, names: dict[int, str]) -> None:
        told: Counter[tuple[str, bool]] = Counter()
        for finding in report.findings:
            kind = finding.fault.kind, finding.is_mended
            told[kind] += 1
            if told[kind] <= NAMED:
                self.stdout.write(_line(finding, names))
        for (name, is_mended), count in sorted(told.items()):
            more = f", {count - NAMED} of them not named here" if count > NAMED else ""
            self.stdout.write(f"{name}: {count} {'mended' if is_mended else 'remain'}{more}")
        accounts_checked = "1 account" if len(names) == 1 else f"{len(names)} accounts"
        self.stdout.write(f"{accounts_checked} checked, {len(report.findings)} faults found")


def _check(chosen: Sequence[Account], only: Account | None, report: Report, options: dict[str, Any]) -> None:
    for account in chosen:
        total, quiet = runner.size_of(account), options["verbosity"] == 0
        with tqdm(total=total, unit=" objects", desc=account.name, disable=quiet, leave=False) as bar:
            runner.check_account(account, report, is_quick=options["quick"], mend=options["mend"], progress=bar.update)
    runner.check_site(report, only=only, mend=options["mend"])


def _line(finding: Finding, names: dict[int, str]) -> str:
    fault = finding.fault
    where = "the site" if fault.account_id is None else names.get(fault.account_id, encode("u", fault.account_id))
    return f"{where}: {fault.about}: {fault.detail}{' (mended)' if finding.is_mended else ''}"


def _as_json(report: Report, checked: int) -> dict[str, Any]:
    lasting = len(report.lasting)
    return {
        "accounts": checked,
        "found": len(report.findings),
        "mended": len(report.findings) - lasting,
        "remaining": lasting,
        "faults": [
            {
                "kind": fault.kind,
                "account": None if fault.account_id is None else encode("u", fault.account_id),
                "about": fault.about,
                "detail": fault.detail,
                "mended": finding.is_mended,
            }
            for finding in report.findings
            for fault in [finding.fault]
        ],
    }
