"""One message on its way: from what was claimed of it to what came of each recipient.

Rules kept here:
- no transaction is open while a server is spoken to;
- recipients here are delivered by mail of this site, all others go to the sender's smarthost in one transaction;
- whatever is wrong with a message or a server is an outcome; only what is wrong with the route as a whole is raised.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone

from jmap.blobs.errors import BlobError
from jmap.blobs.spool import Spool
from mail.services import delivery
from mail.services.delivery.conf import delivery_options
from submission import return_paths
from submission.conf import submission_options
from submission.dkim.sign import Signer
from submission.models import Origin, QueuedMessage, QueuedRecipient
from submission.relay import patience
from submission.relay.lease import Lease
from submission.relay.letter import Letter, prepare
from submission.relay.routes import Route
from submission.relay.sessions import Sessions
from submission.services.outbox import Outcome, Result
from submission.smtp.client import Envelope, Recipient
from submission.smtp.replies import Reply, permanent, temporary

log = logging.getLogger("submission.relay")


@dataclass(slots=True)
class Parcel:
    """What was claimed of one message: recipients of this site and of others, and the way out for these."""

    message: QueuedMessage
    here: list[QueuedRecipient]
    elsewhere: list[QueuedRecipient]
    route: Route | None
    signers: Sequence[Signer] = ()

    @property
    def rows(self) -> list[QueuedRecipient]:
        """All recipients."""
        return [*self.here, *self.elsewhere]


def ready(parcel: Parcel) -> Letter | Reply:
    """The message as it travels, or why it cannot."""
    if parcel.message.blob is None:
        return permanent("5.6.0", "the message is no longer kept")
    try:
        letter = prepare(parcel.message, parcel.signers)
    except (BlobError, OSError) as error:
        log.error("message %d cannot be read: %s: %s", parcel.message.pk, type(error).__name__, error)
        return temporary("4.3.0", "the message cannot be read")
    if letter.hops > submission_options().max_received:
        return permanent("5.4.6", "the message goes round in circles")
    return letter


def deliver_here(parcel: Parcel, letter: Letter) -> list[Outcome]:
    """Deliver to recipients of this site; one that forwards goes back into the queue from there."""
    if not parcel.here:
        return []
    message = parcel.message
    envelope = delivery.Envelope(
        message.mail_from,
        [row.address for row in parcel.here],
        queue_id=f"q{message.pk}",
        size=letter.size,
        body=message.body,
        smtputf8=message.smtputf8 or letter.needs_smtputf8,
    )
    with Spool() as spool:
        answers = delivery.deliver(spool.write_all(letter.chunks(is_signed=False)), envelope)
    outcomes = []
    for row, answer in zip(parcel.here, answers, strict=True):
        good = Result.DELIVERED if answer.is_success else None
        reply = Reply(answer.code, answer.enhanced, answer.text)
        outcomes.append(outcome(parcel.message, row, reply, good=good))
    return outcomes


def hand_on(parcel: Parcel, letter: Letter, sessions: Sessions, lease: Lease) -> list[Outcome]:
    """Hand the message to the smarthost. Raises RouteClosed where that cannot be had, and LeaseLost."""
    rows, route = parcel.elsewhere, parcel.route
    if not rows:
        return []
    if route is None:
        said = temporary("4.3.5", f"no smarthost is configured for mail from {parcel.message.sender_domain}")
        return [outcome(parcel.message, row, said, steps=(patience.MISSING_ROUTE,)) for row in rows]
    sent = sessions.send(route, _envelope(parcel, letter, route), letter.chunks(), lease.tick)
    return [
        outcome(parcel.message, row, reply, good=Result.RELAYED, host=route.name, in_doubt=sent.in_doubt)
        for row, reply in zip(rows, sent.replies, strict=True)
    ]


def _envelope(parcel: Parcel, letter: Letter, route: Route) -> Envelope:
    message = parcel.message
    sender = message.mail_from
    if route.signs_return_path and message.origin == Origin.SUBMISSION:
        sender = return_paths.for_message(sender, message.pk, delivery_options().separator)
    return Envelope(
        sender,
        [Recipient(row.address, row.notify, row.orcpt) for row in parcel.elsewhere],
        letter.size,
        letter.is_8bit,
        letter.needs_smtputf8,
        message.ret,
        message.envid or (return_paths.envelope_id(message.pk) if message.origin == Origin.SUBMISSION else ""),
    )


def outcome(
    message: QueuedMessage,
    row: QueuedRecipient,
    reply: Reply,
    *,
    good: Result | None = None,
    host: str = "",
    in_doubt: bool = False,
    steps: tuple[int, ...] = patience.RECIPIENT,
) -> Outcome:
    """What a reply means for a recipient: ``good`` if it is positive, failed, or tried again until it is too late."""
    now = timezone.now()
    if reply.is_positive and good is not None:
        return Outcome(row.pk, good, reply, host)
    if reply.is_permanent:
        return Outcome(row.pk, Result.FAILED, reply, host)
    if patience.is_expired(now, message.expires_at, row.attempts + 1):
        said = permanent("5.4.7", f"given up after {row.attempts + 1} attempts; the last answer was: {reply}")
        return Outcome(row.pk, Result.FAILED, said, host)
    retry_at = patience.next_attempt(now, row.attempts + 1, steps)
    return Outcome(row.pk, Result.DEFERRED, reply, host, retry_at, in_doubt=in_doubt)
