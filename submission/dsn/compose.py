"""Delivery status notifications (RFC 3464, RFC 6533): what became of a message, for people and for programs.

Rules kept here: nothing of a server's words or a sender's address adds a line or a field; the original comes back whole
where it was asked for and is small (RET=FULL), otherwise its header section; a report about one is never reported on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from django.utils.translation import gettext as _

from mail.mime.compose import Draft, Leaf, Multipart, compose
from submission.smtp.client import xtext
from submission.smtp.replies import Reply

MAX_RETURNED = 100_000
"""Octets of an original that come back whole."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f]+")

FAILED, DELAYED, DELIVERED, RELAYED = "failed", "delayed", "delivered", "relayed"
"""Actions of RFC 3464 §2.3.3."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one recipient; ``action`` as above, ``until`` is when trying ends, for a delay."""

    address: str
    action: str
    reply: Reply
    orcpt: str = ""
    host: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The message that is reported on; ``header`` is its header section, ``data`` all of it where it may come back."""

    header: bytes
    data: bytes | None
    queued_at: datetime
    envid: str = ""


def compose_dsn(
    *, to: str, hostname: str, message_id: str, original: Original, told: Sequence[Told], now: datetime
) -> bytes:
    """The octets of the notification."""
    status = "\r\n".join([*_per_message(hostname, original), "", *_per_recipient(told, now)])
    returned = original.header if original.data is None else original.data
    kind = "text/rfc822-headers" if original.data is None else "message/rfc822"
    if not original.header.isascii():
        kind = "message/global-headers" if original.data is None else "message/global"
    draft = Draft(
        [
            ("From", "Raw", f" Mail Delivery System <MAILER-DAEMON@{hostname}>"),
            ("To", "Raw", f" <{_line(to)}>"),
            ("Subject", "Text", _subject(told)),
            ("Date", "Raw", " " + format_datetime(now)),
            ("Message-ID", "MessageIds", [message_id]),
            ("Auto-Submitted", "Raw", " auto-replied"),
        ],
        Multipart(
            "multipart/report",
            [
                Leaf("text/plain", _text(hostname, told)),
                Leaf("message/delivery-status", status.encode("utf-8")),
                Leaf(kind, returned),
            ],
            headers=[("Content-Type", "Raw", ' multipart/report; report-type="delivery-status"')],
        ),
    )
    return compose(draft, domain=hostname).data


def _per_message(hostname: str, original: Original) -> list[str]:
    lines = [f"Reporting-MTA: dns; {hostname}", f"Arrival-Date: {format_datetime(original.queued_at)}"]
    return [f"Original-Envelope-Id: {xtext(original.envid)}", *lines] if original.envid else lines


def _per_recipient(told: Sequence[Told], now: datetime) -> list[str]:
    lines = []
    for one in told:
        if one.orcpt:
            lines.append(f"Original-Recipient: {_line(one.orcpt)}")
        kind = "rfc822" if one.address.isascii() else "utf-8"
        lines += [f"Final-Recipient: {kind}; {_line(one.address)}", f"Action: {one.action}", f"Status: {status(one)}"]
        if one.host:
            lines.append(f"Remote-MTA: dns; {_line(one.host)}")
        lines += [f"Diagnostic-Code: smtp; {_line(str(one.reply))[:900]}", f"Last-Attempt-Date: {format_datetime(now)}"]
        if one.until is not None:
            lines.append(f"Will-Retry-Until: {format_datetime(one.until)}")
        lines.append("")
    return lines


def status(one: Told) -> str:
    """The status code of a recipient: the server's own where it fits the action (RFC 3464 §2.3.4)."""
    wanted = {FAILED: "5", DELAYED: "4"}.get(one.action, "2")
    given = one.reply.enhanced
    if given[:1] == wanted:
        return given
    # What was temporary until it was given up has failed for the same cause.
    return f"{wanted}{given[1:]}" if given and wanted == "5" else f"{wanted}.0.0"


def _subject(told: Sequence[Told]) -> str:
    actions = {one.action for one in told}
    if actions == {DELAYED}:
        return _("Your message is delayed")
    if FAILED in actions:
        return _("Your message could not be delivered")
    return _("Your message was delivered")


def _text(hostname: str, told: Sequence[Told]) -> str:
    said = {
        FAILED: _("Your message could not be delivered to:"),
        DELAYED: _("Your message has not been delivered yet to the following addresses, and will be tried again:"),
        DELIVERED: _("Your message was delivered to:"),
        RELAYED: _("Your message was passed on, by a server that sends no confirmation, to:"),
    }
    parts = [_("This is the mail system at %s.") % hostname, ""]
    for action, words in said.items():
        mine = [one for one in told if one.action == action]
        if mine:
            parts += [words, "", *(f"  {_line(one.address)}\n    {_line(str(one.reply))}" for one in mine), ""]
    return "\n".join(parts)


def _line(text: str) -> str:
    return _UNSAFE.sub(" ", text)
