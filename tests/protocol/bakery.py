"""A bakery on which the protocol core is proven: data types of its own and a store that keeps every state in memory.

Rules kept here: every change of one record is a state of its own, so any state can be returned to; /queryChanges is
computed from two complete results, and is therefore exact.
"""

import difflib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jmap.protocol.collation import collation_key
from jmap.protocol.creation import settle_object
from jmap.protocol.datatype import DataType
from jmap.protocol.dispatch import process
from jmap.protocol.errors import MethodError, SetError, SetErrorException
from jmap.protocol.filters import matches
from jmap.protocol.method import CORE
from jmap.protocol.plain import to_plain
from jmap.protocol.ports import (
    AccountInfo,
    ChangesResult,
    Comparator,
    Context,
    CopyPlan,
    GetRequest,
    GetResult,
    Limits,
    Query,
    QueryChanges,
    QueryChangesResult,
    QueryResult,
    RawJson,
    SetPlan,
    SetResult,
)
from jmap.protocol.properties import (
    AnyJson,
    Boolean,
    Id,
    ListOf,
    MapOf,
    Object,
    SetOf,
    String,
    UnsignedInt,
    UTCDate,
)
from jmap.protocol.registry import Registry
from jmap.protocol.window import window

BAKERY = "https://bakery.example/jmap"
CELLAR = "https://bakery.example/cellar"

Records = dict[str, dict[str, Any]]


class MemoryStore:
    """Keeps, for each account, the records as they were in every state."""

    def __init__(self) -> None:
        self.history: dict[Any, list[Records]] = {}
        self.baked = 0
        self.raw = False
        self.prefix = "c"

    def states(self, ctx: Context) -> list[Records]:
        return self.history.setdefault(ctx.account.key, [{}])

    def now(self, ctx: Context) -> Records:
        return self.states(ctx)[-1]

    def state(self, ctx: Context) -> str:
        return str(len(self.states(ctx)) - 1)

    def commit(self, ctx: Context, record_id: str, record: dict[str, Any] | None) -> None:
        after = {**self.now(ctx)}
        if record is None:
            del after[record_id]
        else:
            after[record_id] = record
        self.states(ctx).append(after)

    def at(self, ctx: Context, state: str) -> int:
        if not state.isdigit() or int(state) >= len(self.states(ctx)):
            raise MethodError("cannotCalculateChanges")
        return int(state)

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        records = self.now(ctx)
        ids = list(records) if request.ids is None else request.ids
        found = [
            {"id": record_id, **{name: records[record_id].get(name) for name in request.properties if name != "id"}}
            for record_id in ids
            if record_id in records
        ]
        items = [RawJson(json.dumps(item)) for item in found] if self.raw else found
        return GetResult(self.state(ctx), items, [record_id for record_id in ids if record_id not in records])

    def changes(self, ctx: Context, since: str, max_changes: int | None) -> ChangesResult:
        states = self.states(ctx)
        first, last = self.at(ctx, since), len(states) - 1
        upto = last if max_changes is None else min(last, first + max_changes)
        old, new = states[first], states[upto]
        return ChangesResult(
            old_state=since,
            new_state=str(upto),
            has_more=upto < last,
            created=[record_id for record_id in new if record_id not in old],
            updated=[record_id for record_id in new if record_id in old and new[record_id] != old[record_id]],
            destroyed=[record_id for record_id in old if record_id not in new],
        )

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        plan.check_state(self.state(ctx))
        result = SetResult(self.state(ctx), self.state(ctx))
        ids: dict[str, str] = {}
        for creation_id, properties in plan.creates.items():
            try:
                record = settle_object(properties, ids)
                ids[creation_id] = self.bake(ctx, record)
                result.created[creation_id] = {"id": ids[creation_id], "bakedBy": ctx.principal.username}
            except SetErrorException as refusal:
                result.not_created[creation_id] = refusal.error
        for record_id, update in plan.updates.items():
            current = self.now(ctx).get(record_id)
            try:
                if current is None:
                    raise SetErrorException(SetError("notFound"))
                applied = update.settle(ids).apply({"id": record_id, **current})
                changed = {name: value for name, value in {**current, **applied}.items() if value is not None}
                if changed != current:
                    self.commit(ctx, record_id, changed)
                result.updated[record_id] = None
            except SetErrorException as refusal:
                result.not_updated[record_id] = refusal.error
        for record_id in plan.destroys:
            if record_id in self.now(ctx):
                self.commit(ctx, record_id, None)
                result.destroyed.append(record_id)
            else:
                result.not_destroyed[record_id] = SetError("notFound")
        result.new_state = self.state(ctx)
        return result

    def bake(self, ctx: Context, record: dict[str, Any]) -> str:
        if record.get("name") == "burnt":
            raise SetErrorException(SetError("forbidden", "burnt cakes are not sold"))
        self.baked += 1
        record_id = f"{self.prefix}{self.baked}"
        kept = {name: value for name, value in record.items() if value is not None}
        self.commit(ctx, record_id, {**kept, "bakedBy": ctx.principal.username})
        return record_id

    def copy(self, ctx: Context, plan: CopyPlan) -> SetResult:
        result = SetResult(self.state(ctx), "")
        source = self.history.get(plan.source.key, [{}])[-1]
        for creation_id, wanted in plan.creates.items():
            original = source.get(wanted["id"])
            if original is None:
                result.not_created[creation_id] = SetError("notFound")
            else:
                overrides = {name: value for name, value in wanted.items() if name != "id"}
                result.created[creation_id] = {"id": self.bake(ctx, {**original, **overrides})}
        result.new_state = self.state(ctx)
        return result

    def results(self, records: Records, query: Query) -> list[str]:
        """All ids that match, in order."""
        found = [
            record_id
            for record_id, record in records.items()
            if matches(query.filter, lambda values, record=record: self.is_match(record, values))
        ]
        for comparator in reversed(query.sort):
            key = collation_key(comparator.collation)
            found.sort(
                key=lambda record_id: self.sort_key(records[record_id], comparator, key),
                reverse=not comparator.is_ascending,
            )
        return found

    @staticmethod
    def sort_key(record: dict[str, Any], comparator: Comparator, key: Any) -> Any:
        if comparator.property == "hasTopping":
            return comparator.arguments["topping"] in record["toppings"]
        value = record[comparator.property]
        return key(value) if isinstance(value, str) else value

    @staticmethod
    def is_match(record: dict[str, Any], values: Mapping[str, Any]) -> bool:
        return all(
            value in record["toppings"] if name == "topping" else record.get(name) == value
            for name, value in values.items()
        )

    def query(self, ctx: Context, query: Query) -> QueryResult:
        found = self.results(self.now(ctx), query)
        position, ids = window(found, query)
        return QueryResult(self.state(ctx), True, position, ids, len(found) if query.calculate_total else None)

    def query_changes(self, ctx: Context, request: QueryChanges) -> QueryChangesResult:
        old = self.results(self.states(ctx)[self.at(ctx, request.since)], request.query)
        new = self.results(self.now(ctx), request.query)
        blocks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
        kept = {record_id for block in blocks for record_id in old[block.a : block.a + block.size]}
        return QueryChangesResult(
            old_query_state=request.since,
            new_query_state=self.state(ctx),
            removed=[record_id for record_id in old if record_id not in kept],
            added=[(index, record_id) for index, record_id in enumerate(new) if record_id not in kept],
            total=len(new) if request.query.calculate_total else None,
        )


class OvenStore:
    """One oven, always there."""

    def __init__(self) -> None:
        self.degrees = 180

    def state(self, ctx: Context) -> str:
        return str(self.degrees)

    def get(self, ctx: Context, request: GetRequest) -> GetResult:
        oven = {"id": "singleton", "degrees": self.degrees}
        wanted = request.ids is None or "singleton" in request.ids
        missing = [record_id for record_id in request.ids or () if record_id != "singleton"]
        return GetResult(self.state(ctx), [oven] if wanted else [], missing)

    def set(self, ctx: Context, plan: SetPlan) -> SetResult:
        result = SetResult(self.state(ctx), "")
        for record_id, update in plan.updates.items():
            self.degrees = update.apply({"degrees": self.degrees}).get("degrees", self.degrees)
            result.updated[record_id] = None
        result.new_state = self.state(ctx)
        return result


def no_raisins(name: str) -> None:
    """Refuse a name, to show what a ``validate`` hook is for."""
    if "raisin" in name:
        raise ValueError("must not hold raisins")


def build_registry(cakes: MemoryStore, orders: MemoryStore, oven: OvenStore) -> Registry:
    """The bakery's capabilities, data types and methods."""
    registry = Registry()
    registry.capability(BAKERY, {"open": True}, lambda account: {"mayBake": not account.is_read_only})
    registry.capability(CELLAR)

    @registry.register
    class Cake(DataType):
        """What the bakery bakes."""

        name = String(sortable=True, filterable=True, validate=no_raisins)
        layers = UnsignedInt(default=1, sortable=True, filterable=True)
        toppings = SetOf(String, default=dict)
        vegan = Boolean(default=False, sortable=True, filterable=True)
        note = String(nullable=True)
        baseId = Id(refs="Cake", nullable=True, filterable=True)
        likes = SetOf(Id(refs="Cake"), default=dict)
        prices = MapOf(String, Object({"amount": UnsignedInt(), "currency": String(default="EUR")}), default=dict)
        recipe = AnyJson(optional=True)
        tags = ListOf(String, default=list)
        box = Object({"colour": String(), "ribbon": String(nullable=True)}, nullable=True)
        kind = String(default="cake", choices=("cake", "tart"), immutable=True)
        from_ = String(nullable=True, name="from")
        bakedAt = UTCDate(optional=True)
        bakedBy = String(server_set=True)
        secret = String(nullable=True, hidden=True)

        class Meta:
            capability = BAKERY
            methods = ("get", "changes", "set", "copy", "query", "queryChanges")
            store = cakes
            arguments = {"query": {"onlyFresh": Boolean(default=False)}, "get": {"sliced": Boolean(default=False)}}
            filters = {"topping": String()}
            sorts = {"hasTopping": {"topping": String()}}
            copy_properties = ("name", "likes")
            max_limit = 50

        @classmethod
        def accept_property(cls, name: str) -> bool:
            return name.startswith("aroma:")

        @classmethod
        def validate_create(cls, ctx: Context, properties: dict[str, Any]) -> dict[str, Any]:
            if properties["kind"] == "tart" and properties["layers"] > 1:
                raise SetErrorException(SetError("invalidProperties", "tarts are flat", properties=["kind", "layers"]))
            return properties

    @registry.register
    class Order(DataType):
        """Which cakes somebody wants."""

        cakeIds = SetOf(Id(refs="Cake"))

        class Meta:
            capability = CELLAR
            methods = ("get", "set")
            store = orders
            at_once = ("get",)

    @registry.register
    class Oven(DataType):
        """The one oven."""

        degrees = UnsignedInt()

        class Meta:
            capability = BAKERY
            methods = ("get", "set")
            store = oven
            singleton = True

    @registry.method("Cake/smell", capability=BAKERY, arguments={"cakeId": Id(refs="Cake")})
    def smell(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {"cakeId": arguments["cakeId"], "smell": "vanilla"}

    @registry.method("Cake/drop", capability=BAKERY)
    def drop(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        raise RuntimeError("the cake fell, and this text must never reach a client")

    @registry.method("Cake/bakeTwice", capability=BAKERY, arguments={"name": String()}, writes=True)
    def bake_twice(ctx: Context, arguments: Mapping[str, Any]) -> dict[str, Any]:
        create = {"again": {"name": arguments["name"]}}
        ctx.call_later("Cake/set", {"accountId": ctx.account.id, "create": create})
        return {"asked": True}

    registry.check()
    return registry


@dataclass
class Baker:
    """A principal: by default somebody with an own account, a shared one, and one that may only be read."""

    username: str = "ada"
    key: int = 1
    accounts: dict[str, AccountInfo] = field(
        default_factory=lambda: {
            "own": AccountInfo("own", 1, "ada@bakery.example", True, False, {BAKERY: {}, CELLAR: {"bottles": 7}}),
            "shared": AccountInfo("shared", 2, "Shop", False, False, {BAKERY: {}}),
            "museum": AccountInfo("museum", 3, "Museum", False, True, {BAKERY: {}}),
            "cellar": AccountInfo("cellar", 4, "Cellar", False, False, {CELLAR: {}}),
        }
    )


class RecordingBackend:
    """Writes down when snapshots open and close."""

    def __init__(self) -> None:
        self.log: list[str] = []

    @contextmanager
    def reading(self) -> Iterator[None]:
        self.log.append("open")
        try:
            yield
        except Exception:
            self.log.append("broken")
            raise
        else:
            self.log.append("closed")


class Bakery:
    """A whole server in memory, and the client that talks to it."""

    def __init__(self, **limits: int) -> None:
        self.cakes, self.orders, self.oven = MemoryStore(), MemoryStore(), OvenStore()
        self.orders.prefix = "o"
        self.registry = build_registry(self.cakes, self.orders, self.oven)
        self.principal = Baker()
        self.backend = RecordingBackend()
        self.limits = Limits(**limits)
        self.reports: list[tuple[BaseException, str]] = []
        self.strict_using = False

    def post(self, body: bytes) -> dict[str, Any]:
        """The Response to a body, as plain JSON. Raises RequestError."""
        response = process(
            body,
            principal=self.principal,
            registry=self.registry,
            backend=self.backend,
            limits=self.limits,
            session_state="s1",
            strict_using=self.strict_using,
            report=lambda error, method: self.reports.append((error, method)),
        )
        plain = to_plain(response)
        assert isinstance(plain, dict)
        return plain

    def request(self, *calls: tuple[str, dict[str, Any]], **members: Any) -> list[list[Any]]:
        """The methodResponses to some calls, whose ids are "0", "1" and so on."""
        invocations = [[name, arguments, str(index)] for index, (name, arguments) in enumerate(calls)]
        body = {"using": [CORE, BAKERY], "methodCalls": invocations, **members}
        responses = self.post(json.dumps(body).encode())["methodResponses"]
        assert isinstance(responses, list)
        return responses

    def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The response arguments of one call in the own account, or of the error it ended in."""
        [[_name, answer, _id]] = self.request((name, {"accountId": "own", **arguments}))
        assert isinstance(answer, dict)
        return answer

    def bake(self, *names: str, **properties: Any) -> list[str]:
        """The ids of new cakes in the own account."""
        create = {f"n{index}": {"name": name, **properties} for index, name in enumerate(names)}
        created = self.call("Cake/set", create=create)["created"]
        return [created[creation_id]["id"] for creation_id in create]

    def properties_of(self, record_id: str) -> dict[str, Any]:
        """A cake as it is now, every property of it."""
        names = list(self.registry.types["Cake"]._meta.properties)
        [cake] = self.call("Cake/get", ids=[record_id], properties=names)["list"]
        assert isinstance(cake, dict)
        return cake
