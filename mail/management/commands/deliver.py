"""``manage.py deliver [-f SENDER] RECIPIENT …``: a message from standard input, for an MTA that delivers by a pipe.

Rules kept here: the exit status is one of sysexits.h, since that is what an MTA reads: 0 only when the message is
durably here for every recipient, 75 wherever trying again may help, whatever went wrong.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from jmap.blobs.errors import TooLarge
from jmap.blobs.spool import Spool
from mail.services.delivery import Envelope, Outcome, deliver
from mail.services.delivery.conf import delivery_options

log = logging.getLogger("mail.delivery")

CHUNK = 256 * 1024

STATUS = {
    "5.1.1": os.EX_NOUSER,
    "5.1.2": os.EX_NOUSER,
    "5.1.3": os.EX_NOUSER,
    "5.2.2": os.EX_CANTCREAT,
    "5.3.4": os.EX_DATAERR,
    "5.4.6": os.EX_DATAERR,
    "5.6.0": os.EX_DATAERR,
}
"""The exit status for a refusal, by enhanced status code; any other is EX_UNAVAILABLE."""


class Command(BaseCommand):
    """Deliver one message; its octets are stored as they came, with LF or CRLF."""

    help = "Delivers the message on standard input. For pipes: exits with the codes of sysexits.h."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("-f", "--sender", default="", help="the envelope sender; empty for notifications")
        parser.add_argument("--queue-id", default="", help="the id that the message has at the MTA, for the log")
        parser.add_argument("recipients", nargs="+", metavar="RECIPIENT", help="envelope recipients")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcomes = self._deliver(options)
        except TooLarge as error:
            raise CommandError(f"552 5.3.4 the message is too large: {error}", returncode=os.EX_DATAERR) from error
        except Exception as error:
            log.exception("a message from a pipe could not be delivered")
            raise CommandError(f"451 4.3.0 {type(error).__name__}", returncode=os.EX_TEMPFAIL) from error
        if failed := [outcome for outcome in outcomes if not outcome.is_success]:
            said = "; ".join(f"<{outcome.recipient}> {outcome.reply}" for outcome in failed)
            raise CommandError(said, returncode=status_of(failed))

    def _deliver(self, options: dict[str, Any]) -> list[Outcome]:
        sender = options["sender"].strip("<>")
        recipients = [recipient.strip("<>") for recipient in options["recipients"]]
        with Spool(delivery_options().max_size) as spool:
            while chunk := sys.stdin.buffer.read(CHUNK):
                spool.write(chunk)
            return deliver(spool, Envelope(sender, recipients, queue_id=options["queue_id"], client_name="pipe"))


def status_of(failed: Sequence[Outcome]) -> int:
    """The one exit status for several outcomes: whoever has the message already does not get it twice."""
    if any(outcome.is_temporary for outcome in failed):
        return os.EX_TEMPFAIL
    return STATUS.get(failed[0].enhanced, os.EX_UNAVAILABLE)
