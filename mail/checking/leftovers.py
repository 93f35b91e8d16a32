"""Rows that should have gone with their email: content, keywords and search entries of emails that are not there.

Rules kept here: they are written and deleted in the transaction of the email, and keys are never given twice, so that
one statement tells without a lock.
"""

from __future__ import annotations

from collections.abc import Sequence

from jmap import sql as generic
from jmap.ids import encode
from mail.checking import sql
from mail.checking.fault import Fault

KIND = "leftover"
_SLICE = 500
_NAMES = {
    "jmap_mail_emailcontent": "content",
    "jmap_mail_emailkeyword": "keywords",
    "jmap_mail_searchtext": "search entry",
}


def find(account_id: int | None) -> list[Fault]:
    """What is left of emails that are gone, in one account or all; content, which knows no account, is always there."""
    return [
        Fault(KIND, owner, f"email {encode('e', email)}", f"its {_NAMES[table]} is left over", (table, email))
        for table in sql.LEFTOVER_TABLES
        for owner, email in sql.leftovers(table, account_id)
    ]


def mend(faults: Sequence[Fault]) -> None:
    """Delete it."""
    for start in range(0, len(faults), _SLICE):
        for table in sql.LEFTOVER_TABLES:
            keys = [fault.data[1] for fault in faults[start : start + _SLICE] if fault.data[0] == table]
            generic.delete_rows(table, "email_id", keys)
