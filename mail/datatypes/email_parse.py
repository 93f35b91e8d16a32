"""Email/parse: blobs shown as Emails without being stored (RFC 8621 §4.9).

Rules kept here:
- what belongs to the mail store alone (id, mailboxIds, keywords, receivedAt, threadId) is null;
- an attached message is parsed by its part's blobId, and its own parts have blobIds again;
- a blob without a single header field is no message: notParsable.
"""

from __future__ import annotations

from collections.abc import Mapping
from mmap import mmap

from jmap.blobs import service as blobs
from jmap.blobs.errors import ObjectMissing
from jmap.blobs.service import FoundBlob
from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Context, Json, RawJson
from jmap.protocol.properties import Id, ListOf, String
from jmap.registry import registry
from mail.datatypes.capability import MAIL, MAX_MESSAGE_OCTETS
from mail.datatypes.email import Email
from mail.datatypes.email_body import BODY_PROPERTIES, Allowance, BodyWish, Message
from mail.datatypes.email_properties import BODY_ARGUMENTS
from mail.mime.body import has_attachment, preview
from mail.mime.index import parse, part_fields

DEFAULT_PROPERTIES = (
    "messageId",
    "inReplyTo",
    "references",
    "sender",
    "from",
    "to",
    "cc",
    "bcc",
    "replyTo",
    "subject",
    "sentAt",
    "hasAttachment",
    "preview",
    "bodyValues",
    "textBody",
    "htmlBody",
    "attachments",
)
"""What Email/parse answers when no properties are named (RFC 8621 §4.9)."""

_OF_THE_STORE = frozenset({"id", "mailboxIds", "keywords", "receivedAt", "threadId"})


@registry.method(
    "Email/parse",
    capability=MAIL,
    arguments={"blobIds": ListOf(Id), "properties": ListOf(String, nullable=True), **BODY_ARGUMENTS},
)
def parse_emails(ctx: Context, arguments: dict[str, Json]) -> dict[str, Json]:
    """Email/parse (RFC 8621 §4.9). Raises MethodError invalidArguments, requestTooLarge."""
    wires = list(dict.fromkeys(arguments["blobIds"]))
    if len(wires) > ctx.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"at most {ctx.limits.max_objects_in_get} blobs may be parsed at once")
    given = arguments["properties"]
    properties = DEFAULT_PROPERTIES if given is None else tuple(dict.fromkeys(given))
    unknown = [name for name in properties if Email.property_for(name) is None]
    if unknown:
        raise MethodError("invalidArguments", f"properties: {', '.join(unknown)}: no such property of Email")
    wish = BodyWish.of(arguments)
    found = blobs.find_many(ctx.principal, ctx.account, wires)
    allowance = Allowance()
    parsed: dict[str, Json] = {}
    not_parsable: list[str] = []
    not_found: list[str] = []
    for wire in wires:
        data = _octets(found.get(wire))
        if data is None:
            not_found.append(wire)
        elif (item := _item(wire, data, properties, wish, allowance)) is None:
            not_parsable.append(wire)
        else:
            parsed[wire] = item
    return {"parsed": parsed or None, "notParsable": not_parsable or None, "notFound": not_found or None}


def _octets(found: FoundBlob | None) -> bytes | mmap | None:
    """The octets of a blob, none of them where it is larger than any message."""
    if found is None:
        return None
    if found.size > MAX_MESSAGE_OCTETS:
        return b""
    try:
        return blobs.map(found.blob) if found.part is None else found.read()
    except ObjectMissing:
        return None


def _item(
    wire: str, data: bytes | mmap, properties: tuple[str, ...], wish: BodyWish, allowance: Allowance
) -> Mapping[str, Json] | None:
    """The Email object of a blob, or None where it is no message."""
    index = parse(data)
    if not part_fields(data, index.root):
        return None
    message = Message(index, wire, None, data)
    item: dict[str, Json] = {}
    for name in properties:
        if name in _OF_THE_STORE:
            item[name] = None
        elif name in index.headers:
            item[name] = index.headers[name]
        elif name == "blobId":
            item[name] = wire
        elif name == "size":
            item[name] = index.size
        elif name == "hasAttachment":
            item[name] = has_attachment(index)
        elif name == "preview":
            item[name] = preview(data, index)
        else:
            item[name] = RawJson(BODY_PROPERTIES.get(name, Message.header)(message, name, wish, allowance))
    return item
