"""Reads of mail out: which submissions, in which order, and what became of each recipient.

Rules kept here: a fixed number of statements whatever the number of submissions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db.models import Q

from submission.models import EmailSubmission, QueuedRecipient, Status, SubmissionReport

DELIVERED = {
    Status.WAITING: "queued",
    Status.HELD: "queued",
    Status.SENDING: "queued",
    Status.RELAYED: "unknown",
    Status.DELIVERED: "yes",
    Status.FAILED: "no",
    Status.CANCELED: "no",
}
"""The value of ``delivered`` for each state of a recipient (RFC 8621 §7)."""


def deliveries(account_id: int, submission_keys: Iterable[int]) -> dict[int, list[QueuedRecipient]]:
    """The recipients of submissions, by submission, in the order of the envelope."""
    rows = (
        QueuedRecipient.objects.filter(account_id=account_id, message__submission_key__in=list(submission_keys))
        .select_related("message")
        .only(
            "address", "status", "displayed", "reply_code", "reply_enhanced", "reply_text", "message__submission_key"
        )
        .order_by("pk")
    )  # fmt: skip
    found: dict[int, list[QueuedRecipient]] = defaultdict(list)
    for row in rows:
        found[row.message.submission_key or 0].append(row)
    return found


def reports(account_id: int, submission_keys: Iterable[int]) -> dict[tuple[int, str], list[int]]:
    """Blob keys of the reports that came back, oldest first, by (submission, kind)."""
    rows = SubmissionReport.objects.filter(account_id=account_id, submission_key__in=list(submission_keys))
    found: dict[tuple[int, str], list[int]] = defaultdict(list)
    for submission, kind, blob in rows.order_by("received_at", "pk").values_list("submission_key", "kind", "blob_id"):
        found[submission, kind].append(blob)
    return found


def smtp_reply(row: QueuedRecipient) -> str:
    """The last reply for a recipient in one line; one of our own where no server has spoken (RFC 8621 §7)."""
    if row.status == Status.CANCELED:
        return "550 5.0.0 Canceled before it was sent"
    if row.reply_code is None:
        return "250 2.0.0 Queued"
    return " ".join(part for part in (str(row.reply_code), row.reply_enhanced, row.reply_text) if part)


def listed(
    account_id: int, condition: Q, order: Sequence[str], sort: Sequence[tuple[Callable[[Any], Any], bool]] = ()
) -> list[int]:
    """Keys of the submissions that match, ordered by columns, or by keys made from (pk, email, thread, send_at).

    ``sort``: (key function, ascending), the first one counts most; used where the database cannot order.
    """
    rows = EmailSubmission.objects.filter(condition, account_id=account_id)
    if not sort:
        return list(rows.order_by(*order, "pk").values_list("pk", flat=True))
    found = list(rows.order_by("pk").values_list("pk", "email_key", "thread_key", "send_at"))
    for key, is_ascending in reversed(sort):
        found.sort(key=key, reverse=not is_ascending)
    return [row[0] for row in found]
