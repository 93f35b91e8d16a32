"""Emails that are in no mailbox, and so nowhere to be seen: they are put into the Inbox (RFC 8621 §4.1.1).

Rules kept here: from where they were lost no history tells, so clients fetch lists anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from jmap import history
from jmap import sql as generic
from jmap.ids import encode
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk
from mail.models import Email, Membership
from mail.models.email import KEYWORD_COLUMNS
from mail.services import inbox


class Homeless(LockedCheck):
    """An email is in no mailbox. What it counts in the Inbox is found, and mended, by the checks that come after."""

    kind = "email-without-mailbox"
    walk = Walk.EMAIL

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        rows = sql.emails_without_membership(keys)
        return [
            Fault(self.kind, account_id, f"email {encode('e', key)}", "it is in no mailbox", (key,)) for (key,) in rows
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        mailbox = inbox.find_or_make(writer)
        modseqs = {fault.data[0]: writer.next("Email") for fault in faults}
        generic.update_rows("jmap_mail_email", "id", ["modseq"], modseqs.items())
        Membership.objects.bulk_create(
            Membership(
                account_id=writer.account_id,
                mailbox_id=mailbox,
                email_id=email.pk,
                thread_id=email.thread_id,
                received_at=email.received_at,
                created_modseq=email.modseq,
                keyword_modseq=email.modseq,
                **{column: getattr(email, column) for column in KEYWORD_COLUMNS.values()},
            )
            for email in Email.objects.filter(pk__in=modseqs)
        )
        history.end(writer, "Email")
