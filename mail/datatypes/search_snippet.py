"""SearchSnippet/get: where the emails of a search matched (RFC 8621 §5.1).

Rules kept here:
- the filter is that of Email/query and is judged like it; only what it says of text, subject and body is marked, and
  nothing that stands under a NOT;
- a message is opened only where the filter looks into bodies; its HTML is read only where its plain text shows nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson

from jmap.blobs.storage import BlobKey
from jmap.ids import decode, encode
from jmap.protocol.errors import MethodError
from jmap.protocol.filters import parse_filter
from jmap.protocol.ports import Condition, Context, Filter, Json
from jmap.protocol.properties import AnyJson, Id, ListOf
from jmap.registry import registry
from mail.datatypes.capability import MAIL
from mail.datatypes.email import Email
from mail.datatypes.email_body import Message
from mail.mime.body import text_of
from mail.mime.index import Part
from mail.mime.text import html_to_searchable_text
from mail.queries.sql import email_rows
from mail.queries.sql.email_rows import Columns, EmailRow
from mail.search.query import TextQuery, parse
from mail.search.snippets import marked_preview, marked_subject
from mail.services.content import LINES

_SUBJECT = LINES.index("subject")


@dataclass(slots=True)
class Wanted:
    """The texts that a filter looks for, by where it looks."""

    subject: list[TextQuery] = field(default_factory=list)
    body: list[TextQuery] = field(default_factory=list)


@registry.method(
    "SearchSnippet/get", capability=MAIL, arguments={"filter": AnyJson(nullable=True), "emailIds": ListOf(Id)}
)
def get_snippets(ctx: Context, arguments: dict[str, Json]) -> dict[str, Json]:
    """SearchSnippet/get (RFC 8621 §5.1). Raises MethodError requestTooLarge, invalidArguments, unsupportedFilter."""
    wires = list(dict.fromkeys(arguments["emailIds"]))
    if len(wires) > ctx.limits.max_objects_in_get:
        raise MethodError("requestTooLarge", f"at most {ctx.limits.max_objects_in_get} snippets may be asked for")
    wanted = Wanted()
    _gather(parse_filter(arguments["filter"], Email._meta.filters), wanted)
    columns = Columns(properties=bool(wanted.subject), index=bool(wanted.body), digest=bool(wanted.body))
    keys = [key for key in (decode("e", wire) for wire in wires) if key is not None]
    _, rows = email_rows.read(ctx.account.key, keys, columns)
    found = {encode("e", row.id): _snippet(ctx.account.key, row, wanted) for row in rows}
    return {
        "list": [{"emailId": wire, **found[wire]} for wire in wires if wire in found],
        "notFound": [wire for wire in wires if wire not in found] or None,
    }


def _gather(part: Filter | None, wanted: Wanted) -> None:
    """Collect the texts of a filter, those under a NOT left out."""
    if isinstance(part, Condition):
        for name, value in part.values.items():
            if name in ("text", "subject"):
                wanted.subject.append(parse(value))
            if name in ("text", "body"):
                wanted.body.append(parse(value))
    elif part is not None and part.kind != "NOT":
        for inner in part.parts:
            _gather(inner, wanted)


def _snippet(account_id: int, row: EmailRow, wanted: Wanted) -> dict[str, str | None]:
    subject = preview = None
    if row.properties is not None:
        subject = marked_subject(wanted.subject, orjson.loads(row.properties.split("\n")[_SUBJECT]) or "")
    if row.mime is not None and row.digest is not None:
        message = Message.stored(BlobKey(account_id, bytes(row.digest)), encode("b", row.blob_id), row.mime)
        for body in _bodies(message):
            preview = marked_preview(wanted.body, body)
            if preview is not None:
                break
    return {"subject": subject, "preview": preview}


def _bodies(message: Message) -> Iterator[str]:
    """The bodies as a reader sees them: the plain text first, then the HTML."""
    text, html, _ = message.lists()
    yield _joined(message, text)
    rest = [part for part in html if not any(part is shown for shown in text)]
    if rest:
        yield _joined(message, rest)


def _joined(message: Message, parts: Sequence[Part]) -> str:
    texts: list[str] = []
    for part in parts:
        if part.type.startswith("text/"):
            value = text_of(message.octets(), part)[0]
            texts.append(html_to_searchable_text(value) if part.type == "text/html" else value)
    return "\n".join(texts)
