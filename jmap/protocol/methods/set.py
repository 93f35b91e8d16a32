"""/set: create, update and destroy in one call (RFC 8620 §5.3).

Rules kept here:
- what can be judged without the store is judged here, object by object; one that is refused never hinders another;
- a creation stands before those that refer to it; one that refers to a refused creation is refused as well;
- update and destroy may name a record by ``#`` and its creation id, also one of the same call: those go to the store
  in a second plan, once the ids are known;
- notCreated and its kin are null when there is nothing in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from jmap.protocol.creation import CreationReference, Resolve, Resolver, references
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.method import Access, Method
from jmap.protocol.patch import Patch, invalid_properties, parse_patch
from jmap.protocol.ports import Context, Json, SetPlan, SetResult, Store, Update
from jmap.protocol.primitives import Invalid, check_id
from jmap.protocol.properties import Id, ListOf, MapOf, Object, Property, String


class RecordKey(Property):
    """An Id, or ``#`` and a creation id (RFC 8620 §5.3)."""

    def _check(self, value: Json, resolve: object) -> Json:
        if isinstance(value, str) and len(value) > 1 and value.startswith("#"):
            return value
        return check_id(value)


ARGUMENTS: dict[str, Property] = {
    "ifInState": String(nullable=True),
    "create": MapOf(Id, Object({}, open=True), nullable=True),
    "update": MapOf(RecordKey, Object({}, open=True), nullable=True),
    "destroy": ListOf(RecordKey, nullable=True),
}


def method(cls: type[DataType]) -> Method:
    """Foo/set of one type (RFC 8620 §5.3)."""
    meta = cls._meta
    extra = meta.arguments.get("set", {})

    def set(ctx: Context, arguments: Mapping[str, Json]) -> dict[str, Json]:
        draft = Draft(cls, ctx, arguments)
        extras = {name: arguments[name] for name in extra if name in arguments}
        result = draft.carry_out(meta.store, arguments.get("ifInState"), extras)
        cls.after_set(ctx, extras, result)
        return draft.answer(result)

    declarations = {**ARGUMENTS, **extra}
    if not meta.account:
        del declarations["ifInState"]
    return Method(f"{meta.name}/set", meta.capability, set, declarations, Access.WRITE, meta.account)


def check_count(count: int, ctx: Context) -> None:
    """Raise MethodError requestTooLarge above maxObjectsInSet (RFC 8620 §5.3)."""
    if count > ctx.limits.max_objects_in_set:
        raise MethodError("requestTooLarge", f"at most {ctx.limits.max_objects_in_set} objects may be changed at once")


def check_create(
    cls: type[DataType], properties: Mapping[str, Json], resolve: Resolver
) -> tuple[dict[str, Json], dict[str, Json]]:
    """A create, checked and completed, and the defaults that completed it. Raises SetErrorException."""
    checked: dict[str, Json] = {}
    invalid: dict[str, str] = {}
    for name, value in properties.items():
        declaration = cls.property_for(name)
        if declaration is None:
            invalid[name] = "is not a known property"
        elif declaration.server_set:
            invalid[name] = "may only be set by the server"
        else:
            try:
                checked[name] = declaration.check(value, resolve)
            except Invalid as error:
                invalid[name] = str(error)
    defaults: dict[str, Json] = {}
    for name, declaration in cls._meta.properties.items():
        if name not in properties and not declaration.server_set:
            if declaration.required:
                invalid[name] = "is required"
            elif declaration.has_default:
                defaults[name] = declaration.fallback()
    if invalid:
        raise invalid_properties(invalid)
    return {**checked, **defaults}, defaults


@dataclass(slots=True)
class Refused:
    """What was refused before the store saw it."""

    created: dict[str, SetError] = field(default_factory=dict)
    updated: dict[str, SetError] = field(default_factory=dict)
    destroyed: dict[str, SetError] = field(default_factory=dict)


class Draft:
    """One /set call between its arguments and the plan for the store."""

    def __init__(self, cls: type[DataType], ctx: Context, arguments: Mapping[str, Json]) -> None:
        create, update = arguments["create"] or {}, arguments["update"] or {}
        destroy = list(dict.fromkeys(arguments["destroy"] or ()))
        check_count(len(create) + len(update) + len(destroy), ctx)
        self.cls = cls
        self.ctx = ctx
        self.refused = Refused()
        self.defaults: dict[str, dict[str, Json]] = {}
        self.creates: dict[str, dict[str, Json]] = {}
        self.updates: dict[str, Patch] = {}
        self.patches: dict[str, Patch] = {}
        self.destroys: dict[str, None] = {}
        self.late_updates: dict[str, Patch] = {}
        self.late_destroys: list[str] = []
        self._take_creates(create)
        self._take_destroys(destroy)
        self._take_updates(update)

    def _take_creates(self, create: Mapping[str, dict[str, Json]]) -> None:
        resolve = Resolve(self.ctx, self.cls._meta.name, create)
        for creation_id, properties in create.items():
            if self.cls._meta.singleton:
                self.refused.created[creation_id] = SetError("singleton", "there is exactly one, and it exists")
                continue
            try:
                whole, self.defaults[creation_id] = check_create(self.cls, properties, resolve)
                self.creates[creation_id] = self.cls.validate_create(self.ctx, whole)
            except SetErrorException as refusal:
                self.refused.created[creation_id] = refusal.error
        self.creates = self._ordered(self._without_dangling(self.creates))

    def _without_dangling(self, creates: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
        """Drop what refers to a refused creation, then what refers to that, until nothing does."""
        while True:
            kept = {}
            for creation_id, properties in creates.items():
                dangling = {
                    name: "refers to a record that was not created"
                    for name, value in properties.items()
                    if not references(value) <= creates.keys()
                }
                if dangling:
                    self.refused.created[creation_id] = invalid_properties(dangling).error
                else:
                    kept[creation_id] = properties
            if len(kept) == len(creates):
                return kept
            creates = kept

    @staticmethod
    def _ordered(creates: dict[str, dict[str, Json]]) -> dict[str, dict[str, Json]]:
        """Each creation after those it refers to, as far as there is no cycle, otherwise as the client wrote them."""
        needs = {creation_id: references(properties) for creation_id, properties in creates.items()}
        if not any(needs.values()):
            return creates
        ordered: dict[str, dict[str, Json]] = {}
        entered: set[str] = set()
        for start in creates:
            stack = [start]
            while stack:
                current = stack[-1]
                waiting = [need for need in needs[current] if need not in ordered and need not in entered]
                if current in ordered or not waiting or current in entered:
                    stack.pop()
                    ordered.setdefault(current, creates[current])
                else:
                    entered.add(current)
                    stack.extend(waiting)
        return ordered

    def _take_destroys(self, destroy: list[str]) -> None:
        for key in destroy:
            record_id = self._record_id(key)
            if self.cls._meta.singleton:
                self.refused.destroyed[key] = SetError("singleton", "it cannot be destroyed")
            elif record_id is None:
                self.refused.destroyed[key] = SetError("notFound")
            elif isinstance(record_id, CreationReference):
                self.late_destroys.append(record_id)
            else:
                self.destroys[record_id] = None

    def _take_updates(self, update: Mapping[str, dict[str, Json]]) -> None:
        resolve = Resolve(self.ctx, self.cls._meta.name, {**self.creates, **self.refused.created})
        doomed = frozenset((*self.destroys, *self.late_destroys))
        for key, patch in update.items():
            record_id = self._record_id(key)
            if record_id is None:
                self.refused.updated[key] = SetError("notFound")
            elif record_id in doomed:
                self.refused.updated[record_id] = SetError("willDestroy")
            elif record_id in self.updates:
                self.refused.updated[key] = SetError("invalidPatch", "the record is updated twice in this call")
            else:
                self._take_update(record_id, patch, resolve)

    def _take_update(self, record_id: str, patch: Mapping[str, Json], resolve: Resolve) -> None:
        """Check one patch; clients change many records alike, so a patch written the same way is judged once."""
        written = repr(patch)
        try:
            parsed = self.patches.get(written)
            if parsed is None:
                parsed = self.patches[written] = self._checked_patch(patch, resolve)
        except SetErrorException as refusal:
            self.refused.updated[record_id] = refusal.error
            return
        updates = self.late_updates if isinstance(record_id, CreationReference) else self.updates
        updates[record_id] = parsed

    def _checked_patch(self, patch: Mapping[str, Json], resolve: Resolve) -> Patch:
        parsed = parse_patch(self.cls, patch, resolve)
        if not resolve.pending <= self.creates.keys():
            dangling = {
                change.path[0]: "refers to a record that was not created"
                for change in parsed.changes
                if not references([*change.path, change.value]) <= self.creates.keys()
            }
            if dangling:
                raise invalid_properties(dangling)
        self.cls.validate_update(self.ctx, parsed)
        return parsed

    def _record_id(self, key: str) -> str | None:
        """The id that a key of update or an item of destroy names; a CreationReference if it is of this call."""
        if not key.startswith("#"):
            return key
        if key[1:] in self.creates:
            return CreationReference(key)
        return None if key[1:] in self.refused.created else self.ctx.created_ids.get(key[1:])

    def carry_out(self, store: Store, if_in_state: str | None, extra: Mapping[str, Json]) -> SetResult:
        """Let the store do it, in a second plan what concerns records that the first one creates."""
        updates: dict[str, Update] = dict(self.updates)
        result = store.set(self.ctx, SetPlan(if_in_state, self.creates, updates, list(self.destroys), extra))
        created = {creation_id: properties["id"] for creation_id, properties in result.created.items()}
        for creation_id, record_id in created.items():
            self.ctx.created_ids.put(creation_id, record_id)
        if self.late_updates or self.late_destroys:
            try:
                self._carry_out_late(store, result, created, extra)
            except Exception as error:
                raise MethodError("serverPartialFail", "records were created, but not all was done to them") from error
        return result

    def _carry_out_late(
        self, store: Store, result: SetResult, created: Mapping[str, str], extra: Mapping[str, Json]
    ) -> None:
        updates: dict[str, Update] = {}
        destroys: list[str] = []
        for key, patch in self.late_updates.items():
            if key[1:] in created:
                updates[created[key[1:]]] = patch
            else:
                self.refused.updated[key] = SetError("notFound")
        for key in self.late_destroys:
            if key[1:] in created:
                destroys.append(created[key[1:]])
            else:
                self.refused.destroyed[key] = SetError("notFound")
        settled: dict[str, Update] = {}
        for record_id, update in updates.items():
            try:
                settled[record_id] = update.settle(created)
            except SetErrorException as refusal:
                self.refused.updated[record_id] = refusal.error
        later = store.set(self.ctx, SetPlan(None, {}, settled, destroys, extra))
        result.new_state = later.new_state
        result.updated.update(later.updated)
        result.destroyed.extend(later.destroyed)
        result.not_updated.update(later.not_updated)
        result.not_destroyed.update(later.not_destroyed)
        result.notes.update(later.notes)

    def answer(self, result: SetResult) -> dict[str, Json]:
        """The response arguments (RFC 8620 §5.3)."""
        created = {
            creation_id: {"id": properties["id"], **self.defaults.get(creation_id, {}), **properties}
            for creation_id, properties in result.created.items()
        }
        states = {"oldState": result.old_state, "newState": result.new_state} if self.cls._meta.account else {}
        return {
            **states,
            "created": created or None,
            "updated": result.updated or None,
            "destroyed": result.destroyed or None,
            "notCreated": set_errors({**self.refused.created, **result.not_created}),
            "notUpdated": set_errors({**self.refused.updated, **result.not_updated}),
            "notDestroyed": set_errors({**self.refused.destroyed, **result.not_destroyed}),
        }


def set_errors(errors: Mapping[str, SetError]) -> dict[str, Json] | None:
    """SetErrors as JSON, null when there are none (RFC 8620 §5.3); keys may be CreationReferences and become plain."""
    return {str(key): error.to_json() for key, error in errors.items()} or None
