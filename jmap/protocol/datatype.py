"""A data type as one declaration, from which its standard methods follow (RFC 8620 §1.6.3, §5).

    @registry.register
    class Cake(DataType):
        name = String(sortable=True)
        layers = UnsignedInt(default=1, filterable=True)

        class Meta:
            capability = "https://bakery.example/jmap"
            methods = ("get", "changes", "set", "query", "queryChanges")
            store = CakeStore

Rules kept here:
- properties are class attributes, everything else stands in ``Meta``; a word there that is not known is refused;
- a type that declares half of something (a method its store lacks, a filter without /query) is refused at start-up,
  with a message for each thing that is missing;
- ``id`` belongs to every type.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from jmap.protocol.collation import COLLATIONS
from jmap.protocol.ports import Context, Json, SetResult, Store, Update
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import AnyJson, Id, Property, declared

STORE_METHODS = {
    "get": "get",
    "changes": "changes",
    "set": "set",
    "copy": "copy",
    "query": "query",
    "queryChanges": "query_changes",
}
"""The standard methods, and what a store calls each."""

_NEEDS = {"copy": "set", "queryChanges": "query"}
"""Methods that make no sense without another: /copy ends in a /set, /queryChanges continues a /query."""


class DeclarationError(Exception):
    """A data type, method or capability is declared by halves; each line of the message names one fault."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


READING_METHODS = frozenset({"get", "changes", "query", "queryChanges"})


@dataclass
class Options:
    """What ``Meta`` said, compiled.

    ``arguments``: extra arguments of a method, as ``{"query": {"collapseThreads": Boolean(default=False)}}``.
    ``filters``: conditions of /query besides the filterable properties. ``sorts``: sort names besides the sortable
    properties, each with the extra members of its Comparator. ``default_properties``: what /get answers when no
    properties are named. ``max_limit``: the most ids that one /query returns. ``singleton``: one record that is always
    there (RFC 8621 §8). ``copy_properties``: what a /copy may override. ``account``: False for types that belong to no
    account and have no state (RFC 8620 §7.2). ``state_only``: it has a state for push to name, and no methods (RFC 8621
    §1.5). ``at_once``: the reading methods that ask one statement, or open ``Context.snapshot`` where they ask more;
    the others are given a snapshot, which costs two round trips to the database.
    """

    name: str
    capability: str = ""
    methods: tuple[str, ...] = ()
    store: Any = None
    arguments: Mapping[str, Mapping[str, Property]] = field(default_factory=dict)
    filters: Mapping[str, Property] = field(default_factory=dict)
    sorts: Mapping[str, Mapping[str, Property]] = field(default_factory=dict)
    collations: tuple[str, ...] = tuple(COLLATIONS)
    default_properties: tuple[str, ...] = ()
    max_limit: int | None = None
    singleton: bool = False
    copy_properties: tuple[str, ...] | None = None
    account: bool = True
    state_only: bool = False
    at_once: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    properties: Mapping[str, Property] = field(default_factory=dict)


def _compile_arguments(meta: Mapping[str, Any]) -> dict[str, dict[str, Property]]:
    return {
        method: {name: declared(argument) for name, argument in arguments.items()}
        for method, arguments in meta.get("arguments", {}).items()
    }


def _compile(cls: type, meta: Mapping[str, Any], properties: Mapping[str, Property]) -> Options:
    """The Options of a class: the Meta as written, joined with what the properties say of themselves."""
    known = {name: value for name, value in meta.items() if name in Options.__dataclass_fields__}
    filters = {name: declared(condition) for name, condition in meta.get("filters", {}).items()}
    sorts = {
        name: {member: declared(argument) for member, argument in (members or {}).items()}
        for name, members in dict(meta.get("sorts", {})).items()
    }
    store = meta.get("store")
    known |= {
        "name": meta.get("name", cls.__name__),
        "methods": tuple(meta.get("methods", ())),
        "store": store() if isinstance(store, type) else store,
        "arguments": _compile_arguments(meta),
        "filters": {name: p for name, p in properties.items() if p.filterable} | filters,
        "sorts": {name: {} for name, p in properties.items() if p.sortable} | sorts,
        "properties": properties,
        "unknown": tuple(sorted(meta.keys() - Options.__dataclass_fields__.keys())),
        "default_properties": tuple(meta.get("default_properties", ()))
        or tuple(name for name, p in properties.items() if not p.hidden),
    }
    return Options(**known)


class DataType:
    """Base of all data types. Subclass, declare properties, add ``Meta``, register.

    The class is never instantiated; a record travels as a dict with the wire's property names.
    """

    id = Id(server_set=True, immutable=True)

    _meta: ClassVar[Options]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        properties: dict[str, Property] = {}
        for base in reversed(cls.__mro__):
            for attribute, value in vars(base).items():
                if isinstance(value, Property) or (isinstance(value, type) and issubclass(value, Property)):
                    declaration = declared(value)
                    declaration.name = declaration.name or attribute
                    properties[declaration.name] = declaration
        meta = {name: value for name, value in vars(vars(cls).get("Meta", object)).items() if not name.startswith("_")}
        cls._meta = _compile(cls, meta if "Meta" in vars(cls) else {}, properties)

    # ------------------------------------------------------------------------------------------- hooks for a type

    @classmethod
    def accept_property(cls, name: str) -> bool:
        """Whether an undeclared name is a property after all (``header:Subject:asText``, RFC 8621 §4.1.3)."""
        return False

    @classmethod
    def property_for(cls, name: str) -> Property | None:
        """The declaration behind a property's name; override to give dynamic properties a type of their own."""
        found = cls._meta.properties.get(name)
        if found is None and cls.accept_property(name):
            return AnyJson(nullable=True, optional=True, name=name)
        return found

    @classmethod
    def validate_create(cls, ctx: Context, properties: dict[str, Json]) -> dict[str, Json]:
        """Judge a create whose properties are right one by one; returns what the store gets.

        Raises SetErrorException. References to records of the same call are CreationReference values still.
        """
        return properties

    @classmethod
    def validate_update(cls, ctx: Context, update: Update) -> None:
        """Judge a patch that is well formed, without the record. Raises SetErrorException."""

    @classmethod
    def after_set(cls, ctx: Context, arguments: Mapping[str, Json], result: SetResult) -> None:
        """Called once a whole /set is done, with the type's own arguments; may cause calls (``ctx.call_later``)."""


def nested(root: Property) -> Iterator[Property]:
    """A declaration and all inside it, each once, also where objects nest in themselves."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        current = waiting.pop()
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            waiting.extend(current.parts())


def store_lacks(store: object, method: str) -> bool:
    """Whether a store has no such method of its own (one inherited from the Protocol does nothing)."""
    found = getattr(type(store), method, None) or getattr(store, method, None)
    return not callable(found) or found is getattr(Store, method)


def problems(cls: type[DataType]) -> list[str]:
    """Everything that is missing or wrong in the declaration of one type, without looking at others."""
    meta = cls._meta
    who = meta.name
    found = [f"{who}: Meta.{word} is not known" for word in meta.unknown]
    if not meta.capability:
        found.append(f"{who}: Meta.capability is missing")
    if not meta.methods and not meta.state_only:
        found.append(f"{who}: Meta.methods is missing")
    if meta.store is None:
        found.append(f"{who}: Meta.store is missing")
    found += _method_problems(meta)
    found += _property_problems(cls)
    return found


def _method_problems(meta: Options) -> Iterator[str]:
    who = meta.name
    for method in meta.methods:
        if method not in STORE_METHODS:
            yield f"{who}: {method!r} is no standard method; use registry.method for others"
        elif meta.store is not None and store_lacks(meta.store, STORE_METHODS[method]):
            yield f"{who}: the store has no {STORE_METHODS[method]}(), which {who}/{method} needs"
        if method in _NEEDS and _NEEDS[method] not in meta.methods:
            yield f"{who}: {who}/{method} needs {who}/{_NEEDS[method]}"
    for method in meta.at_once:
        if method not in READING_METHODS.intersection(meta.methods):
            yield f"{who}: Meta.at_once names {method!r}, which is no reading method of it"
    if meta.store is not None and meta.account and store_lacks(meta.store, "state"):
        yield f"{who}: the store has no state()"
    for method in meta.arguments.keys() - set(meta.methods):
        yield f"{who}: Meta.arguments names {method!r}, which is not among its methods"
    if "query" not in meta.methods:
        for name in meta.filters:
            yield f"{who}: {name} is filterable, but there is no {who}/query"
        for name in meta.sorts:
            yield f"{who}: {name} is sortable, but there is no {who}/query"
    for collation in meta.collations:
        if collation not in COLLATIONS:
            yield f"{who}: collation {collation!r} is not known"


def _property_problems(cls: type[DataType]) -> Iterator[str]:
    meta = cls._meta
    for name in meta.default_properties:
        if cls.property_for(name) is None:
            yield f"{meta.name}: default_properties names {name}, which is no property"
    for name in meta.copy_properties or ():
        if name not in meta.properties:
            yield f"{meta.name}: copy_properties names {name}, which is no property"
    for name, declaration in meta.properties.items():
        if declaration.server_set and declaration.has_default and declaration.default is not None:
            yield f"{meta.name}: {name} is set by the server, so its default is never used"
        if declaration.has_default and not declaration.server_set:
            try:
                declaration.check(declaration.fallback())
            except Invalid as error:
                yield f"{meta.name}: the default of {name} {error.message}"
