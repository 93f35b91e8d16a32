"""Emails that say they have other keywords than the common ones and have none, or have some and do not say so."""

from __future__ import annotations

from collections.abc import Sequence

from jmap import sql as generic
from jmap.ids import encode
from jmap.store import Writer
from mail.checking import sql
from mail.checking.fault import Fault, LockedCheck, Walk


class KeywordMarks(LockedCheck):
    """``has_other_keywords`` is wrong, so that keywords are not shown."""

    kind = "wrong-keyword-mark"
    walk = Walk.EMAIL

    def find(self, account_id: int, keys: Sequence[int]) -> list[Fault]:
        return [
            Fault(self.kind, account_id, f"email {encode('e', key)}", "the mark of other keywords is wrong", (key, has))
            for key, has in sql.wrong_keyword_marks(keys)
        ]

    def mend(self, writer: Writer, faults: Sequence[Fault]) -> None:
        rows = [(key, bool(has), writer.next("Email")) for key, has in (fault.data for fault in faults)]
        generic.update_rows("jmap_mail_email", "id", ["has_other_keywords", "modseq"], rows)
        generic.update_rows(
            "jmap_mail_membership", "email_id", ["keyword_modseq"], [(key, modseq) for key, _, modseq in rows]
        )
