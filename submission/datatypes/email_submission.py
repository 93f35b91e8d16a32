"""EmailSubmission on the wire (RFC 8621 §7): its declaration and its store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jmap import store
from jmap.ids import decode
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.methods.set import RecordKey
from jmap.protocol.ports import (
    ChangesResult,
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
from jmap.protocol.properties import Id, ListOf, MapOf, Object, String, UTCDate
from jmap.registry import registry
from jmap.store import Writer
from mail.datatypes.thread import changes_of
from submission.datatypes import email_submission_query as searching
from submission.datatypes.capability import SUBMISSION
from submission.datatypes.email_submission_get import PROPERTIES, read
from submission.datatypes.envelope import Envelope
from submission.datatypes.set_errors import set_error
from submission.models import EmailSubmission as SubmissionRow
from submission.models import UndoStatus
from submission.services import submissions
from submission.services.errors import SubmissionError
from submission.services.submissions import Order

_WIRE_NAMES = {"identity_key": "identityId", "email_key": "emailId"}
_SERVED = ("id", "threadId", "envelope", "sendAt", "undoStatus", "deliveryStatus")
"""What the answer to a create tells, ``envelope`` only where the client gave none, besides that no report came yet."""


class EmailSubmissionStore:
    """What an account has sent, or is about to."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "EmailSubmission")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        account_id = ctx.account.key
        keys = None if request.ids is None else {wire: decode("s", wire) for wire in request.ids}
        rows = SubmissionRow.objects.filter(account_id=account_id).order_by("pk")
        if keys is not None:
            rows = rows.filter(pk__in=[key for key in keys.values() if key is not None])
        elif (most := ctx.limits.max_objects_in_get) < rows[: most + 1].count():
            raise MethodError("requestTooLarge", "the account has more submissions than may be fetched at once")
        found = read(account_id, rows, request.properties)
        if keys is None:
            return GetResult(self.state(ctx), list(found.values()), [])
        items = [found[key] for key in keys.values() if key in found]
        return GetResult(self.state(ctx), items, [wire for wire, key in keys.items() if key not in found])

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        return changes_of(SubmissionRow, "EmailSubmission", "s", ctx, since, max_changes)

    def query(self, ctx: Context, query: Query) -> QueryResult:
        return searching.query(ctx, query, self.state(ctx))

    def query_changes(self, ctx: Context, request: QueryChanges) -> QueryChangesResult:
        return searching.query_changes(ctx, request, self.state(ctx))

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        """Creates first, as RFC 8620 §5.3 has it: what is destroyed in the same call was sent all the same."""
        orders = [_order(given) for given in plan.creates.values()]
        heads = submissions.read_heads(ctx.account.key, [order.email_key for order in orders]) if orders else {}
        with store.writing(ctx.account.key) as writer:
            old_state = writer.state("EmailSubmission")
            plan.check_state(old_state)
            result = SetResult(old_state, old_state)
            made = submissions.create(writer, orders, heads)
            _report_created(writer, plan, made, result)
            _update(writer, plan, result)
            _destroy(writer, plan, result)
            result.new_state = writer.state("EmailSubmission")
        return result


def _order(given: Mapping[str, Json]) -> Order:
    return Order(decode("i", given["identityId"]) or 0, decode("e", given["emailId"]) or 0, given["envelope"])


def _report_created(
    writer: Writer, plan: SetPlan, made: list[SubmissionRow | SubmissionError], result: SetResult
) -> None:
    rows = [row for row in made if isinstance(row, SubmissionRow)]
    answers = read(writer.account_id, rows, _SERVED)
    for (creation_id, given), row in zip(plan.creates.items(), made, strict=True):
        if isinstance(row, SubmissionError):
            result.not_created[creation_id] = set_error(row, _WIRE_NAMES)
            continue
        answer = {**answers[row.pk], "dsnBlobIds": [], "mdnBlobIds": []}
        if given["envelope"] is not None:
            del answer["envelope"]
        result.created[creation_id] = answer
        result.notes[row.wire_id] = given["emailId"]


def _update(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    """The one thing that may change is the mind of the sender (RFC 8621 §7, undoStatus)."""
    rows = _rows(writer, plan.updates)
    current = read(writer.account_id, rows.values(), PROPERTIES) if rows else {}
    wanted: dict[int, str] = {}
    for wire, update in plan.updates.items():
        row = rows.get(wire)
        if row is None:
            result.not_updated[wire] = SetError("notFound")
            continue
        try:
            status = update.apply(current[row.pk]).get("undoStatus", row.undo_status)
            if status not in (row.undo_status, UndoStatus.CANCELED):
                raise _invalid("undoStatus", "a submission can be canceled, nothing else")
        except SetErrorException as refusal:
            result.not_updated[wire] = refusal.error
            continue
        result.updated[wire] = None
        result.notes[wire] = current[row.pk]["emailId"]
        if status != row.undo_status:
            wanted[row.pk] = wire
    for key, error in submissions.unsend(writer, wanted).items():
        wire = wanted[key]
        del result.updated[wire], result.notes[wire]
        result.not_updated[wire] = set_error(error)


def _destroy(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    rows = _rows(writer, plan.destroys)
    emails = read(writer.account_id, rows.values(), ("emailId",)) if rows else {}
    submissions.destroy(writer, [row.pk for row in rows.values()])
    for wire in plan.destroys:
        if wire in rows:
            result.destroyed.append(wire)
            result.notes[wire] = emails[rows[wire].pk]["emailId"]
        else:
            result.not_destroyed[wire] = SetError("notFound")


def _rows(writer: Writer, wires: Any) -> dict[str, SubmissionRow]:
    """The submissions that ids name, by id."""
    keys = {wire: decode("s", wire) for wire in wires}
    wanted = [key for key in keys.values() if key is not None]
    found = SubmissionRow.objects.filter(account_id=writer.account_id, pk__in=wanted) if wanted else []
    return {row.wire_id: row for row in found}


def _invalid(name: str, words: str) -> SetErrorException:
    return SetErrorException(SetError("invalidProperties", words, [name]))


@registry.register
class EmailSubmission(DataType):
    """The submission of an Email for delivery (RFC 8621 §7)."""

    identityId = Id(immutable=True, refs="Identity")
    emailId = Id(immutable=True, refs="Email")
    threadId = Id(immutable=True, server_set=True)
    envelope = Envelope(immutable=True, nullable=True)
    sendAt = UTCDate(immutable=True, server_set=True)
    undoStatus = String(choices=tuple(UndoStatus.values), default=UndoStatus.PENDING.value)
    deliveryStatus = MapOf(String, Object({}, open=True), server_set=True)
    dsnBlobIds = ListOf(Id, server_set=True)
    mdnBlobIds = ListOf(Id, server_set=True)

    class Meta:
        capability = SUBMISSION
        methods = ("get", "changes", "query", "queryChanges", "set")
        store = EmailSubmissionStore
        filters = searching.FILTERS
        sorts = searching.SORTS
        arguments = {
            "set": {
                "onSuccessUpdateEmail": MapOf(RecordKey, Object({}, open=True), nullable=True),
                "onSuccessDestroyEmail": ListOf(RecordKey, nullable=True),
            }
        }

    @classmethod
    def validate_create(cls, ctx: Context, properties: dict[str, Json]) -> dict[str, Json]:
        """A submission begins pending, whatever a client would like."""
        if properties.pop("undoStatus") != UndoStatus.PENDING:
            raise _invalid("undoStatus", "is set by the server")
        return properties

    @classmethod
    def after_set(cls, ctx: Context, arguments: Mapping[str, Json], result: SetResult) -> None:
        """One implicit Email/set for all that was asked on success (RFC 8621 §7.5)."""
        email_of = _email_finder(ctx, result)
        updates: dict[str, dict[str, Json]] = {}
        for key, patch in (arguments.get("onSuccessUpdateEmail") or {}).items():
            email = email_of(key)
            if email is not None:
                updates[email] = {**updates.get(email, {}), **patch}
        destroys = [email_of(key) for key in arguments.get("onSuccessDestroyEmail") or ()]
        wanted = list(dict.fromkeys(email for email in destroys if email is not None))
        if updates or wanted:
            ctx.call_later(
                "Email/set", {"accountId": ctx.account.id, "update": updates or None, "destroy": wanted or None}
            )


def _email_finder(ctx: Context, result: SetResult) -> Callable[[str], str | None]:
    """Finds the email of a submission that this call created, updated or destroyed, by its id or ``#creation id``."""

    def find(key: str) -> str | None:
        wire: str | None = key
        if key.startswith("#"):
            made = result.created.get(key[1:])
            wire = ctx.created_ids.get(key[1:]) if made is None else made["id"]
        email: str | None = result.notes.get(wire) if wire is not None else None
        return email

    return find
