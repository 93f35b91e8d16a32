"""What a Django project calls to put mail into its users' mailboxes, without SMTP.

    from mail.api import deliver_to

    deliver_to(request.user, EmailMessage("Welcome", "Good to have you.", "team@example.org"))

Rules kept here: it is the same delivery as over LMTP, with its checks, quota and log; when the call returns, the email
is durably there. It must stand outside of a transaction (``transaction.on_commit`` is the place for it inside a view
that has one).
"""

from __future__ import annotations

import email.message
import email.policy
from email.utils import formatdate, make_msgid
from typing import Any

from django.core.mail import EmailMessage as DjangoEmail
from django.utils.translation import gettext as _

from jmap.blobs.spool import Spool
from jmap.ids import encode
from jmap.models import Account
from mail.models import Address
from mail.services.delivery import Envelope, Outcome, deliver
from mail.services.delivery.trace import hostname
from mail.services.errors import MailError

Message = bytes | email.message.Message | DjangoEmail


class NotDelivered(MailError):
    """The message was refused or could not be stored; ``outcome`` says why, and whether to try again."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.reply)


def deliver_to(owner: Any, message: Message, *, sender: str = "", once: bool = False) -> str:
    """Deliver a message to an Account, or to the account of a Django user; returns the id of the Email.

    ``message``: the octets of one, or an EmailMessage of Python's or Django's, which gets a Date and a Message-ID where
    it has none. ``sender``: the address that would hear of a failure, "" for none. ``once``: the same octets, delivered
    again within days, are the same message, not another; the id is "" then. Raises NotDelivered, and NotDurable inside
    a transaction.
    """
    with Spool() as spool:
        spool.write(_octets(message))
        (outcome,) = deliver(spool, Envelope(sender, [_address(owner)], client_name="api", once=once))
    if not outcome.is_success:
        raise NotDelivered(outcome)
    return encode("e", outcome.emails[0][1]) if outcome.emails else ""


def _address(owner: Any) -> str:
    own = Address.objects.filter(is_primary=True).select_related("domain")
    if isinstance(owner, Account):
        found = own.filter(account=owner).first()
    else:
        found = own.filter(account__user=owner, account__destroyed_at=None).order_by("account").first()
    if found is None:
        raise MailError(_("%(owner)s has no address here") % {"owner": owner})
    return str(found)


def _octets(message: Message) -> bytes:
    if isinstance(message, bytes):
        return message
    if isinstance(message, DjangoEmail):
        return message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]
    if message["Date"] is None:
        message["Date"] = formatdate()
    if message["Message-ID"] is None:
        message["Message-ID"] = make_msgid(domain=hostname())
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n"))
