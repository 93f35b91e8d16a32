"""Identity on the wire (RFC 8621 §6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jmap import store
from jmap.ids import decode, encode
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.ports import ChangesResult, Context, GetRequest, GetResult, Json, RawJson, SetPlan, SetResult
from jmap.protocol.properties import Boolean, String
from jmap.registry import registry
from jmap.store import Writer
from mail.datatypes.email_properties import email_addresses
from mail.datatypes.thread import changes_of
from submission.datatypes.capability import SUBMISSION
from submission.datatypes.set_errors import set_error
from submission.models import Identity as IdentityRow
from submission.services import identities
from submission.services.errors import SubmissionError

FIELD_OF = {
    "name": "name",
    "email": "email",
    "replyTo": "reply_to",
    "bcc": "bcc",
    "textSignature": "text_signature",
    "htmlSignature": "html_signature",
}
"""What the model calls the properties that a client sets."""
_WIRE_NAMES = {field: name for name, field in FIELD_OF.items()}

_READERS: Mapping[str, Callable[[IdentityRow], Json]] = {
    "id": lambda row: row.wire_id,
    "name": lambda row: row.name,
    "email": lambda row: row.email,
    "replyTo": lambda row: row.reply_to,
    "bcc": lambda row: row.bcc,
    "textSignature": lambda row: row.text_signature,
    "htmlSignature": lambda row: row.html_signature,
    "mayDelete": lambda row: row.may_delete,
}


_COLUMNS = (*FIELD_OF.values(), "may_delete")
_JSON = frozenset({"replyTo", "bcc"})


def _item(key: int, columns: tuple[Any, ...], properties: Sequence[str]) -> dict[str, Json]:
    """An Identity as it travels, of the columns that were read."""
    values = dict(zip((*FIELD_OF, "mayDelete"), columns, strict=True))
    values |= {name: None if values[name] is None else RawJson(values[name]) for name in _JSON}
    values |= {"id": encode("i", key), "mayDelete": bool(values["mayDelete"])}
    return {name: values[name] for name in properties}


class IdentityStore:
    """What the user may send as."""

    def state(self, ctx: Context) -> str:
        return store.current_state(ctx.account.key, "Identity")

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        """Ids null answers all of them (RFC 8621 §6.1)."""
        keys = None if request.ids is None else {wire: decode("i", wire) for wire in request.ids}
        state, found = store.tracked(
            IdentityRow,
            "Identity",
            ctx.account.key,
            _COLUMNS,
            None if keys is None else [key for key in keys.values() if key is not None],
            ctx.limits.max_objects_in_get,
        )
        order = list(found) if keys is None else [key for key in keys.values() if key in found]
        items = [_item(key, found[key], request.properties) for key in order]
        missing = [] if keys is None else [wire for wire, key in keys.items() if key not in found]
        return GetResult(state, items, missing)

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        return changes_of(IdentityRow, "Identity", "i", ctx, since, max_changes)

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        with store.writing(ctx.account.key) as writer:
            old_state = writer.state("Identity")
            plan.check_state(old_state)
            result = SetResult(old_state, old_state)
            _create(writer, plan, result)
            _update(writer, plan, result)
            _destroy(writer, plan, result)
            result.new_state = writer.state("Identity")
        return result


def _create(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    wanted = [_fields(given) for given in plan.creates.values()]
    for creation_id, made in zip(plan.creates, identities.create(writer, wanted), strict=True):
        if isinstance(made, SubmissionError):
            result.not_created[creation_id] = set_error(made, _WIRE_NAMES)
        else:
            result.created[creation_id] = {"id": made.wire_id, "mayDelete": made.may_delete}


def _update(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    keys = {wire: decode("i", wire) for wire in plan.updates}
    rows = {
        row.pk: row
        for row in IdentityRow.objects.filter(
            account_id=writer.account_id, pk__in=[key for key in keys.values() if key is not None]
        )
    }
    wanted: dict[int, dict[str, Any]] = {}
    for wire, update in plan.updates.items():
        key = keys[wire]
        if key is None or key not in rows:
            result.not_updated[wire] = SetError("notFound")
            continue
        try:
            wanted[key] = _fields(update.apply({name: read(rows[key]) for name, read in _READERS.items()}))
        except SetErrorException as refusal:
            result.not_updated[wire] = refusal.error
    refused = identities.update(writer, wanted)
    for key in wanted:
        if key in refused:
            result.not_updated[encode("i", key)] = set_error(refused[key], _WIRE_NAMES)
        else:
            result.updated[encode("i", key)] = None


def _destroy(writer: Writer, plan: SetPlan, result: SetResult) -> None:
    keys = {wire: decode("i", wire) for wire in plan.destroys}
    refused = identities.destroy(writer, [key for key in keys.values() if key is not None])
    for wire, key in keys.items():
        if key is None:
            result.not_destroyed[wire] = SetError("notFound")
        elif key in refused:
            result.not_destroyed[wire] = set_error(refused[key])
        else:
            result.destroyed.append(wire)


def _fields(given: Mapping[str, Json]) -> dict[str, Any]:
    return {FIELD_OF[name]: value for name, value in given.items()}


@registry.register
class Identity(DataType):
    """An address that the user may send from (RFC 8621 §6)."""

    name = String(default="")
    email = String(immutable=True)
    replyTo = email_addresses(nullable=True)
    bcc = email_addresses(nullable=True)
    textSignature = String(default="")
    htmlSignature = String(default="")
    mayDelete = Boolean(server_set=True)

    class Meta:
        capability = SUBMISSION
        methods = ("get", "changes", "set")
        store = IdentityStore
        at_once = ("get", "changes")
