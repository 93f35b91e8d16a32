"""Reports that come back: what they say of a submission, and who complains.

Rules kept here:
- a delivery leaves a row for whatever may be a report, in its own transaction; it is read later, so that mail that
  comes in waits for nothing;
- a return path or an ENVID that only we can have made proves which message a report is about; without one its
  Message-ID and a recipient of it do, which nobody knows but who got the message;
- what was handed on can turn out delivered or failed, nothing else changes; the submission gets a new state with it;
- a complaint is counted for whom it is about, and stays where it was delivered to.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from jmap import work
from jmap.blobs import service as blobs
from jmap.models import Account
from jmap.store import Writer, writing
from mail.services import accounts
from mail.services.errors import InvalidAddress
from mail.signals import Delivered
from submission import return_paths
from submission.dsn.parse import MAX_READ, Report, Told, parse_report
from submission.models import QueuedMessage, QueuedRecipient, ReportDue, Status, SubmissionReport
from submission.relay import notices
from submission.services import flow, outbox

log = logging.getLogger("submission.reports")

QUEUE = "reports"
_SLICE = 100
_OFFICES = ("abuse", "postmaster", "fbl")
"""Local parts that complaints are sent to (RFC 2142 §4, RFC 5965)."""


def note_delivery(sender: Any, writer: Writer, arrival: Delivered, **kwargs: Any) -> None:
    """Receiver of ``email_delivered``: leave what may be a report to the queue."""
    to = next((one for one in arrival.recipients if return_paths.message_of(one) is not None), "")
    if not to and arrival.sender and not any(one.lower().startswith(_OFFICES) for one in arrival.recipients):
        return
    ReportDue.objects.create(
        account_id=writer.account_id,
        blob_id=arrival.blob_id,
        rcpt_to=to or next(iter(arrival.recipients), ""),
        received_at=arrival.at,
    )
    work.wake(QUEUE)


def read_due() -> int:
    """Read what waits; how many reports there were. What cannot be read now is read the next time."""
    found, last = 0, 0
    while True:
        rows = list(ReportDue.objects.filter(pk__gt=last).select_related("blob").order_by("pk")[:_SLICE])
        if not rows:
            return found
        for due in rows:
            try:
                found += _read(due)
            except Exception:
                log.exception("a report to account %d could not be read", due.account_id)
        last = rows[-1].pk


def _read(due: ReportDue) -> bool:
    report = parse_report(b"".join(blobs.open_range(due.blob, 0, MAX_READ)))
    if report is not None and notices.is_own(report.own_id):
        # Noted for the submission when it was made.
        report = None
    if report is not None and report.kind == "arf":
        _complaint(report, due.received_at)
    message = _message(due, report) if report is not None else None
    with writing(due.account_id) as writer:
        # Whoever removes the row has read it: two workers count a report once.
        if not ReportDue.objects.filter(pk=due.pk).delete()[0]:
            return False
        if message is not None and report is not None:
            _apply(writer, due, message, report)
    return report is not None


def _message(due: ReportDue, report: Report) -> QueuedMessage | None:
    """The message of this account that a report is about."""
    mine = QueuedMessage.objects.filter(account_id=due.account_id)
    proven = return_paths.message_of(due.rcpt_to) or return_paths.message_of_envelope(report.envid)
    if proven is not None:
        return mine.filter(pk=proven).first()
    named = Q(message_id=report.original_id) if report.original_id else Q(pk=None)
    found = mine.filter(named).order_by("-pk").prefetch_related("recipients")[:10]
    return next((one for one in found if _names_a_recipient(list(one.recipients.all()), report)), None)


def _names_a_recipient(rows: Sequence[QueuedRecipient], report: Report) -> bool:
    known = {row.address.lower() for row in rows}
    named = {report.recipient.lower()} | {
        one.lower() for told in report.told for one in (told.recipient, told.original)
    }
    return not known.isdisjoint(named)


def _apply(writer: Writer, due: ReportDue, message: QueuedMessage, report: Report) -> None:
    rows = list(message.recipients.select_for_update().order_by("pk"))
    if report.kind == "dsn":
        for told in report.told:
            for row in _rows_of(rows, told.original, told.recipient):
                _settle(row, told, due.received_at)
    elif report.kind == "mdn" and report.is_displayed:
        for row in _rows_of(rows, report.recipient):
            row.displayed = True
    fields = ("status", "reply_code", "reply_enhanced", "reply_text", "settled_at", "displayed")
    QueuedRecipient.objects.bulk_update(rows, fields, batch_size=500)
    if message.submission_key is None or report.kind == "arf":
        return
    SubmissionReport.objects.get_or_create(
        account_id=due.account_id,
        submission_key=message.submission_key,
        blob=due.blob,
        defaults={"kind": report.kind, "received_at": due.received_at},
    )
    outbox.touch(writer, {message.submission_key: None})


def _rows_of(rows: Sequence[QueuedRecipient], *addresses: str) -> list[QueuedRecipient]:
    """The recipients that a report names; the only one of a message stands for whatever it was forwarded to."""
    named = {address.lower() for address in addresses if address}
    found = [row for row in rows if row.address.lower() in named]
    return found or list(rows if len(rows) == 1 else ())


def _settle(row: QueuedRecipient, told: Told, at: datetime) -> None:
    turned = {"delivered": Status.DELIVERED, "failed": Status.FAILED}.get(told.action)
    if row.status != Status.RELAYED or turned is None:
        return
    row.status = turned
    row.reply_code, row.reply_enhanced = told.reply.code, told.reply.enhanced
    row.reply_text = told.reply.text or told.action
    row.settled_at = at


def _complaint(report: Report, at: datetime) -> None:
    """Count a complaint for the account that it is about, which its sender's address tells."""
    for address in (report.mail_from, report.returned.get("return-path", ""), report.returned.get("from", "")):
        account = _account(address.rpartition("<")[2].partition(">")[0])
        if account is not None:
            log.warning("a complaint (%s) about mail of account %d", report.feedback, account.pk)
            flow.count_complaint(account.pk, at or timezone.now())
            return


def _account(address: str) -> Account | None:
    local, at, domain = address.strip().rpartition("@")
    try:
        return accounts.find(f"{local.partition('+')[0]}{at}{domain}") if at else None
    except InvalidAddress:
        return None
