"""An operator's hand in the queue: one recipient after the other, each answered with what became of the wish.

Rules kept here: what is being sent is let be; a message is cancelled as a whole or not at all; who wants it tried at
once wants the server tried too.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from submission.models import QueuedRecipient, RouteState
from submission.relay import sessions
from submission.services import outbox
from submission.services.errors import NotPossible


def retry_now(recipient: QueuedRecipient) -> None:
    """Try a waiting recipient at once. Raises NotPossible."""
    if recipient.relay_host:
        sessions.reopen(recipient.relay_host)
    _require(outbox.retry_now([recipient.pk]), _("it does not wait for another attempt"))


def hold(recipient: QueuedRecipient) -> None:
    """Keep a waiting recipient until it is released. Raises NotPossible."""
    _require(outbox.hold([recipient.pk]), _("it does not wait"))


def release(recipient: QueuedRecipient) -> None:
    """Let a held recipient go on. Raises NotPossible."""
    _require(outbox.release([recipient.pk]), _("it is not held"))


def cancel(recipient: QueuedRecipient) -> None:
    """Take the whole message of a recipient back. Raises NotPossible."""
    is_back = outbox.cancel_message(recipient.message_id)
    _require(int(is_back), _("its message was sent, or is being sent, to somebody"))


def reopen(route: RouteState) -> None:
    """Try a server at once. Raises NotPossible."""
    _require(sessions.reopen(route.route), _("it is not put off"))


def _require(done: int, otherwise: str) -> None:
    if not done:
        raise NotPossible(otherwise)
