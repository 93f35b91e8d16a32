"""How mail out joins the core and mail at start-up: options, blobs, chores, queues, and what it follows in mail."""

from collections.abc import Sequence
from typing import Any

from jmap import maintenance, work
from jmap.blobs import references
from mail.signals import addresses_changed, email_delivered


def connect() -> None:
    """Called once by ``SubmissionConfig.ready``."""
    from mail.services import delivery
    from submission import conf  # noqa: F401  declares the options before the checks ask for them
    from submission.relay import worker
    from submission.services import (
        dkim_keys,
        flow,
        forwarding,
        limits,
        outbox,
        reports,
        retention,
        submissions,
        vacation,
    )  # fmt: skip

    references.register("SubmissionReport", "jmap_submission.SubmissionReport")
    addresses_changed.connect(_follow_addresses, dispatch_uid="jmap_submission_addresses")
    email_delivered.connect(vacation.note_delivery, dispatch_uid="jmap_submission_vacation")
    email_delivered.connect(reports.note_delivery, dispatch_uid="jmap_submission_reports")
    delivery.register_forwarder(forwarding.send_on)
    delivery.register_redirect(forwarding.bounce_target)
    work.register(vacation.QUEUE, vacation.answer_due)
    work.register(reports.QUEUE, reports.read_due)
    work.register(outbox.QUEUE, worker.run)
    submissions.register_guard(limits.guard)
    maintenance.register("vacation replies", vacation.forget_replies)
    maintenance.register("finished submissions", retention.purge)
    maintenance.register("DKIM keys", dkim_keys.purge)
    maintenance.register("counts of sending", flow.purge)


def _follow_addresses(sender: Any, account_id: int, added: Sequence[int], **kwargs: Any) -> None:
    from submission.services import identities

    identities.follow_addresses(account_id, added)
