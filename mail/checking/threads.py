"""What threads count: their size, their unread emails, how many of them each mailbox holds; and what leads to them.

Rules kept here: a thread without emails is no thread, and goes with a tombstone; no counter of a thread is shown to
clients, so that mending one is silent.
"""

from __future__ import annotations

from collections.abc import Sequence

from jmap import sql as generic
from jmap.ids import encode
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.services import ledger


class ThreadCounts(LockedCheck):
    """A thread's size, unread_live or unread_trash is wrong, or it has no emails."""

    kind = "wrong-thread-counter"
    walk = Walk.THREAD

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(
                self.kind,
                account_id,
                f"thread {encode('t', row[0])}",
                f"size, unread and unread in Trash are stored as {row[2:5]}, counted as {row[5:8]}",
                row,
            )
            for row in sql.wrong_threads(keys, ledger.trash_key(account_id))
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        rows = [fault.data for fault in faults]
        generic.update_rows(
            "jmap_mail_thread",
            "id",
            ["size", "unread_live", "unread_trash"],
            [(row[0], *row[5:8]) for row in rows if row[5]],
        )
        empty = [(row[0], row[1]) for row in rows if not row[5]]
        ledger.bury(writer, "Thread", empty)
        for table, column in (("jmap_mail_threadreference", "thread_id"), ("jmap_mail_thread", "id")):
            generic.delete_rows(table, column, [key for key, _ in empty])


class Holdings(LockedCheck):
    """A mailbox holds more or fewer emails of a thread than ThreadMailbox says."""

    kind = "wrong-thread-mailbox"
    walk = Walk.MAILBOX

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(
                self.kind,
                account_id,
                f"thread {encode('t', thread)} in mailbox {encode('m', mailbox)}",
                f"{stored} emails are stored, {counted} counted",
                (thread, mailbox, int(counted)),
            )
            for mailbox in keys
            for thread, stored, counted in sql.wrong_holdings(mailbox)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        rows = [fault.data for fault in faults]
        pairs = [(thread, mailbox) for thread, mailbox, _ in rows]
        generic.delete_pairs("jmap_mail_threadmailbox", ("thread_id", "mailbox_id"), pairs)
        generic.insert_rows(
            "jmap_mail_threadmailbox",
            ["account_id", "thread_id", "mailbox_id", "size"],
            [(writer.account_id, thread, mailbox, size) for thread, mailbox, size in rows if size],
        )


class References(LockedCheck):
    """A message id leads to a thread that is gone: a reply to it could not be delivered."""

    kind = "dangling-reference"
    walk = Walk.ACCOUNT

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(
                self.kind,
                account_id,
                f"thread {encode('t', thread)}",
                "message ids lead to it, and it is gone",
                (thread,),
            )
            for (thread,) in sql.dangling_references(account_id)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        generic.delete_rows("jmap_mail_threadreference", "thread_id", [fault.data[0] for fault in faults])
