"""Email/get: from rows to the JSON that travels (RFC 8621 §4.2).

Rules kept here:
- what was serialised on arrival is never parsed: an item is put together from ready JSON values by one template;
- how an item is put together is worked out once for each list of properties and kept;
- the MIME index is read only for what is inside the message, its octets only for raw headers and body values;
- state and rows are of one moment, since they come from one statement.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from jmap.blobs.storage import BlobKey
from jmap.ids import decode, encode
from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Context, GetRequest, GetResult, Json, RawJson
from mail.datatypes.email_body import BODY_PROPERTIES, Allowance, BodyWish, Message, json_name
from mail.datatypes.email_properties import header_property
from mail.mime.headers import CONVENIENCE
from mail.queries.sql import email_rows
from mail.queries.sql.email_rows import KEYWORD_BITS, KEYWORD_MASK, Columns, EmailRow
from mail.services.content import LINES

ROW_PROPERTIES = ("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt", "hasAttachment")
"""What the row itself answers, in the order of the values a template picks from; the LINES follow them."""

_FORMATS = {"id": '"%s"', "blobId": '"%s"', "threadId": '"%s"', "receivedAt": '"%s"'}
_LINE_OF_HEADER = {wanted: name for name, wanted in CONVENIENCE.items()}
_STORED = (*ROW_PROPERTIES, *LINES)


@dataclass(frozen=True, slots=True)
class Plan:
    """How items with one list of properties are put together.

    ``template`` takes as many values as ``pick`` chooses out of the row's own values, its LINES, and what is made from
    the message for ``extras``.
    """

    columns: Columns
    template: str
    pick: Callable[[Sequence[Any]], Any]
    extras: tuple[str, ...]


@lru_cache(512)
def plan(properties: tuple[str, ...]) -> Plan:
    """The plan for a list of properties, ``id`` among them."""
    places: list[int] = []
    pieces: list[str] = []
    extras: list[str] = []
    for name in properties:
        stored = _stored_as(name)
        if stored is None:
            places.append(len(_STORED) + len(extras))
            extras.append(name)
        else:
            places.append(_STORED.index(stored))
        pieces.append(f"{json_name(name)}:{_FORMATS.get(name, '%s')}")
    columns = Columns(
        keywords="keywords" in properties,
        mailboxes="mailboxIds" in properties,
        # Extras stand behind the lines, so these are read wherever there are extras.
        properties=any(place >= len(ROW_PROPERTIES) for place in places),
        index=bool(extras),
        digest=bool(extras),
    )
    pick = itemgetter(*places) if len(places) > 1 else _only(places[0])
    return Plan(columns, "{" + ",".join(pieces) + "}", pick, tuple(extras))


def _only(place: int) -> Callable[[Sequence[Any]], tuple[Any]]:
    return lambda values: (values[place],)


def _stored_as(name: str) -> str | None:
    """Under which name the value of a property is at hand already, or None where the message has to be looked into."""
    if name in _STORED:
        return name
    wanted = header_property(name)
    return None if wanted is None else _LINE_OF_HEADER.get(wanted)


def get(ctx: Context, request: GetRequest) -> GetResult:
    """Email/get (RFC 8621 §4.2). Raises MethodError requestTooLarge where all emails are asked for and are too many."""
    account_id = ctx.account.key
    how = plan(tuple(request.properties))
    keys: dict[int, str] | None = None
    if request.ids is not None:
        keys = {key: wire for wire in request.ids if (key := decode("e", wire)) is not None}
    limit = ctx.limits.max_objects_in_get
    state, rows = email_rows.read(account_id, None if keys is None else list(keys), how.columns, limit + 1)
    if len(rows) > limit:
        raise MethodError("requestTooLarge", f"there are more than {limit} emails; ask for them by id")
    items = render(account_id, rows, how, BodyWish.of(request.arguments))
    if keys is None or request.ids is None:
        return GetResult(state, list(items.values()), [])
    found = {keys[key]: item for key, item in items.items()}
    return GetResult(
        state,
        [found[wire] for wire in request.ids if wire in found],
        [wire for wire in request.ids if wire not in found],
    )


def values_of(account_id: int, key: int, properties: Sequence[str], arguments: Mapping[str, Json]) -> dict[str, Json]:
    """Some properties of one email as plain JSON values, nothing where there is no such email."""
    how = plan(tuple(properties))
    _, rows = email_rows.read(account_id, [key], how.columns)
    items = render(account_id, rows, how, BodyWish.of(arguments))
    return {name: value for item in items.values() for name, value in item.value().items()}


def render(account_id: int, rows: Sequence[EmailRow], how: Plan, wish: BodyWish) -> dict[int, RawJson]:
    """Items by key, put together as the plan says."""
    template, pick, extras = how.template, how.pick, how.extras
    allowance = Allowance()
    items: dict[int, RawJson] = {}
    for row in rows:
        key, thread_id, blob_id, size, received_at, flags, others, mailboxes, properties, _mime, _digest = row
        blob_wire = encode("b", blob_id)
        values: list[Any] = [
            encode("e", key),
            blob_wire,
            encode("t", thread_id),
            mailbox_ids(mailboxes) if mailboxes else "{}",
            keywords(flags, sorted(others.split(" "))) if others else _KEYWORDS[flags & KEYWORD_MASK],
            size,
            email_rows.utc_date(received_at),
            "true" if flags & email_rows.ATTACHMENT else "false",
        ]
        if properties is not None:
            values += properties.split("\n")
        if extras:
            message = _message(account_id, row, blob_wire)
            values += [BODY_PROPERTIES.get(name, Message.header)(message, name, wish, allowance) for name in extras]
        items[key] = RawJson(template % pick(values))
    return items


def _message(account_id: int, row: EmailRow, blob_wire: str) -> Message:
    assert row.mime is not None
    assert row.digest is not None
    return Message.stored(BlobKey(account_id, bytes(row.digest)), blob_wire, row.mime)


@lru_cache(4096)
def mailbox_ids(joined: str) -> str:
    """The mailboxIds object for mailbox keys joined by commas."""
    if "," not in joined:
        return f'{{"{encode("m", int(joined))}":true}}'
    return "{" + ",".join(f'"{encode("m", key)}":true' for key in sorted(map(int, joined.split(",")))) + "}"


def keywords(flags: int, others: Sequence[str] = ()) -> str:
    """The keywords object for flags and the keywords that are no flags."""
    names = [name for name, bit in KEYWORD_BITS.items() if flags & bit]
    return "{" + ",".join(f"{json.dumps(name)}:true" for name in (*names, *others)) + "}"


_KEYWORDS = [keywords(flags) for flags in range(KEYWORD_MASK + 1)]
