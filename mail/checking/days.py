"""The counts by day behind every position in a list, of each mailbox and of the account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from jmap import sql as generic
from jmap.ids import encode
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.services.ledger import ACCOUNT


class _Days(LockedCheck):
    """Members or heads of a day are miscounted; positions and totals of lists are wrong by so many."""

    kind = "wrong-day-count"

    def _of(self, account_id: int, mailbox: int) -> list[Fault]:
        where = f"mailbox {encode('m', mailbox)}" if mailbox else "the account"
        return [
            Fault(
                self.kind,
                account_id,
                f"{where} on {date(1970, 1, 1) + timedelta(days=day)}",
                f"emails and heads are stored as {(int(a), int(b))}, counted as {(int(c), int(d))}",
                (account_id, mailbox, day, int(c), int(d)),
            )
            for day, a, b, c, d in sql.wrong_days(account_id, mailbox)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        generic.insert_rows(
            "jmap_mail_daycount",
            ["account_id", "mailbox_key", "day", "members", "heads"],
            [fault.data for fault in faults],
            "ON CONFLICT (account_id, mailbox_key, day) DO UPDATE SET members = excluded.members,"
            " heads = excluded.heads",
        )


class MailboxDays(_Days):
    """Those of a mailbox."""

    walk = Walk.MAILBOX

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [fault for mailbox in keys for fault in self._of(account_id, mailbox)]


class AccountDays(_Days):
    """Those of the whole account."""

    walk = Walk.ACCOUNT

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return self._of(account_id, ACCOUNT)
