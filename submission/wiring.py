"""How mail out joins the core and mail at start-up: options, rows that open blobs, and the addresses it follows."""

from collections.abc import Sequence
from typing import Any

from jmap.blobs import references
from mail.signals import addresses_changed


def connect() -> None:
    """Called once by ``SubmissionConfig.ready``."""
    from submission import conf  # noqa: F401  declares the options before the checks ask for them

    references.register("SubmissionReport", "jmap_submission.SubmissionReport")
    addresses_changed.connect(_follow_addresses, dispatch_uid="jmap_submission_addresses")


def _follow_addresses(sender: Any, account_id: int, added: Sequence[int], **kwargs: Any) -> None:
    from submission.services import identities

    identities.follow_addresses(account_id, added)
