"""Thread heads: of each thread in each mailbox exactly the newest email is one.

Rules kept here: a collapsed list was wrong before, in a way that no history tells, so clients fetch it anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from jmap import history
from jmap.ids import encode
from jmap.store import Writer
from mail import sql as mail_sql
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk


class Heads(LockedCheck):
    """A thread shows another email than its newest, several, or none."""

    kind = "wrong-thread-head"
    walk = Walk.THREAD

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(
                self.kind,
                account_id,
                f"email {encode('e', email)} in mailbox {encode('m', mailbox)}",
                "it is the newest of its thread there and not its head"
                if is_head
                else "it is a head and not the newest",
                (mailbox, email, bool(is_head)),
            )
            for mailbox, email, is_head in sql.wrong_heads(keys)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        for is_head in (False, True):
            mail_sql.set_heads([fault.data[:2] for fault in faults if fault.data[2] is is_head], is_head)
        history.end(writer, "Email")
