"""Creation ids: names that a client gives to records before the server has named them (RFC 8620 §3.3, §5.3).

Rules kept here:
- one map for all types and the whole request; a creation id used again names the most recent record;
- a reference to a record of an earlier call is replaced at once; one to a record of the same call stays in the plan as
  a CreationReference, which the store settles once it knows the new id.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.ports import Context, Json

Resolver = Callable[[str, str], str | None]
"""Maps (creation id, name of a data type) to an id or a CreationReference, or None when nothing has that name."""


class CreationReference(str):
    """``#`` and the creation id of a record that the same /set call creates; stands where its Id will stand."""

    __slots__ = ()

    @property
    def creation_id(self) -> str:
        return self[1:]


class CreatedIdMap:
    """The createdIds of one request (RFC 8620 §3.3)."""

    __slots__ = ("ids",)

    def __init__(self, ids: Mapping[str, str] | None = None) -> None:
        self.ids: dict[str, str] = dict(ids or {})

    def get(self, creation_id: str) -> str | None:
        return self.ids.get(creation_id)

    def put(self, creation_id: str, object_id: str) -> None:
        self.ids[creation_id] = object_id


class Resolve:
    """Resolves creation ids: those of this call's own type and creations first, then those of earlier calls.

    ``own`` holds the creation ids of this call, ``name`` the data type it creates (RFC 8620 §5.3). Without them only
    earlier calls count, which is what methods other than /set need. ``pending`` gathers the creation ids of this
    call that were referred to.
    """

    __slots__ = ("ctx", "name", "own", "pending")

    def __init__(self, ctx: Context, name: str = "", own: Container[str] = ()) -> None:
        self.ctx = ctx
        self.pending: set[str] = set()
        self.name = name
        self.own = own

    def __call__(self, creation_id: str, refs: str) -> str | None:
        if refs == self.name and creation_id in self.own:
            self.pending.add(creation_id)
            return CreationReference(f"#{creation_id}")
        return self.ctx.created_ids.get(creation_id)


def references(value: Json) -> set[str]:
    """The creation ids that unsettled references inside a value name."""
    if isinstance(value, CreationReference):
        return {value.creation_id}
    if isinstance(value, dict):
        return {name for pair in value.items() for part in pair for name in references(part)}
    if isinstance(value, list):
        return {name for item in value for name in references(item)}
    return set()


def settle(value: Json, created: Mapping[str, str]) -> Json:
    """The value with each CreationReference replaced, also where it is a key of a map.

    ``created`` maps creation ids to ids. Raises KeyError(creation id) for a record that was not created.
    """
    if isinstance(value, CreationReference):
        return created[value.creation_id]
    if isinstance(value, dict):
        return {settle(key, created): settle(item, created) for key, item in value.items()}
    if isinstance(value, list):
        return [settle(item, created) for item in value]
    return value


def settle_object(properties: Mapping[str, Json], created: Mapping[str, str]) -> dict[str, Json]:
    """The properties of one create with all references settled.

    Raises SetErrorException invalidProperties naming each property that refers to a record which was not created.
    """
    settled: dict[str, Any] = {}
    invalid: list[str] = []
    for name, value in properties.items():
        try:
            settled[name] = settle(value, created)
        except KeyError:
            invalid.append(name)
    if invalid:
        raise SetErrorException(
            SetError("invalidProperties", "refers to a record that was not created", properties=invalid)
        )
    return settled
