"""Whether a message may be answered by a machine, and the answer (RFC 3834, RFC 5230).

Rules kept here:
- in doubt there is no answer: none to lists, bounces, machines, and to whoever wrote to somebody else;
- an answer says that it is one (Auto-Submitted), goes to the return path and has none itself, so that two machines
  never talk to each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from mail.mime.compose import BodyNode, ComposeError, Draft, Leaf, Multipart, compose
from mail.mime.headers import as_addresses, as_message_ids, as_text, iterate_fields
from mail.mime.text import html_to_text
from submission.addresses import BadAddress, parse_mailbox

_MACHINES = re.compile(
    r"(?:mailer-daemon|listserv|majordomo|no-?reply|do-?not-?reply|bounces?)(?:[-+].*)?|owner-.*|.*-(?:request|bounces?|owner)",
    re.IGNORECASE,
)
"""Local parts behind which nobody reads (RFC 5230 §4.6, RFC 3834 §2)."""

_ADDRESSEES = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc")
_MAX_REFERENCES = 20
_MAX_SUBJECT = 400


@dataclass(frozen=True, slots=True)
class Original:
    """What an answer has to know of the message that it answers."""

    addressees: frozenset[str]
    """The addresses of To, Cc, Bcc and their Resent kin, by ``SmtpMailbox.key``."""
    is_personal: bool
    """Whether nothing in the header speaks of a list or a machine."""
    subject: str
    message_id: str | None
    references: tuple[str, ...]


def read_original(block: bytes) -> Original:
    """Read a header block."""
    fields: dict[str, list[bytes]] = {}
    for name, value in iterate_fields(block):
        fields.setdefault(name.lower(), []).append(value)
    addressees = {
        _key(one["email"]) for name in _ADDRESSEES for value in fields.get(name, ()) for one in as_addresses(value)
    }
    ids = _ids(fields, "message-id")
    references = _ids(fields, "references") or _ids(fields, "in-reply-to")[:1]
    return Original(
        addressees=frozenset(addressees),
        is_personal=not _is_automatic(fields),
        subject=as_text(fields["subject"][-1]) if "subject" in fields else "",
        message_id=ids[0] if ids else None,
        references=tuple(references),
    )


def _is_automatic(fields: dict[str, list[bytes]]) -> bool:
    """Whether the header says that no person writes to a person (RFC 3834 §2, RFC 5230 §4.6)."""

    def word(name: str) -> str:
        return as_text(fields[name][-1]).partition(";")[0].strip().lower() if name in fields else ""

    return (
        any(name.startswith("list-") for name in fields)
        or word("auto-submitted") not in ("", "no")
        or word("precedence") in ("bulk", "list", "junk")
        or word("content-type") in ("multipart/report", "message/delivery-status")
        or bool({"all", "oof", "autoreply"} & set(re.split(r"[\s,]+", word("x-auto-response-suppress"))))
        or "x-autoreply" in fields
        or "x-autorespond" in fields
    )


def is_person(address: str) -> bool:
    """Whether somebody may read what is sent to an address; nobody does behind the null path."""
    try:
        return not _MACHINES.fullmatch(parse_mailbox(address).local)
    except BadAddress:
        return False


@dataclass(frozen=True, slots=True)
class Answer:
    """What an account answers: None leaves it to us (RFC 8621 §8)."""

    subject: str | None
    text: str | None
    html: str | None


def write(answer: Answer, original: Original, *, name: str, sender: str, to: str, domain: str, now: datetime) -> bytes:
    """The octets of an answer (RFC 3834 §3, RFC 5230 §5)."""
    subject = answer.subject
    if subject is None:
        subject = _("Auto: %s") % original.subject[:_MAX_SUBJECT] if original.subject else _("Automated reply")
    headers = [
        ("From", "Addresses", [{"name": name or None, "email": sender}]),
        ("To", "Addresses", [{"name": None, "email": to}]),
        ("Subject", "Text", " ".join(subject.split())),
        ("Auto-Submitted", "Raw", " auto-replied"),
    ]
    if original.message_id is None:
        return compose(Draft(headers, _body(answer)), domain=domain, now=now).data
    chain = [*original.references[-_MAX_REFERENCES:], original.message_id]
    links = [
        ("In-Reply-To", "MessageIds", [original.message_id]),
        ("References", "MessageIds", list(dict.fromkeys(chain))),
    ]
    try:
        return compose(Draft([*headers, *links], _body(answer)), domain=domain, now=now).data
    except ComposeError as error:
        if error.where.lower() not in ("in-reply-to", "references"):
            raise
        # Ids that cannot be written stay out; the answer is still one.
        return compose(Draft(headers, _body(answer)), domain=domain, now=now).data


def _body(answer: Answer) -> BodyNode:
    text = answer.text
    if text is None:
        text = html_to_text(answer.html) if answer.html else _("I am away and will read your message when I am back.")
    plain = Leaf("text/plain", text)
    if answer.html is None:
        return plain
    parts: Sequence[BodyNode] = (plain, Leaf("text/html", answer.html))
    return Multipart("multipart/alternative", parts)


def _key(address: str) -> str:
    try:
        return parse_mailbox(address).key
    except BadAddress:
        return address


def _ids(fields: dict[str, list[bytes]], name: str) -> list[str]:
    return (as_message_ids(fields[name][-1]) or []) if name in fields else []
