"""Mailbox on the wire (RFC 8621 §2): its declaration, and the seam between the wire's names and the services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jmap import store
from jmap.ids import decode, encode
from jmap.protocol.collation import collation_key
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.filters import matches
from jmap.protocol.ports import (
    ChangesResult,
    Comparator,
    Context,
    GetRequest,
    GetResult,
    Json,
    Query,
    QueryChanges,
    QueryChangesResult,
    QueryResult,
    SetPlan,
    SetResult,
)
from jmap.protocol.properties import Boolean, Id, Object, String, UnsignedInt
from jmap.protocol.window import window
from jmap.registry import registry
from jmap.store import Writer
from mail.datatypes.capability import MAIL
from mail.datatypes.thread import changes_of
from mail.models import Mailbox as MailboxModel
from mail.queries import mailboxes as queries
from mail.queries.mailboxes import MailboxRow
from mail.services import errors, mailboxes
from mail.services.mailboxes import Key, Node

COUNTS = ("totalEmails", "unreadEmails", "totalThreads", "unreadThreads")
_SERVED = ("id", *COUNTS, "myRights")
"""What only the server sets; a client may send it back as it is."""
_RIGHTS = (
    "mayReadItems",
    "mayAddItems",
    "mayRemoveItems",
    "maySetSeen",
    "maySetKeywords",
    "mayCreateChild",
    "mayRename",
    "mayDelete",
    "maySubmit",
)
_WIRE_NAMES = {"name": "name", "parent": "parentId", "role": "role", "sort_order": "sortOrder"}


class MailboxStore:
    """Mailboxes of an account, as the user of the request sees them."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "Mailbox")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        wanted = None if request.ids is None else {wire: decode("m", wire) for wire in request.ids}
        keys = None if wanted is None else [key for key in wanted.values() if key is not None]
        state, rows = queries.read(ctx.account.key, ctx.principal.key, ctx.account.is_personal, keys)
        order = list(rows) if wanted is None else [key for key in wanted.values() if key in rows]
        pick = [(name, _READERS[name]) for name in request.properties]
        items = [{name: read(rows[key], ctx) for name, read in pick} for key in order]
        missing = [] if wanted is None else [wire for wire, key in wanted.items() if key not in rows]
        return GetResult(state, items, missing)

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        """Standard /changes, and which properties can have changed at all (RFC 8621 §2.2)."""
        result = changes_of(MailboxModel, "Mailbox", "m", ctx, since, max_changes)
        known = store.parse_state(since)
        only_counts = bool(result.updated) and known is not None and not _renamed_since(ctx, known[1], result.updated)
        result.extra = {"updatedProperties": list(COUNTS) if only_counts else None}
        return result

    def query(self, ctx: Context, query: Query) -> QueryResult:
        ids = self._listed(ctx, query)
        position, page = window(ids, query)
        return QueryResult(self.state(ctx), True, position, page, len(ids))

    def query_changes(self, ctx: Context, request: QueryChanges) -> QueryChangesResult:
        """Exact (RFC 8620 §5.6): every mailbox that changed but for its counts is taken out and put where it belongs.

        In a tree a mailbox moves with its ancestors, so there all are, as soon as one changed.
        """
        rows = _rows(ctx)
        now = self.state(ctx)
        span = store.changes(MailboxModel, "Mailbox", ctx.account.key, request.since, None)
        touched = {key for key, row in rows.items() if row.properties_modseq > span.since}
        arguments = request.query.arguments
        if (touched or span.destroyed) and (arguments.get("sortAsTree") or arguments.get("filterAsTree")):
            touched = set(rows)
        ids = self._listed(ctx, request.query, rows)
        changed = {encode("m", key) for key in touched}
        removed = [*sorted(changed), *(encode("m", key) for key in span.destroyed)]
        added = [(index, wire) for index, wire in enumerate(ids) if wire in changed]
        if request.max_changes is not None and len(removed) + len(added) > request.max_changes:
            raise MethodError("tooManyChanges")
        return QueryChangesResult(request.since, now, removed, added, len(ids))

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        """Large mailboxes are emptied in slices before anything else is written, each slice a transaction."""
        first = True
        while True:
            with store.writing(ctx.account.key) as writer:
                if first:
                    plan.check_state(writer.state("Mailbox"))
                    old_state, first = writer.state("Mailbox"), False
                result = SetResult(old_state, old_state)
                outcome = self._apply(ctx, plan, writer, result)
                result.new_state = writer.state("Mailbox")
            if not outcome.to_empty:
                return result
            for mailbox in outcome.to_empty:
                self._empty(ctx, mailbox)

    def _empty(self, ctx: Context, mailbox: int) -> None:
        left = mailboxes.SLICE
        while left == mailboxes.SLICE:
            with store.writing_slice(ctx.account.key) as writer:
                left = mailboxes.empty_slice(writer, mailbox)

    def _apply(self, ctx: Context, plan: SetPlan, writer: Writer, result: SetResult) -> mailboxes.Outcome:
        present = mailboxes.load(ctx.account.key, ctx.principal.key, ctx.account.is_personal)
        served = _served(ctx, plan)
        updates: dict[int, Node] = {}
        for wire, update in plan.updates.items():
            key = decode("m", wire)
            if key is None or key not in present:
                result.not_updated[wire] = SetError("notFound")
                continue
            try:
                current = {**_wire_view(present[key]), **served.get(key, {})}
                updates[key] = _node(update.apply(current), present[key])
            except SetErrorException as refusal:
                result.not_updated[wire] = refusal.error
        destroys: dict[int, str] = {}
        for wire in plan.destroys:
            key = decode("m", wire)
            if key is None or key not in present:
                result.not_destroyed[wire] = SetError("notFound")
            else:
                destroys[key] = wire
        creates = {cid: _node(given, None) for cid, given in plan.creates.items()}
        outcome = mailboxes.apply(
            writer,
            ctx.principal.key,
            present,
            creates,
            updates,
            list(destroys),
            bool(plan.arguments.get("onDestroyRemoveEmails")),
        )
        if not outcome.to_empty:
            _report(ctx, outcome, set(destroys), result)
        return outcome

    def _listed(self, ctx: Context, query: Query, rows: dict[int, MailboxRow] | None = None) -> list[str]:
        keys = queries.listed(
            _rows(ctx) if rows is None else rows,
            lambda row: matches(query.filter, lambda values: _matches(values, row)),
            [(_sort_key(comparator), comparator.is_ascending) for comparator in query.sort],
            bool(query.arguments.get("sortAsTree")),
            bool(query.arguments.get("filterAsTree")),
        )
        return [encode("m", key) for key in keys]


def _rows(ctx: Context, keys: list[int] | None = None) -> dict[int, MailboxRow]:
    return queries.rows(ctx.account.key, ctx.principal.key, ctx.account.is_personal, keys)


def _served(ctx: Context, plan: SetPlan) -> dict[int, dict[str, Json]]:
    """What only the server sets, as it is now, of the mailboxes for which an update names any of it."""
    named = [decode("m", wire) for wire, update in plan.updates.items() if not update.touched.isdisjoint(_SERVED)]
    rows = _rows(ctx, [key for key in named if key is not None]) if named else {}
    return {key: {name: _READERS[name](row, ctx) for name in _SERVED} for key, row in rows.items()}


def _renamed_since(ctx: Context, modseq: int, wires: Any) -> bool:
    keys = [decode("m", wire) for wire in wires]
    return MailboxModel.objects.filter(
        account_id=ctx.account.key, pk__in=[key for key in keys if key], properties_modseq__gt=modseq
    ).exists()


def _rights(row: MailboxRow, ctx: Context) -> Json:
    writes = not ctx.account.is_read_only
    rights = dict.fromkeys(_RIGHTS, writes)
    rights["mayReadItems"] = True
    rights["mayDelete"] = writes and row.role != "inbox"
    return rights


_READERS: Mapping[str, Callable[[MailboxRow, Context], Json]] = {
    "id": lambda row, ctx: encode("m", row.id),
    "name": lambda row, ctx: row.name,
    "parentId": lambda row, ctx: None if row.parent is None else encode("m", row.parent),
    "role": lambda row, ctx: row.role,
    "sortOrder": lambda row, ctx: row.sort_order,
    "totalEmails": lambda row, ctx: row.total_emails,
    "unreadEmails": lambda row, ctx: row.unread_emails,
    "totalThreads": lambda row, ctx: row.total_threads,
    "unreadThreads": lambda row, ctx: row.unread_threads,
    "myRights": _rights,
    "isSubscribed": lambda row, ctx: row.is_subscribed,
}


def _matches(values: Mapping[str, Json], row: MailboxRow) -> bool:
    checks: Mapping[str, Callable[[Json], bool]] = {
        "parentId": lambda wanted: row.parent == (None if wanted is None else decode("m", wanted) or -1),
        "name": lambda wanted: wanted in row.name,
        "role": lambda wanted: row.role == wanted,
        "hasAnyRole": lambda wanted: (row.role is not None) == wanted,
        "isSubscribed": lambda wanted: row.is_subscribed == wanted,
    }
    return all(checks[name](wanted) for name, wanted in values.items())


def _sort_key(comparator: Comparator) -> Callable[[MailboxRow], Any]:
    if comparator.property == "name":
        key = collation_key(comparator.collation)
        return lambda row: key(row.name)
    return lambda row: row.sort_order


def _wire_view(node: Node) -> dict[str, Json]:
    """The properties that a client may change, as they are now."""
    return {
        "name": node.name,
        "parentId": encode("m", node.parent) if isinstance(node.parent, int) else None,
        "role": node.role,
        "sortOrder": node.sort_order,
        "isSubscribed": node.is_subscribed,
    }


def _node(given: Mapping[str, Json], was: Node | None) -> Node:
    """The mailbox that a client asks for; what it does not say stays as it was."""
    base = _wire_view(was) if was else {"parentId": None, "role": None, "sortOrder": 0, "isSubscribed": True}
    wanted = {**base, **given}
    parent: Key | None = wanted["parentId"]
    if isinstance(parent, str):
        parent = parent[1:] if parent.startswith("#") else decode("m", parent) or -1
    name = wanted["name"]
    if was is None or name != was.name:
        name = mailboxes.normalized(name)
    return Node(name, parent, wanted["role"], wanted["sortOrder"], wanted["isSubscribed"])


def _report(ctx: Context, outcome: mailboxes.Outcome, destroys: set[int], result: SetResult) -> None:
    rows = _rows(ctx, list(outcome.created.values())) if outcome.created else {}
    for cid, key in outcome.created.items():
        names = (*_SERVED, "isSubscribed")
        result.created[cid] = {name: _READERS[name](rows[key], ctx) for name in names}
    result.updated.update({encode("m", key): None for key in outcome.updated})
    result.destroyed.extend(encode("m", key) for key in outcome.destroyed)
    for refused, error in outcome.refused.items():
        if isinstance(refused, str):
            result.not_created[refused] = set_error(error)
        elif refused in destroys:
            result.not_destroyed[encode("m", refused)] = set_error(error)
        else:
            result.not_updated[encode("m", refused)] = set_error(error)


def set_error(error: errors.MailError) -> SetError:
    """The SetError that a refusal of the mailbox service is on the wire (RFC 8621 §2.5, RFC 8620 §5.3)."""
    said = str(error)
    match error:
        case errors.InvalidMailbox():
            return SetError("invalidProperties", said, [_WIRE_NAMES[name] for name in error.properties])
        case errors.MailboxNameTaken():
            taken = f"#{error.existing}" if isinstance(error.existing, str) else encode("m", error.existing)
            return SetError("alreadyExists", said, members={"existingId": taken})
        case errors.MailboxHasChild():
            return SetError("mailboxHasChild", said)
        case errors.MailboxHasEmail():
            return SetError("mailboxHasEmail", said)
        case errors.MailboxNotFound():
            return SetError("notFound")
    return SetError("forbidden", said)


@registry.register
class Mailbox(DataType):
    """A named set of emails (RFC 8621 §2)."""

    name = String(sortable=True)
    parentId = Id(nullable=True, refs="Mailbox")
    role = String(nullable=True)
    sortOrder = UnsignedInt(default=0, maximum=2**31 - 1, sortable=True)
    totalEmails = UnsignedInt(server_set=True)
    unreadEmails = UnsignedInt(server_set=True)
    totalThreads = UnsignedInt(server_set=True)
    unreadThreads = UnsignedInt(server_set=True)
    myRights = Object(dict.fromkeys(_RIGHTS, Boolean), server_set=True)
    isSubscribed = Boolean(default=True)

    class Meta:
        capability = MAIL
        methods = ("get", "changes", "set", "query", "queryChanges")
        at_once = ("get",)
        store = MailboxStore
        filters = {
            "parentId": Id(nullable=True, optional=True),
            "name": String,
            "role": String(nullable=True, optional=True),
            "hasAnyRole": Boolean,
            "isSubscribed": Boolean,
        }
        arguments = {
            "query": {"sortAsTree": Boolean(default=False), "filterAsTree": Boolean(default=False)},
            "set": {"onDestroyRemoveEmails": Boolean(default=False)},
        }
