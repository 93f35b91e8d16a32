"""Creating an Email: from its properties to a message that is kept and ready to be added (RFC 8621 §4.6).

Rules kept here:
- all of this happens before the account's lock is taken;
- a create that cannot be is refused by itself: blobNotFound names every blob that is missing, tooLarge the limit;
- text and HTML become alternatives, images that the HTML embeds stand beside it, everything else is attached;
- what the server made up (Message-ID, Date) is told in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jmap.blobs import service as blobs
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.service import FoundBlob, Stored
from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.ports import Context, Json, RawJson
from jmap.protocol.primitives import format_utc_date, parse_date
from mail import sql
from mail.datatypes import email_draft
from mail.datatypes.capability import MAX_ATTACHMENTS_OCTETS, MAX_MESSAGE_OCTETS
from mail.datatypes.email_add import Arrival, placement, refuse_misplaced
from mail.datatypes.email_draft import Part, parts_of, type_of
from mail.datatypes.email_errors import set_error
from mail.datatypes.email_properties import header_property
from mail.mime.compose import BodyNode, ComposeError, Draft, HeaderSpec, Leaf, Multipart, compose
from mail.services.content import LINES, derive
from mail.services.emails import Placement
from mail.services.errors import MailError

_FIELDS = {
    "from": ("From", "Addresses"),
    "sender": ("Sender", "Addresses"),
    "replyTo": ("Reply-To", "Addresses"),
    "to": ("To", "Addresses"),
    "cc": ("Cc", "Addresses"),
    "bcc": ("Bcc", "Addresses"),
    "subject": ("Subject", "Text"),
    "sentAt": ("Date", "Date"),
    "messageId": ("Message-ID", "MessageIds"),
    "inReplyTo": ("In-Reply-To", "MessageIds"),
    "references": ("References", "MessageIds"),
}
"""Convenience properties in the order in which their header fields are written."""

_BODY = ("bodyStructure", "textBody", "htmlBody", "attachments")
_MADE_UP = ("messageId", "sentAt")
_OCTETS = "application/octet-stream"
_LARGE = 1_000_000
"""Messages above this many octets are kept one by one, so that few are in memory at a time."""


@dataclass(slots=True)
class Composing:
    """One create while its message is made."""

    given: Mapping[str, Json]
    found: Mapping[str, FoundBlob]
    domain: str


def prepare(ctx: Context, creates: Mapping[str, Mapping[str, Json]]) -> tuple[dict[str, Arrival], dict[str, SetError]]:
    """Compose, keep and derive every create: what is ready to be added, and what is refused, by creation id."""
    if not creates:
        return {}, {}
    places, refused = _places(creates)
    refused |= refuse_misplaced(ctx.account.key, places)
    wanted = [part["blobId"] for given in creates.values() for part in parts_of(given) if part.get("blobId")]
    found = blobs.find_many(ctx.principal, ctx.account, wanted) if wanted else {}
    domain = _domain(ctx.account.key)
    arrivals: dict[str, Arrival] = {}
    waiting: dict[str, bytes] = {}
    for creation_id, given in creates.items():
        if creation_id in refused:
            continue
        try:
            data = _message(Composing(given, found, domain))
        except SetErrorException as refusal:
            refused[creation_id] = refusal.error
            continue
        if len(data) < _LARGE:
            waiting[creation_id] = data
            continue
        blob = blobs.store_bytes(ctx.account.key, data)
        # The mapped octets take the place of those in memory.
        arrivals[creation_id] = _arrival(given, places[creation_id], blobs.map(blob), blob.pk)
    kept = blobs.put_many(ctx.account.key, list(waiting.values()))
    for (creation_id, data), stored in zip(waiting.items(), kept, strict=True):
        arrivals[creation_id] = _arrival(creates[creation_id], places[creation_id], data, stored)
    return arrivals, refused


def _places(creates: Mapping[str, Mapping[str, Json]]) -> tuple[dict[str, Placement], dict[str, SetError]]:
    places: dict[str, Placement] = {}
    refused: dict[str, SetError] = {}
    for creation_id, given in creates.items():
        try:
            places[creation_id] = placement(given["mailboxIds"], given["keywords"])
        except MailError as refusal:
            refused[creation_id] = set_error(refusal)
    return places, refused


def _domain(account_id: int) -> str:
    """The right side of the Message-IDs that are made for an account."""
    return sql.domain_of(account_id) or "localhost"


def _arrival(given: Mapping[str, Json], place: Placement, data: Any, blob: int | Stored) -> Arrival:
    content = derive(data)
    lines = content.properties.split("\n")
    tell: dict[str, Json] = {
        name: RawJson(lines[LINES.index(name)]) for name in _MADE_UP if not _is_set(given, _FIELDS[name][0])
    }
    received_at = parse_date(given["receivedAt"]).replace(microsecond=0)
    if format_utc_date(received_at) != given["receivedAt"]:
        tell["receivedAt"] = format_utc_date(received_at)
    return Arrival(data, blob, content, place, received_at, tell)


def _is_set(given: Mapping[str, Json], field: str) -> bool:
    return any(name == field.lower() and given[property_name] for property_name, name in email_draft.fields_of(given))


def _message(work: Composing) -> bytes:
    """The octets of the message. Raises SetErrorException invalidProperties, blobNotFound, tooLarge."""
    _check_blobs(work)
    try:
        draft = Draft(list(_headers(work.given)), _body(work))
        data = compose(draft, domain=work.domain).data
    except ComposeError as fault:
        raise email_draft.refusal(dict.fromkeys(_at_fault(work.given, fault.where), str(fault))) from None
    except ObjectMissing:
        raise SetErrorException(SetError("blobNotFound", members={"notFound": _blob_ids(work.given)})) from None
    if len(data) > MAX_MESSAGE_OCTETS:
        raise SetErrorException(SetError("tooLarge", f"the message is larger than {MAX_MESSAGE_OCTETS} octets"))
    return data


def _blob_ids(given: Mapping[str, Json]) -> list[str]:
    return list(dict.fromkeys(part["blobId"] for part in parts_of(given) if part.get("blobId")))


def _check_blobs(work: Composing) -> None:
    wanted = _blob_ids(work.given)
    missing = [blob_id for blob_id in wanted if blob_id not in work.found]
    if missing:
        raise SetErrorException(
            SetError("blobNotFound", "blobs of body parts are not found", members={"notFound": missing})
        )
    total = sum(work.found[part["blobId"]].size for part in parts_of(work.given) if part.get("blobId"))
    if total > MAX_ATTACHMENTS_OCTETS:
        raise SetErrorException(
            SetError("tooLarge", f"the attachments are larger than {MAX_ATTACHMENTS_OCTETS} octets")
        )


def _headers(given: Mapping[str, Json]) -> Iterator[HeaderSpec]:
    for name, (field, form) in _FIELDS.items():
        value = given.get(name)
        if value or value == "":
            yield field, form, value
    yield from _further(given)


def _further(given: Mapping[str, Json]) -> Iterator[HeaderSpec]:
    """The header fields that are set by ``header:…`` properties, named as the client wrote them."""
    for name, value in given.items():
        wanted = header_property(name)
        if wanted is None or value is None:
            continue
        field = name.split(":")[1]
        for each in value if wanted.all else [value]:
            if each or each == "":
                yield field, wanted.form, each


def _body(work: Composing) -> BodyNode:
    """The tree of body parts."""
    given = work.given
    if given.get("bodyStructure"):
        return _node(work, given["bodyStructure"])
    text = [_leaf(work, part, "text/plain") for part in given.get("textBody") or ()]
    html = [_leaf(work, part, "text/html") for part in given.get("htmlBody") or ()]
    attached: list[Leaf] = []
    embedded: list[Leaf] = []
    for part in given.get("attachments") or ():
        leaf = _leaf(work, part)
        is_embedded = bool(html) and leaf.cid is not None and leaf.disposition != "attachment"
        leaf.disposition = leaf.disposition or ("inline" if is_embedded else "attachment")
        (embedded if is_embedded else attached).append(leaf)
    shown: list[BodyNode] = [*text, *html]
    if html and embedded:
        shown = [*text, Multipart("multipart/related", [*html, *embedded])]
    body: BodyNode | None = _together("multipart/alternative", shown)
    whole: list[BodyNode] = [*([body] if body else ()), *attached]
    return _together("multipart/mixed", whole, always=bool(attached)) or Leaf("text/plain", "")


def _together(media_type: str, parts: Sequence[BodyNode], always: bool = False) -> BodyNode | None:
    if not parts:
        return None
    return parts[0] if len(parts) == 1 and not always else Multipart(media_type, parts)


def _node(work: Composing, part: Part) -> BodyNode:
    if part.get("subParts"):
        return Multipart(
            type_of(part), [_node(work, child) for child in part["subParts"]], **_described(part), headers=_own(part)
        )
    return _leaf(work, part, None if part.get("blobId") else "text/plain")


def _leaf(work: Composing, part: Part, default_type: str | None = None) -> Leaf:
    if part.get("partId") is not None:
        value = work.given["bodyValues"][part["partId"]]["value"]
        return Leaf(type_of(part, default_type or "text/plain"), value, **_described(part), headers=_own(part))
    found = work.found[part["blobId"]]
    media_type = type_of(part, default_type or found.type or _OCTETS)
    octets = found.read()
    leaf = Leaf(media_type, octets, part.get("charset") or None, **_described(part), headers=_own(part))
    has_type_field = any(name == "content-type" for _, name in email_draft.part_fields_of(part) if _ != "type")
    if leaf.charset is None and media_type.startswith("text/") and not has_type_field:
        leaf.charset = _charset(octets)
    return leaf


def _charset(octets: bytes) -> str | None:
    """utf-8 for a text that nobody told the charset of and that can be nothing else."""
    if octets.isascii():
        return None
    try:
        octets.decode()
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _described(part: Part) -> dict[str, Any]:
    """The properties of a part that its header fields are written from."""
    names = ("disposition", "cid", "language", "location", "name")
    return {name: part.get(name) or None for name in names}


def _own(part: Part) -> list[HeaderSpec]:
    return list(_further(part))


def _at_fault(given: Mapping[str, Json], where: str) -> Iterable[str]:
    """The properties of the Email that a fault in a header field or a property of a body part comes from."""
    by_field = [name for name, field in email_draft.fields_of(given) if field == where.lower()]
    return by_field or [name for name in _BODY if given.get(name)] or ["bodyValues"]
