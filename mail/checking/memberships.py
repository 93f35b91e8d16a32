"""Memberships that no longer fit what they join: their email or mailbox is gone, or their copies differ.

Rules kept here:
- a membership whose email is gone goes too; clients hear that the email was destroyed, unless they were told;
- what a membership copies is copied from the email again;
- lists were wrong before, in a way that no history tells, so clients are made to fetch them anew (``history.end``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from jmap import history
from jmap import sql as generic
from jmap.ids import encode
from jmap.models import Tombstone
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.services import ledger
from mail.services.ledger import ACCOUNT, Change


class _Lost(LockedCheck):
    """A membership that goes."""

    def _faults(self, account_id: int, rows: sql.Rows, detail: str) -> list[Fault]:
        return [
            Fault(self.kind, account_id, f"email {encode('e', row[1])} in mailbox {encode('m', row[0])}", detail, row)
            for row in rows
        ]

    def _remove(self, writer: Writer, faults: Sequence[Fault]) -> list[Change]:
        """Take the memberships out, and remember that they were there."""
        changes, left = {}, []
        for mailbox, email, thread, at, created in (fault.data for fault in faults):
            if email not in changes:
                moment = at if at.tzinfo else at.replace(tzinfo=UTC)
                changes[email] = Change(email, thread, moment, created, writer.next("Email"), 0, None, None)
            left.append((mailbox, changes[email], created))
        ledger.remember(writer, left)
        pairs = [(mailbox, change.email) for mailbox, change, _ in left]
        generic.delete_pairs("jmap_mail_membership", ("mailbox_id", "email_id"), pairs)
        return list(changes.values())


class WithoutEmail(_Lost):
    """A mailbox holds an email that is not there."""

    kind = "membership-without-email"
    walk = Walk.MAILBOX

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        rows = [row for mailbox in keys for row in sql.memberships_without_email(mailbox)]
        return self._faults(account_id, rows, "the email is gone")

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        changes = self._remove(writer, faults)
        buried = Tombstone.objects.filter(
            account_id=writer.account_id, type="Email", object_id__in=[change.email for change in changes]
        )
        told = set(buried.values_list("object_id", flat=True))
        lost = [change for change in changes if change.email not in told]
        ledger.remember(writer, [(ACCOUNT, change, change.created_modseq) for change in lost])
        ledger.bury_at(writer, "Email", [(change.email, change.created_modseq, change.modseq) for change in lost])
        history.end(writer, "Email")


class WithoutMailbox(_Lost):
    """An email is in a mailbox that its account has not."""

    kind = "membership-without-mailbox"
    walk = Walk.EMAIL

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        rows = sql.memberships_without_mailbox(account_id, keys)
        return self._faults(account_id, rows, "the account has no such mailbox")

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        changes = self._remove(writer, faults)
        generic.update_rows("jmap_mail_email", "id", ["modseq"], [(change.email, change.modseq) for change in changes])
        history.end(writer, "Email")


class Differing(LockedCheck):
    """A membership says something else than its email: thread, receivedAt or a keyword."""

    kind = "membership-differs"
    walk = Walk.EMAIL

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(
                self.kind,
                account_id,
                f"email {encode('e', email)} in mailbox {encode('m', mailbox)}",
                "thread, receivedAt or keywords differ from those of the email",
                (mailbox, email),
            )
            for mailbox, email in sql.differing_memberships(keys)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        emails = sorted({fault.data[1] for fault in faults})
        generic.update_rows("jmap_mail_email", "id", ["modseq"], [(key, writer.next("Email")) for key in emails])
        sql.copy_to_memberships([(fault.data[0], fault.data[1]) for fault in faults])
        history.end(writer, "Email")
