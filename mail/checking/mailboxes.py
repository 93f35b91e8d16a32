"""The four counters of mailboxes (RFC 8621 §2), counted anew."""

from __future__ import annotations

from collections.abc import Sequence

from jmap import sql as generic
from jmap.ids import encode
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.services import ledger


class MailboxCounters(LockedCheck):
    """totalEmails, unreadEmails, totalThreads or unreadThreads is wrong."""

    kind = "wrong-mailbox-counter"
    walk = Walk.MAILBOX

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        trash = ledger.trash_key(account_id)
        faults = []
        for mailbox in keys:
            counters = sql.mailbox_counters(mailbox, trash)
            if counters is not None and counters[0] != counters[1]:
                stored, counted = counters
                detail = f"emails, unread, threads, unread threads are stored as {stored}, counted as {counted}"
                about = f"mailbox {encode('m', mailbox)}"
                faults.append(Fault(self.kind, account_id, about, detail, (mailbox, *counted)))
        return faults

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        columns = ["total_emails", "unread_emails", "total_threads", "unread_threads", "modseq"]
        rows = [(*fault.data, writer.next("Mailbox")) for fault in faults]
        generic.update_rows("jmap_mail_mailbox", "id", columns, rows)
