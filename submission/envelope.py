"""The envelope of a submission: made from the message, and read for the queue (RFC 8621 §7).

Rules kept here:
- what a client gives is either understood whole or refused with what is wrong in it; nothing is passed on unread;
- parameters have lost their xtext on the way in and get it back on the wire only, so that no value can end a command;
- a recipient named twice is one recipient, by the first spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from jmap.protocol.primitives import Invalid as InvalidJson
from jmap.protocol.primitives import check_date, parse_date
from submission.addresses import BadAddress, SmtpMailbox, parse_mailbox
from submission.conf import SubmissionOptions
from submission.letters import Head
from submission.services.errors import (
    ForbiddenMailFrom,
    Invalid,
    InvalidEmail,
    InvalidRecipients,
    NoRecipients,
    TooLarge,
    TooManyRecipients,
)
from submission.services.identities import covers
from submission.services.outbox import NewRecipient

Envelope = Mapping[str, Any]
"""``{"mailFrom": {"email", "parameters"}, "rcptTo": [{"email", "parameters"}, …]}`` (RFC 8621 §7)."""

_ENVID = re.compile(r"[ -~]{1,100}", re.ASCII)
_ORCPT = re.compile(r"[A-Za-z0-9-]+;[ -~]+", re.ASCII)
_ORCPT_MAX = 500
_NOTIFY = ("SUCCESS", "FAILURE", "DELAY")


@dataclass(slots=True)
class Posting:
    """An envelope as the queue takes it; the fields are those of QueuedMessage."""

    mail_from: str
    recipients: list[NewRecipient]
    ret: str = ""
    envid: str = ""
    body: str = ""
    smtputf8: bool = False
    release_at: datetime | None = None


def infer(head: Head, identity_email: str) -> dict[str, Any]:
    """The envelope that a message itself describes (RFC 8621 §7).

    Raises InvalidEmail where it names no sender or several. Departs from RFC 8621 §7 for a message that was resent: its
    latest Resent fields count, since To and Cc name those who got it before (RFC 5322 §3.6.6).
    """
    name = head.sender_field if head.fields[head.sender_field] else head.from_field
    found = head.authors[name]
    if head.fields[name] > 1 or len(found) != 1:
        raise InvalidEmail(_("the message has to name one sender"), _property_of(name))
    sender = found[0] if covers(identity_email, found[0]) else identity_email
    recipients: dict[str, str] = {}
    for address in head.recipients:
        recipients.setdefault(_key(address), address)
    return {
        "mailFrom": {"email": sender, "parameters": None},
        "rcptTo": [{"email": address, "parameters": None} for address in recipients.values()],
    }


def post(envelope: Envelope, now: datetime, options: SubmissionOptions) -> Posting:
    """Read an envelope for the queue.

    Raises NoRecipients, TooManyRecipients, InvalidRecipients, ForbiddenMailFrom for what is no address, TooLarge, and
    Invalid for parameters that are not offered or not well formed.
    """
    mail_from = envelope["mailFrom"]["email"]
    needs_utf8 = False
    if mail_from:
        try:
            needs_utf8 = parse_mailbox(mail_from).needs_smtputf8
        except BadAddress:
            raise ForbiddenMailFrom(_("%r is not an address") % mail_from[:80]) from None
    mailboxes = _recipients(envelope["rcptTo"], options.max_recipients)
    posting = Posting(mail_from, [])
    _take_mail_parameters(posting, _parameters(envelope["mailFrom"]), now, options)
    for mailbox, given in mailboxes:
        notify, orcpt = _rcpt_parameters(_parameters(given))
        posting.recipients.append(NewRecipient(given["email"], mailbox.domain, notify, orcpt))
    posting.smtputf8 |= needs_utf8 or any(mailbox.needs_smtputf8 for mailbox, _given in mailboxes)
    return posting


def _recipients(given: Sequence[Mapping[str, Any]], most: int) -> list[tuple[SmtpMailbox, Mapping[str, Any]]]:
    if not given:
        raise NoRecipients(_("the message has no recipients"))
    found: dict[str, tuple[SmtpMailbox, Mapping[str, Any]]] = {}
    bad: list[str] = []
    for one in given:
        try:
            mailbox = parse_mailbox(one["email"])
        except BadAddress:
            bad.append(one["email"])
        else:
            found.setdefault(mailbox.key, (mailbox, one))
    if len(found) + len(bad) > most:
        raise TooManyRecipients(most)
    if bad:
        raise InvalidRecipients(bad)
    return list(found.values())


def _parameters(address: Mapping[str, Any]) -> dict[str, str | None]:
    """The parameters by name in upper case, values as text.

    Departs from RFC 8621 §7 in taking numbers, which is how some clients write a HOLDFOR.
    """
    found: dict[str, str | None] = {}
    for name, value in (address.get("parameters") or {}).items():
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            raise _invalid(_("the parameter %s has to be a string or null") % name[:40])
        if name.upper() in found:
            raise _invalid(_("the parameter %s is given twice") % name[:40])
        found[name.upper()] = value
    return found


def _take_mail_parameters(
    posting: Posting, given: dict[str, str | None], now: datetime, options: SubmissionOptions
) -> None:
    if "HOLDFOR" in given and "HOLDUNTIL" in given:
        raise _invalid(_("HOLDFOR and HOLDUNTIL exclude each other"))
    for name, value in given.items():
        text = value or ""
        match name:
            case "RET" if text.upper() in ("FULL", "HDRS"):
                posting.ret = text.upper()
            case "ENVID" if _ENVID.fullmatch(text):
                posting.envid = text
            case "BODY" if text.upper() in ("7BIT", "8BITMIME"):
                posting.body = text.upper()
            case "SMTPUTF8" if value is None:
                posting.smtputf8 = True
            case "SIZE" if _is_number(text, 20):
                if int(text) > options.max_message_size:
                    raise TooLarge(options.max_message_size)
            case "HOLDFOR" if options.max_delayed_send and _is_number(text, 9):
                posting.release_at = _release(now + timedelta(seconds=int(text)), now, options)
            case "HOLDUNTIL" if options.max_delayed_send:
                posting.release_at = _release(_moment(text), now, options)
            case _:
                raise _invalid(_("the parameter %s is not offered, or its value is wrong") % name[:40])


def _rcpt_parameters(given: dict[str, str | None]) -> tuple[str, str]:
    """NOTIFY and ORCPT (RFC 3461 §4.1, §4.2)."""
    notify = orcpt = ""
    for name, value in given.items():
        text = value or ""
        wanted = text.upper().split(",")
        if name == "NOTIFY" and (wanted == ["NEVER"] or (set(wanted) <= set(_NOTIFY))):
            notify = ",".join(dict.fromkeys(wanted))
        elif name == "ORCPT" and len(text) <= _ORCPT_MAX and _ORCPT.fullmatch(text):
            orcpt = text
        else:
            raise _invalid(_("the parameter %s is not offered, or its value is wrong") % name[:40])
    return notify, orcpt


def _moment(text: str) -> datetime:
    try:
        return parse_date(check_date(text.upper()))
    except InvalidJson:
        raise _invalid(_("HOLDUNTIL has to be a date and time")) from None


def _release(moment: datetime, now: datetime, options: SubmissionOptions) -> datetime:
    """A moment to release at (RFC 4865 §4). Raises Invalid for one in the past or too far ahead."""
    if moment <= now:
        raise _invalid(_("the time of sending is past"))
    if moment > now + timedelta(seconds=options.max_delayed_send):
        raise _invalid(_("sending can be put off by at most %d seconds") % options.max_delayed_send)
    return moment


def _is_number(text: str, digits: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= digits


def _invalid(message: str) -> Invalid:
    return Invalid(message, "envelope")


def _key(address: str) -> str:
    try:
        return parse_mailbox(address).key
    except BadAddress:
        return address


def _property_of(field: str) -> str:
    """What the Email calls a header field (RFC 8621 §4.1.3)."""
    return field if field in ("from", "sender") else f"header:{field.title()}"
