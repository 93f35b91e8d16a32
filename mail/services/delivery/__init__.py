"""Mail comes in: from an envelope to Emails, behind whatever network edge it came through.

    outcomes = deliver(spool, Envelope(sender, recipients, protocol="LMTP", helo=...))

Rooms: ``envelope`` (what comes, and what is answered), ``recipients`` (what an address stands for), ``trace`` (the
header that is read and written), ``verdicts`` (spam), ``deposit`` (one message into one account), ``service`` (all
together), ``forwarding`` (the port for other sites), ``log`` and ``purging``.
"""

from mail.services.delivery.envelope import Envelope, Outcome
from mail.services.delivery.forwarding import Forward, ForwardingRefused, register_forwarder, register_redirect
from mail.services.delivery.log import record_refusals
from mail.services.delivery.recipients import check_recipient, check_recipients, resolve
from mail.services.delivery.service import deliver

__all__ = [
    "Envelope",
    "Forward",
    "ForwardingRefused",
    "Outcome",
    "check_recipient",
    "check_recipients",
    "deliver",
    "record_refusals",
    "register_forwarder",
    "register_redirect",
    "resolve",
]
