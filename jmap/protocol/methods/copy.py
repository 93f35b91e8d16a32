"""/copy: records of one account made anew in another (RFC 8620 §5.4).

Rules kept here:
- the two accounts differ; the one copied to is written, the one copied from is only read;
- what may be overridden is checked like a create, the rest comes from the original;
- the originals are destroyed, when asked for, by one implicit /set right after the answer.
"""

from __future__ import annotations

from collections.abc import Mapping

from jmap.protocol.creation import Resolve
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.method import CORE, Access, Method
from jmap.protocol.methods.set import RecordKey, check_count, set_errors
from jmap.protocol.patch import invalid_properties
from jmap.protocol.ports import AccountInfo, Context, CopyPlan, Json, Store
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import Boolean, Id, MapOf, Object, Property, String

ARGUMENTS: dict[str, Property] = {
    "fromAccountId": Id(),
    "ifFromInState": String(nullable=True),
    "ifInState": String(nullable=True),
    "create": MapOf(Id, Object({}, open=True)),
    "onSuccessDestroyOriginal": Boolean(default=False),
    "destroyFromIfInState": String(nullable=True),
}


def method(cls: type[DataType]) -> Method:
    """Foo/copy of one type (RFC 8620 §5.4)."""
    meta = cls._meta
    store: Store = meta.store

    def copy(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        source = source_account(ctx, arguments["fromAccountId"], meta.capability)
        check_count(len(arguments["create"]), ctx)
        creates: dict[str, dict[str, Json]] = {}
        refused: dict[str, SetError] = {}
        resolve = Resolve(ctx)
        for creation_id, given in arguments["create"].items():
            try:
                creates[creation_id] = _check_copy(cls, given, resolve)
            except SetErrorException as refusal:
                refused[creation_id] = refusal.error
        plan = CopyPlan(
            source,
            arguments["ifFromInState"],
            arguments["ifInState"],
            creates,
            arguments["onSuccessDestroyOriginal"],
        )
        result = store.copy(ctx, plan)
        for creation_id, properties in result.created.items():
            ctx.created_ids.put(creation_id, properties["id"])
        if plan.destroy_original and result.created:
            originals = list(dict.fromkeys(creates[creation_id]["id"] for creation_id in result.created))
            destroy = {
                "accountId": source.id,
                "ifInState": arguments["destroyFromIfInState"],
                "destroy": originals,
            }
            ctx.call_later(f"{meta.name}/set", destroy)
        return {
            "fromAccountId": source.id,
            "oldState": result.old_state,
            "newState": result.new_state,
            "created": result.created or None,
            "notCreated": set_errors({**refused, **result.not_created}),
        }

    return Method(f"{meta.name}/copy", meta.capability, copy, ARGUMENTS, Access.WRITE, account=True)


def source_account(ctx: Context, account_id: str, capability: str) -> AccountInfo:
    """The account that a copy reads (also for Blob/copy, RFC 8620 §6.3).

    Raises MethodError fromAccountNotFound, fromAccountNotSupportedByMethod, or invalidArguments when it is the target.
    """
    source = ctx.principal.accounts.get(account_id)
    if source is None:
        raise MethodError("fromAccountNotFound")
    if source.id == ctx.account.id:
        raise MethodError("invalidArguments", "fromAccountId: must differ from accountId")
    if capability != CORE and capability not in source.capabilities:
        raise MethodError("fromAccountNotSupportedByMethod")
    return source


def _check_copy(cls: type[DataType], given: Mapping[str, Json], resolve: Resolve) -> dict[str, Json]:
    """One object to copy: the id in the source and what is to replace the original's values."""
    meta = cls._meta
    checked: dict[str, Json] = {}
    invalid: dict[str, str] = {}
    for name, value in given.items():
        declaration = cls.property_for(name)
        try:
            if name == "id":
                checked["id"] = _source_id(value, resolve)
            elif declaration is None:
                invalid[name] = "is not a known property"
            elif declaration.server_set or (meta.copy_properties is not None and name not in meta.copy_properties):
                invalid[name] = "cannot be changed by a copy"
            else:
                checked[name] = declaration.check(value, resolve)
        except Invalid as error:
            invalid[name] = str(error)
    if "id" not in given:
        invalid["id"] = "is required"
    if invalid:
        raise invalid_properties(invalid)
    return checked


_SOURCE_ID = RecordKey()


def _source_id(value: Json, resolve: Resolve) -> str:
    key = str(_SOURCE_ID.check(value))
    if not key.startswith("#"):
        return key
    found = resolve.ctx.created_ids.get(key[1:])
    if found is None:
        raise Invalid(f"no record was created as {key}")
    return found
