"""What the protocol core asks of the world, and the values that pass between the two.

Rules kept here:
- values are plain Python; names are the RFC's, in snake_case; only property names of data types stay camelCase;
- a store judges what needs the database (existence, uniqueness, final state); the engine judges all else before it;
- a store reads inside the snapshot that the dispatcher opened, and opens its own transaction to write; one that says so
  (``Meta.at_once``) reads in one statement, and opens the snapshot where it needs more.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from jmap.protocol.errors import SetError

Json = Any
"""A JSON value as Python holds it; RawJson may stand anywhere inside an answer."""


class RawJson:
    """A JSON value that is already serialised: UTF-8 bytes or text, parsed only when a reference looks inside.

    The edge splices ``data`` into the response as it is, so whoever makes one vouches that it is valid JSON.
    """

    __slots__ = ("_value", "data")

    def __init__(self, data: bytes | str) -> None:
        self.data = data

    def value(self) -> Json:
        """The parsed value; parsed once, so whoever gets it must not change it."""
        try:
            return self._value
        except AttributeError:
            self._value: Json = json.loads(self.data)
            return self._value


@dataclass(frozen=True, slots=True)
class AccountInfo:
    """An account as one principal sees it (RFC 8620 §2).

    ``key`` is whatever the store knows the account by; the core passes it through and never looks inside.
    ``capabilities`` maps each capability URI that this principal may use in the account to what the account itself adds
    to the accountCapabilities value that the registry declares.
    """

    id: str
    key: Any
    name: str
    is_personal: bool
    is_read_only: bool
    capabilities: Mapping[str, Json]


class Principal(Protocol):
    """Who makes the request: a username and the accounts that it may see, its own first (RFC 8620 §2)."""

    @property
    def username(self) -> str: ...

    @property
    def key(self) -> Any:
        """What the stores know the principal by (a user's primary key)."""

    @property
    def accounts(self) -> Mapping[str, AccountInfo]: ...

    @property
    def login(self) -> str:
        """Names the credentials of the request, the same as long as they hold (RFC 8620 §7.2)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The numbers of the core capability (RFC 8620 §2), all enforced; sizes in octets."""

    max_size_upload: int = 50_000_000
    max_concurrent_upload: int = 4
    max_size_request: int = 10_000_000
    max_concurrent_requests: int = 8
    max_calls_in_request: int = 64
    max_objects_in_get: int = 1_000
    max_objects_in_set: int = 1_000


class CreatedIds(Protocol):
    """The creation ids of the request so far (RFC 8620 §3.3)."""

    def get(self, creation_id: str) -> str | None: ...

    def put(self, creation_id: str, object_id: str) -> None: ...


@dataclass(slots=True)
class Context:
    """What one method call sees of the request around it.

    ``call_later(name, arguments)`` runs another method right after this one, its answer placed under the same
    call id (the implicit calls of RFC 8620 §5.4 and RFC 8621 §7.5). ``snapshot()`` makes all that is read from here on
    be of one moment; it does nothing where that is so already.
    """

    principal: Principal
    account: AccountInfo
    limits: Limits
    created_ids: CreatedIds
    using: frozenset[str]
    call_later: Callable[[str, dict[str, Json]], None]
    snapshot: Callable[[], None] = lambda: None


class Backend(Protocol):
    """Transactions, as the dispatcher needs them."""

    def reading(self) -> AbstractContextManager[None]:
        """One snapshot: all reads inside see the same moment. Shared by neighbouring read calls of a request."""


# ------------------------------------------------------------------------------------------------ /get and /changes


@dataclass(frozen=True, slots=True)
class GetRequest:
    """A /get, checked (RFC 8620 §5.1). ``ids`` None means all; ``properties`` always holds ``id``.

    ``properties`` keeps the order asked for and may hold dynamic names (``header:…``) that the type has accepted.
    """

    ids: Sequence[str] | None
    properties: Sequence[str]
    arguments: Mapping[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class GetResult:
    """``items`` are objects with exactly the properties asked for, each a dict or a RawJson."""

    state: str
    items: Sequence[Json]
    not_found: Sequence[str]


@dataclass(slots=True)
class ChangesResult:
    """The answer to /changes (RFC 8620 §5.2); ``extra`` holds a type's own fields such as updatedProperties."""

    old_state: str
    new_state: str
    has_more: bool
    created: Sequence[str]
    updated: Sequence[str]
    destroyed: Sequence[str]
    extra: Mapping[str, Json] = field(default_factory=dict)


# ------------------------------------------------------------------------------------------------------------ /query


@dataclass(frozen=True, slots=True)
class Condition:
    """A leaf of a filter: property name to value, all of which must hold; an empty one matches everything."""

    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Operator:
    """A FilterOperator (RFC 8620 §5.5): ``kind`` is AND, OR or NOT; NOT means that none of the parts matches."""

    kind: str
    parts: tuple[Filter, ...]


Filter = Condition | Operator


@dataclass(frozen=True, slots=True)
class Comparator:
    """One sort key; ``arguments`` holds what a type adds (``keyword`` of RFC 8621 §4.4.2)."""

    property: str
    is_ascending: bool = True
    collation: str | None = None
    arguments: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Query:
    """A /query, checked (RFC 8620 §5.5): by ``anchor`` or by ``position``; ``limit`` is clamped, None is none."""

    filter: Filter | None
    sort: tuple[Comparator, ...]
    position: int = 0
    anchor: str | None = None
    anchor_offset: int = 0
    limit: int | None = None
    calculate_total: bool = False
    arguments: Mapping[str, Json] = field(default_factory=dict)


@dataclass(slots=True)
class QueryResult:
    """The answer to /query (RFC 8620 §5.5); ``total`` is needed exactly when ``calculate_total`` was asked."""

    query_state: str
    can_calculate_changes: bool
    position: int
    ids: Sequence[str]
    total: int | None = None


@dataclass(frozen=True, slots=True)
class QueryChanges:
    """A /queryChanges, checked (RFC 8620 §5.6); ``query`` carries filter, sort, arguments and calculate_total."""

    query: Query
    since: str
    max_changes: int | None
    up_to_id: str | None


@dataclass(slots=True)
class QueryChangesResult:
    """``added`` is (index, id) pairs, ascending by index."""

    old_query_state: str
    new_query_state: str
    removed: Sequence[str]
    added: Sequence[tuple[int, str]]
    total: int | None = None


# -------------------------------------------------------------------------------------------------------------- /set


class Update(Protocol):
    """One PatchObject, checked as far as that goes without the object (RFC 8620 §5.3)."""

    @property
    def touched(self) -> frozenset[str]:
        """Top-level properties that the patch names."""

    @property
    def patch(self) -> Sequence[tuple[tuple[str, ...], Json]]:
        """(path, value) pairs, the path split and unescaped, creation references resolved; None removes an entry."""

    def apply(self, current: Mapping[str, Json]) -> dict[str, Json]:
        """The touched properties after the patch, given at least their current values.

        Raises SetErrorException (invalidPatch, invalidProperties) by every rule of RFC 8620 §5.3 on the final value.
        """

    def settle(self, created: Mapping[str, str]) -> Update:
        """The patch with references to creations of the same plan replaced, given their ids by creation id.

        Raises SetErrorException invalidProperties for one that was not created.
        """


@dataclass(slots=True)
class SetPlan:
    """A /set, checked (RFC 8620 §5.3).

    ``creates`` are full objects with defaults filled in, ordered so that a referenced creation stands before those that
    refer to it (as far as there is no cycle); an Id may still be a CreationReference ("#cid") to another creation of
    this plan, which ``creation.settle_object`` and ``Update.settle`` replace once its id is known.
    """

    if_in_state: str | None
    creates: Mapping[str, dict[str, Json]]
    updates: Mapping[str, Update]
    destroys: Sequence[str]
    arguments: Mapping[str, Json] = field(default_factory=dict)

    def check_state(self, current: str) -> None:
        """Raise MethodError stateMismatch unless ``ifInState`` holds; call it under the account's lock."""
        from jmap.protocol.errors import MethodError

        if self.if_in_state is not None and self.if_in_state != current:
            raise MethodError("stateMismatch")


@dataclass(slots=True)
class SetResult:
    """What became of a plan. ``created`` maps to the server-set and defaulted properties, ``id`` among them;
    ``updated`` to None or the properties that changed in a way the client did not ask for.

    ``notes``: by id of a record that was created, updated or destroyed, what the store tells ``DataType.after_set``; it
    is not sent.
    """

    old_state: str
    new_state: str
    created: dict[str, dict[str, Json]] = field(default_factory=dict)
    updated: dict[str, dict[str, Json] | None] = field(default_factory=dict)
    destroyed: list[str] = field(default_factory=list)
    not_created: dict[str, SetError] = field(default_factory=dict)
    not_updated: dict[str, SetError] = field(default_factory=dict)
    not_destroyed: dict[str, SetError] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """A /copy, checked (RFC 8620 §5.4): ``creates`` maps creation ids to objects that hold the ``id`` in the source."""

    source: AccountInfo
    if_from_in_state: str | None
    if_in_state: str | None
    creates: Mapping[str, dict[str, Json]]
    destroy_original: bool


class Store(Protocol):
    """What stands behind a data type. A type needs only what its methods call; state is always needed.

    Every method may raise MethodError. All run inside ``Backend.reading`` but those named by ``Meta.at_once``, and
    ``set`` and ``copy``, which open their own transaction, take the account's lock before they read, and commit before
    they return.
    """

    def state(self, ctx: Context) -> str: ...

    def get(self, ctx: Context, request: GetRequest) -> GetResult: ...

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult: ...

    def set(self, ctx: Context, plan: SetPlan) -> SetResult: ...

    def copy(self, ctx: Context, plan: CopyPlan) -> SetResult: ...

    def query(self, ctx: Context, query: Query) -> QueryResult: ...

    def query_changes(self, ctx: Context, request: QueryChanges) -> QueryChangesResult: ...
