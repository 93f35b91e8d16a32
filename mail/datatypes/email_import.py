"""Email/import: messages that were uploaded become Emails (RFC 8621 §4.8).

Rules kept here:
- octets are stored as they came; a message that is malformed is imported and shown all the same, only one without a
  single octet is invalidEmail;
- two Emails of the same message are allowed, since people do keep two copies;
- the whole call is one transaction, however many emails: its newState speaks of its own changes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from mmap import mmap
from typing import Any

import orjson
from django.utils import timezone

from jmap.blobs import service as blobs
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.service import FoundBlob
from jmap.protocol.creation import Resolve
from jmap.protocol.errors import MethodError, SetError
from jmap.protocol.methods.set import check_count, set_errors
from jmap.protocol.ports import Context, Json, SetResult
from jmap.protocol.primitives import Invalid, format_utc_date, parse_date
from jmap.protocol.properties import Id, MapOf, Object, Property, SetOf, String, UTCDate
from jmap.registry import registry
from jmap.store import Writer, current_state
from mail.datatypes import email_add
from mail.datatypes.capability import MAIL, MAX_MESSAGE_OCTETS
from mail.datatypes.email_add import Arrival
from mail.datatypes.email_errors import set_error
from mail.datatypes.email_properties import Keyword
from mail.mime.addresses import strip_comments
from mail.mime.dates import parse_date as parse_header_date
from mail.mime.dates import to_utc
from mail.mime.headers import unfold
from mail.mime.index import MessageIndex, part_fields
from mail.services.content import derive
from mail.services.errors import MailError

EMAIL_IMPORT: Mapping[str, Property] = {
    "blobId": Id(),
    "mailboxIds": SetOf(Id(refs="Mailbox")),
    "keywords": SetOf(Keyword(), nullable=True, default=dict),
    "receivedAt": UTCDate(nullable=True),
}
"""EmailImport (RFC 8621 §4.8)."""


@registry.method(
    "Email/import",
    capability=MAIL,
    arguments={"ifInState": String(nullable=True), "emails": MapOf(Id, Object({}, open=True))},
    writes=True,
)
def import_emails(ctx: Context, arguments: dict[str, Json]) -> dict[str, Json]:
    """Email/import (RFC 8621 §4.8). Raises MethodError requestTooLarge, stateMismatch."""
    given: Mapping[str, Mapping[str, Json]] = arguments["emails"]
    check_count(len(given), ctx)
    # Before anything is read and kept; what counts is the check under the lock.
    _check_state(arguments, current_state(ctx.account.key, "Email"))
    arrivals, refused = _prepare(ctx, given)

    def work(writer: Writer) -> SetResult:
        old_state = writer.state("Email")
        _check_state(arguments, old_state)
        result = SetResult(old_state, old_state, not_created=dict(refused))
        email_add.add(writer, arrivals, result)
        result.new_state = writer.state("Email")
        return result

    result = email_add.write(ctx.account.key, arrivals, work)
    for creation_id, created in result.created.items():
        ctx.created_ids.put(creation_id, created["id"])
    return {
        "oldState": result.old_state,
        "newState": result.new_state,
        "created": result.created or None,
        "notCreated": set_errors(result.not_created),
    }


def _check_state(arguments: Mapping[str, Json], state: str) -> None:
    if arguments["ifInState"] not in (None, state):
        raise MethodError("stateMismatch")


def _prepare(ctx: Context, given: Mapping[str, Mapping[str, Json]]) -> tuple[dict[str, Arrival], dict[str, SetError]]:
    """What is ready to be added, and what is refused, by creation id."""
    wanted: dict[str, dict[str, Json]] = {}
    refused: dict[str, SetError] = {}
    resolve = Resolve(ctx)
    for creation_id, one in given.items():
        checked, faults = _check(one, resolve)
        if faults:
            said = "; ".join(f"{name}: {fault}" for name, fault in faults.items())
            refused[creation_id] = SetError("invalidProperties", said, properties=list(faults))
        else:
            wanted[creation_id] = checked
    found = blobs.find_many(ctx.principal, ctx.account, [one["blobId"] for one in wanted.values()])
    arrivals: dict[str, Arrival] = {}
    for creation_id, one in wanted.items():
        outcome = _arrive(ctx, one, found.get(one["blobId"]))
        if isinstance(outcome, SetError):
            refused[creation_id] = outcome
        else:
            arrivals[creation_id] = outcome
    return arrivals, refused


def _check(one: Mapping[str, Json], resolve: Resolve) -> tuple[dict[str, Json], dict[str, str]]:
    """An EmailImport with its defaults, and what is wrong by property."""
    checked: dict[str, Json] = {}
    faults = {name: "is not a known property" for name in one if name not in EMAIL_IMPORT}
    for name, declaration in EMAIL_IMPORT.items():
        try:
            if name in one:
                checked[name] = declaration.check(one[name], resolve)
            elif declaration.required:
                faults[name] = "is required"
            else:
                checked[name] = declaration.fallback()
        except Invalid as error:
            faults[name] = str(error)
    return checked, faults


def _arrive(ctx: Context, one: Mapping[str, Json], found: FoundBlob | None) -> Arrival | SetError:
    if found is None:
        return SetError("invalidProperties", "blobId: there is no such blob", properties=["blobId"])
    if found.size > MAX_MESSAGE_OCTETS:
        return SetError("tooLarge", f"the message is larger than {MAX_MESSAGE_OCTETS} octets")
    if not found.size:
        return SetError("invalidEmail", "the blob is empty")
    try:
        place = email_add.placement(one["mailboxIds"], one["keywords"] or ())
        data, blob_id = octets_of(ctx.account.key, found)
    except MailError as refusal:
        return set_error(refusal)
    except ObjectMissing:
        return SetError("invalidProperties", "blobId: there is no such blob", properties=["blobId"])
    content = derive(data)
    if one["receivedAt"] is not None:
        received_at = parse_date(one["receivedAt"])
    else:
        received_at = _last_received(data, content.index) or timezone.now()
    received_at = received_at.replace(microsecond=0)
    tell = {} if one["receivedAt"] is not None else {"receivedAt": format_utc_date(received_at)}
    return Arrival(data, blob_id, content, place, received_at, tell)


def octets_of(account_id: int, found: FoundBlob) -> tuple[bytes | mmap, int]:
    """The octets of a blob, mapped where that can be, and the key of a whole blob of the account that holds them.

    A part becomes a blob of its own. Raises ObjectMissing.
    """
    if found.part is None and found.blob.account_id == account_id:
        return blobs.map(found.blob), found.blob.pk
    blob = blobs.copy(found, account_id)
    return blobs.map(blob), blob.pk


def _last_received(data: Any, index: str) -> datetime | None:
    """The date of the Received header field that was added last, which is the first (RFC 5321 §4.4)."""
    root = MessageIndex.from_json(orjson.loads(index)).root
    for name, value in part_fields(data, root):
        if name.lower() == "received":
            return to_utc(parse_header_date(strip_comments(unfold(value)).rpartition(";")[2]))
    return None
