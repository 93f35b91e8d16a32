"""The properties of EmailSubmissions (RFC 8621 §7): what became of each recipient is read from the queue."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jmap.ids import encode
from jmap.protocol.ports import Json
from jmap.protocol.primitives import format_utc_date
from submission.models import EmailSubmission, QueuedRecipient, Status, SubmissionReport
from submission.queries import DELIVERED, deliveries, reports, smtp_reply

PROPERTIES = (
    "id",
    "identityId",
    "emailId",
    "threadId",
    "envelope",
    "sendAt",
    "undoStatus",
    "deliveryStatus",
    "dsnBlobIds",
    "mdnBlobIds",
)
_REPORTS = {"dsnBlobIds": SubmissionReport.Kind.DSN, "mdnBlobIds": SubmissionReport.Kind.MDN}


def read(account_id: int, rows: Iterable[EmailSubmission], properties: Sequence[str]) -> dict[int, dict[str, Json]]:
    """Submissions with some of their properties, by key: one statement for recipients, one for reports, if asked."""
    wanted = {row.pk: row for row in rows}
    recipients = deliveries(account_id, wanted) if wanted and "deliveryStatus" in properties else {}
    came_back = reports(account_id, wanted) if wanted and not _REPORTS.keys().isdisjoint(properties) else {}
    found: dict[int, dict[str, Json]] = {}
    for key, row in wanted.items():
        item: dict[str, Json] = {}
        for name in properties:
            if name == "deliveryStatus":
                item[name] = {one.address: delivery_status(one) for one in recipients.get(key, ())}
            elif name in _REPORTS:
                item[name] = [encode("b", blob) for blob in came_back.get((key, _REPORTS[name]), ())]
            else:
                item[name] = _plain(row, name)
        found[key] = item
    return found


def delivery_status(row: QueuedRecipient) -> dict[str, Json]:
    """A DeliveryStatus (RFC 8621 §7)."""
    return {
        "smtpReply": smtp_reply(row),
        "delivered": DELIVERED[Status(row.status)],
        "displayed": "yes" if row.displayed else "unknown",
    }


def _plain(row: EmailSubmission, name: str) -> Json:
    match name:
        case "id":
            return row.wire_id
        case "identityId":
            return encode("i", row.identity_key)
        case "emailId":
            return encode("e", row.email_key)
        case "threadId":
            return encode("t", row.thread_key)
        case "envelope":
            return row.envelope
        case "sendAt":
            return format_utc_date(row.send_at)
        case "undoStatus":
            return str(row.undo_status)
    raise AssertionError(name)
