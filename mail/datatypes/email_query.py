"""Email/query and Email/queryChanges on the wire (RFC 8621 §4.4, §4.5), to the Python of ``mail.queries``.

Rules kept here:
- FILTERS and SORTS say what the wire may ask for; the protocol core refuses everything else before it comes here;
- a condition with several properties is an AND of them, an empty one matches everything;
- an id that cannot be one of ours names a mailbox that holds nothing, and an anchor that is not found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jmap.ids import decode, encode
from jmap.protocol import ports
from jmap.protocol.collation import DEFAULT_COLLATION
from jmap.protocol.ports import Context, Json, QueryChanges, QueryChangesResult, QueryResult
from jmap.protocol.primitives import parse_date
from jmap.protocol.properties import Boolean, Id, ListOf, Property, String, UnsignedInt, UTCDate
from mail.datatypes.email_properties import Keyword
from mail.queries import conditions as asked
from mail.queries import email_changes, emails


def _one_or_two(header: list[str]) -> None:
    if not 1 <= len(header) <= 2:
        raise ValueError("must be the name of a header field, and at most a text to look for in it")


FILTERS: Mapping[str, Property] = {
    "inMailbox": Id(),
    "inMailboxOtherThan": ListOf(Id),
    "before": UTCDate(),
    "after": UTCDate(),
    "minSize": UnsignedInt(),
    "maxSize": UnsignedInt(),
    "allInThreadHaveKeyword": Keyword(),
    "someInThreadHaveKeyword": Keyword(),
    "noneInThreadHaveKeyword": Keyword(),
    "hasKeyword": Keyword(),
    "notKeyword": Keyword(),
    "hasAttachment": Boolean(),
    **{field: String() for field in asked.TEXT_FIELDS},
    "header": ListOf(String, validate=_one_or_two),
}
"""The conditions of RFC 8621 §4.4.1, for ``Meta.filters``."""

_PLAIN_SORTS = {
    "receivedAt": "received_at",
    "size": "size",
    "from": "from",
    "to": "to",
    "subject": "subject",
    "sentAt": "sent_at",
}
_KEYWORD_SORTS = {
    "hasKeyword": "has_keyword",
    "allInThreadHaveKeyword": "all_in_thread",
    "someInThreadHaveKeyword": "some_in_thread",
}

SORTS: Mapping[str, Mapping[str, Property]] = {
    **{name: {} for name in _PLAIN_SORTS},
    **{name: {"keyword": Keyword()} for name in _KEYWORD_SORTS},
}
"""The sorts of RFC 8621 §4.4.2 with the members that each adds to its Comparator, for ``Meta.sorts``."""

ARGUMENTS: Mapping[str, Property] = {"collapseThreads": Boolean(default=False)}
"""What Email/query and Email/queryChanges take besides the standard arguments, for ``Meta.arguments["query"]``."""


def query(ctx: Context, wanted: ports.Query) -> QueryResult:
    """Answer Email/query. Raises MethodError anchorNotFound."""
    page = emails.run(ctx.account.key, email_query(wanted), ctx.snapshot)
    ids = [encode("e", key) for key in page.ids]
    return QueryResult(page.query_state, page.can_calculate_changes, page.position, ids, page.total)


def query_changes(ctx: Context, request: QueryChanges) -> QueryChangesResult:
    """Answer Email/queryChanges. Raises MethodError cannotCalculateChanges, tooManyChanges."""
    changes = email_changes.run(
        ctx.account.key,
        email_query(request.query),
        request.since,
        request.max_changes,
        None if request.up_to_id is None else _email(request.up_to_id),
    )
    return QueryChangesResult(
        changes.old_state,
        changes.new_state,
        [encode("e", key) for key in changes.removed],
        [(index, encode("e", key)) for index, key in changes.added],
        changes.total,
    )


def email_query(wanted: ports.Query) -> asked.EmailQuery:
    """The query in Python's terms."""
    return asked.EmailQuery(
        filter=asked.EVERYTHING if wanted.filter is None else email_filter(wanted.filter),
        sort=tuple(map(_sort_key, wanted.sort)) or asked.NEWEST_FIRST,
        collapse_threads=bool(wanted.arguments.get("collapseThreads")),
        position=wanted.position,
        anchor=None if wanted.anchor is None else _email(wanted.anchor),
        anchor_offset=wanted.anchor_offset,
        limit=wanted.limit,
        calculate_total=wanted.calculate_total,
    )


def email_filter(part: ports.Filter) -> asked.Filter:
    """A checked filter in Python's terms; SearchSnippet/get reads the same filters."""
    if isinstance(part, ports.Condition):
        leaves = tuple(_CONDITIONS[name](value) for name, value in part.values.items())
        return leaves[0] if len(leaves) == 1 else asked.And(leaves)
    return _OPERATORS[part.kind](tuple(map(email_filter, part.parts)))


def _sort_key(comparator: ports.Comparator) -> asked.SortKey:
    name = comparator.property
    if name in _KEYWORD_SORTS:
        keyword = comparator.arguments["keyword"]
        return asked.SortKey(_KEYWORD_SORTS[name], comparator.is_ascending, keyword=keyword)
    return asked.SortKey(_PLAIN_SORTS[name], comparator.is_ascending, comparator.collation or DEFAULT_COLLATION)


def _email(wire: str) -> int:
    key = decode("e", wire)
    return -1 if key is None else key


def _mailbox(wire: str) -> int:
    return decode("m", wire) or asked.NO_MAILBOX


def _text(field: str) -> Callable[[str], asked.Filter]:
    return lambda text: asked.Text(field, text)


_OPERATORS: Mapping[str, Callable[[tuple[asked.Filter, ...]], asked.Filter]] = {
    "AND": asked.And,
    "OR": asked.Or,
    "NOT": asked.Not,
}

_CONDITIONS: Mapping[str, Callable[[Json], asked.Filter]] = {
    "inMailbox": lambda wire: asked.InMailbox(_mailbox(wire)),
    "inMailboxOtherThan": lambda wires: asked.InMailboxOtherThan(tuple(map(_mailbox, wires))),
    "before": lambda date: asked.Before(parse_date(date)),
    "after": lambda date: asked.After(parse_date(date)),
    "minSize": asked.MinSize,
    "maxSize": asked.MaxSize,
    "allInThreadHaveKeyword": lambda keyword: asked.ThreadKeyword("all", keyword),
    "someInThreadHaveKeyword": lambda keyword: asked.ThreadKeyword("some", keyword),
    "noneInThreadHaveKeyword": lambda keyword: asked.ThreadKeyword("none", keyword),
    "hasKeyword": asked.HasKeyword,
    "notKeyword": lambda keyword: asked.Not((asked.HasKeyword(keyword),)),
    "hasAttachment": asked.HasAttachment,
    **{field: _text(field) for field in asked.TEXT_FIELDS},
    "header": lambda header: asked.Header(header[0], header[1] if len(header) > 1 else None),
}
