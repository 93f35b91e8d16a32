"""The vacation response: what it says, and that it is said once to everybody who should hear it (RFC 8621 §8).

Rules kept here:
- a delivery leaves a VacationDue row in its own transaction and is held up by no more than that; a worker answers;
- the answer, who was answered, and the end of the VacationDue row are one transaction: none is lost or sent twice;
- a sender hears once in a period, and again where the response was changed; what waited too long is not answered.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from jmap import work
from jmap.blobs import service as blobs
from jmap.blobs.storage import BlobKey
from jmap.store import Writer, writing
from mail.mime.compose import ComposeError
from mail.services.delivery.conf import delivery_options
from mail.signals import Delivered
from submission import autoreply, sql
from submission.addresses import BadAddress, parse_mailbox
from submission.autoreply import Answer, Original
from submission.conf import submission_options
from submission.models import Identity, Origin, VacationDue, VacationReply, VacationResponse
from submission.services import outbox
from submission.services.errors import Invalid, InvalidEmail
from submission.services.identities import covers, rights
from submission.services.outbox import NewMessage, NewRecipient
from submission.services.submissions import header_block

log = logging.getLogger("submission.vacation")

QUEUE = "vacation"
"""The queue's name for ``jmap.work``."""

FIELDS = ("is_enabled", "from_date", "to_date", "subject", "text_body", "html_body")
MAX_SUBJECT = 500
MAX_BODY = 100_000
"""Characters."""

_ATTEMPTS = 3
_SLICE = 50
_STALE = timedelta(days=3)
"""After so long an answer would surprise more than it tells."""


# ------------------------------------------------------------------------------------------------- what an account says


def load(account_id: int) -> VacationResponse:
    """The response of an account, off and empty where there never was one."""
    found = VacationResponse.objects.filter(account_id=account_id).first()
    return found or VacationResponse(account_id=account_id)


def kept(writer: Writer) -> VacationResponse:
    """The response of the account as a row, made where there was none yet."""
    row = load(writer.account_id)
    if row._state.adding:
        row.created_modseq = row.modseq = writer.next("VacationResponse")
        row.save()
    return row


def change(writer: Writer, fields: Mapping[str, Any]) -> None:
    """Change the response of the account; who was answered before is answered anew. Raises Invalid."""
    bad = [name for name, value in fields.items() if not _is_valid(name, value)]
    if bad:
        raise Invalid(_("not valid: %s") % ", ".join(bad), *bad)
    row = load(writer.account_id)
    if all(getattr(row, name) == value for name, value in fields.items()):
        return
    for name, value in fields.items():
        setattr(row, name, value)
    row.modseq = writer.next("VacationResponse")
    if row._state.adding:
        row.created_modseq = row.modseq
    row.save()


def _is_valid(name: str, value: Any) -> bool:
    if name == "subject":
        return value is None or (len(value) <= MAX_SUBJECT and value.isprintable())
    if name in ("text_body", "html_body"):
        return value is None or (len(value) <= MAX_BODY and "\0" not in value)
    return True


def _active(at: datetime) -> Q:
    """Responses in force for what arrives at a moment (RFC 8621 §8)."""
    begun = Q(from_date__isnull=True) | Q(from_date__lte=at)
    return Q(is_enabled=True) & begun & (Q(to_date__isnull=True) | Q(to_date__gt=at))


# ------------------------------------------------------------------------------------------------------- what is due


def note_delivery(sender: Any, writer: Writer, arrival: Delivered, **kwargs: Any) -> None:
    """Remember, in the delivery's transaction, a message that may have to be answered (a receiver of ``mail.signals``).

    One look into an index where no response is in force.
    """
    if arrival.is_spam or not autoreply.is_person(arrival.sender):
        return
    if not sql.responds(writer.account_id, arrival.at):
        return
    VacationDue.objects.create(
        account_id=writer.account_id,
        blob_id=arrival.blob_id,
        mail_from=arrival.sender,
        rcpt_to=arrival.recipients[0][:320],
        received_at=arrival.at,
    )
    work.wake(QUEUE)


def answer_due(now: datetime | None = None) -> int:
    """Answer what is due; returns how many answers were queued. What fails stays for the next time."""
    moment = now or timezone.now()
    VacationDue.objects.filter(received_at__lt=moment - _STALE).delete()
    answered, last = 0, 0
    while True:
        rows = list(VacationDue.objects.filter(pk__gt=last).select_related("blob").order_by("pk")[:_SLICE])
        if not rows:
            return answered
        for due in rows:
            try:
                answered += _answer(due, moment)
            except Exception:
                log.exception("a vacation response of account %d could not be written", due.account_id)
        last = rows[-1].pk


class _Changed(Exception):
    """The response was changed while an answer was written; nothing was done."""


def _answer(due: VacationDue, now: datetime) -> bool:
    """Answer one message, or see that it is not to be answered; tells whether an answer was queued."""
    for _attempt in range(_ATTEMPTS):
        prepared = _prepare(due, now)
        try:
            with writing(due.account_id) as writer:
                return _queue(writer, due, prepared, now)
        except _Changed:
            continue
    return False


def _queue(writer: Writer, due: VacationDue, prepared: _Prepared | None, now: datetime) -> bool:
    if not VacationDue.objects.filter(pk=due.pk).delete()[0] or prepared is None:
        return False
    response = VacationResponse.objects.filter(_active(due.received_at), account_id=due.account_id).first()
    if response is None:
        return False
    if response.modseq != prepared.edition:
        raise _Changed
    if not _is_first(writer, prepared.key, prepared.edition, now):
        return False
    outbox.enqueue(due.account_id, [prepared.message], now)
    return True


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An answer that is written and stored; ``key`` is whom it goes to, ``edition`` what it was written from."""

    key: str
    edition: int
    message: NewMessage


def _prepare(due: VacationDue, now: datetime) -> _Prepared | None:
    """Write an answer before any lock is taken; None where there is to be none."""
    response = VacationResponse.objects.filter(_active(due.received_at), account_id=due.account_id).first()
    own = rights(due.account_id).addresses
    try:
        mailbox = parse_mailbox(due.mail_from)
        block = header_block(BlobKey(due.account_id, bytes(due.blob.digest)))
    except (BadAddress, InvalidEmail):
        return None
    original = autoreply.read_original(block)
    sender = _own_address(due, original, own)
    is_own = mailbox.key in own
    if response is None or sender is None or is_own or not original.is_personal:
        return None
    domain = parse_mailbox(sender).domain
    answer = Answer(response.subject, response.text_body, response.html_body)
    name = _name(due.account_id, sender)
    try:
        data = autoreply.write(answer, original, name=name, sender=sender, to=due.mail_from, domain=domain, now=now)
    except ComposeError as error:
        log.error("a vacation response of account %d cannot be written: %s", due.account_id, error.where)
        return None
    blob = blobs.store_bytes(due.account_id, data)
    recipient = NewRecipient(due.mail_from, mailbox.domain, notify="NEVER")
    return _Prepared(
        mailbox.key,
        response.modseq,
        NewMessage(
            blob_id=blob.pk,
            size=blob.size,
            origin=Origin.VACATION,
            mail_from="",
            sender_domain=domain,
            recipients=[recipient],
            smtputf8=mailbox.needs_smtputf8,
        ),
    )


def _own_address(due: VacationDue, original: Original, own: frozenset[str]) -> str | None:
    """The account's own address that the message names, which is whom the answer is from; None for none.

    Departs from RFC 5230 §4.5 in that an alias of several people does not count as one's own.
    """
    separator = delivery_options().separator
    named: dict[str, str] = {}
    for address in original.addressees:
        try:
            mailbox = parse_mailbox(address)
        except BadAddress:
            continue
        base = next((key for key in (mailbox.key, mailbox.without_tag(separator).key) if key in own), None)
        if base is not None:
            named[mailbox.key] = base
    return named.get(due.rcpt_to.lower()) or (named[min(named)] if named else None)


def _name(account_id: int, sender: str) -> str:
    rows = Identity.objects.filter(account_id=account_id).order_by("pk").values_list("name", "email")
    return next((name for name, email in rows if name and covers(email, sender)), "")


def _is_first(writer: Writer, sender: str, edition: int, now: datetime) -> bool:
    """Whether a sender has not heard this yet; from now on they have."""
    since = now - timedelta(days=submission_options().vacation_days)
    told = VacationReply.objects.filter(account_id=writer.account_id, sender=sender)
    if told.filter(edition=edition, replied_at__gt=since).exists():
        return False
    VacationReply.objects.update_or_create(
        account_id=writer.account_id, sender=sender, defaults={"edition": edition, "replied_at": now}
    )
    return True


def forget_replies(now: datetime | None = None) -> int:
    """Purge whom an answer would go to again anyway; returns how many. A chore."""
    before = (now or timezone.now()) - timedelta(days=submission_options().vacation_days)
    return VacationReply.objects.filter(replied_at__lte=before).delete()[0]
