"""How a data type declares its properties, and a method its arguments: one vocabulary for both (RFC 8620 §1.1, §5).

Rules kept here:
- a Property judges one JSON value and returns it normalised, or raises Invalid with the path to what is wrong;
- what a Property says (default, immutable, server-set …) is all that the engines know; they hold no other table;
- a nullable property without a default defaults to null; ``optional`` means: may be absent, and then stays absent;
- where an Id refers to a record of another type (``refs``), a creation id may stand for it, also as a key of a map.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jmap.protocol import primitives
from jmap.protocol.creation import CreationReference, Resolver
from jmap.protocol.ports import Json
from jmap.protocol.primitives import Invalid


class _Unset:
    def __repr__(self) -> str:
        return "UNSET"


UNSET: Any = _Unset()
"""Marks a property for which no default was declared."""


class PatchPathError(Exception):
    """A patch points where no pointer may go (RFC 8620 §5.3, invalidPatch)."""


class Property:
    """One property of a data type, one member of an object, or one argument of a method; any JSON value.

    ``default``: the value where the client sends none; a callable is called for each. ``nullable``: null is a value.
    ``optional``: may be absent. ``immutable``: set at creation only. ``server_set``: never set by the client.
    ``filterable``, ``sortable``: /query takes it as a FilterCondition, as a Comparator. ``hidden``: /get answers it
    only when asked. ``validate``: called with a checked value, raises ValueError. ``name``: where the wire's name is no
    Python name (``from_ = …(name="from")``).
    """

    def __init__(
        self,
        *,
        default: Any = UNSET,
        nullable: bool = False,
        optional: bool = False,
        immutable: bool = False,
        server_set: bool = False,
        filterable: bool = False,
        sortable: bool = False,
        hidden: bool = False,
        validate: Callable[[Any], None] | None = None,
        name: str = "",
    ) -> None:
        self.default = None if default is UNSET and nullable and not optional else default
        self.nullable = nullable
        self.optional = optional
        self.immutable = immutable
        self.server_set = server_set
        self.filterable = filterable
        self.sortable = sortable
        self.hidden = hidden
        self.validate = validate
        self.name = name

    @property
    def has_default(self) -> bool:
        return self.default is not UNSET

    @property
    def required(self) -> bool:
        """Whether a create (or a call) without it is refused."""
        return not (self.has_default or self.optional or self.server_set)

    def fallback(self) -> Json:
        """The declared default, a fresh copy each time."""
        if callable(self.default):
            return self.default()
        return copy.deepcopy(self.default) if isinstance(self.default, (dict, list)) else self.default

    def check(self, value: Json, resolve: Resolver | None = None) -> Json:
        """The value, normalised, with creation references resolved. Raises Invalid."""
        if value is None:
            if self.nullable:
                return None
            raise Invalid("must not be null")
        value = self._check(value, resolve)
        if self.validate is not None:
            try:
                self.validate(value)
            except Invalid:
                raise
            except ValueError as error:
                raise Invalid(str(error)) from error
        return value

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        return value

    def step(self, key: str, resolve: Resolver | None) -> tuple[str, Property]:
        """Follow one part of a patch's pointer: the key to use and what stands there (RFC 8620 §5.3).

        Raises PatchPathError where nothing can be pointed at, Invalid where the key is no key of this map.
        """
        raise PatchPathError("a pointer leads into a value that is no object")

    def parts(self) -> Iterator[Property]:
        """The declarations nested in this one."""
        return iter(())


class AnyJson(Property):
    """Any JSON value, null among them only where nullable."""

    def step(self, key: str, resolve: Resolver | None) -> tuple[str, Property]:
        return key, AnyJson(nullable=True, optional=True)


class String(Property):
    """A String; ``choices`` are the only values there are, ``max_octets`` bounds its size in UTF-8."""

    def __init__(
        self, *, choices: tuple[str, ...] | None = None, max_octets: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.choices = choices
        self.max_octets = max_octets

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        text = primitives.check_string(value)
        if self.choices is not None and text not in self.choices:
            raise Invalid(f"must be one of {', '.join(self.choices)}")
        if self.max_octets is not None and len(text.encode()) > self.max_octets:
            raise Invalid(f"must not be longer than {self.max_octets} octets")
        return text


class Boolean(Property):
    """A Boolean."""

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        return primitives.check_boolean(value)


class Number(Property):
    """A Number."""

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        return primitives.check_number(value)


class Int(Property):
    """An Int (RFC 8620 §1.3), at least ``minimum`` and at most ``maximum`` where given."""

    check_whole = staticmethod(primitives.check_int)

    def __init__(self, *, minimum: int | None = None, maximum: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.minimum = minimum
        self.maximum = maximum

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        number = self.check_whole(value)
        if self.minimum is not None and number < self.minimum:
            raise Invalid(f"must be at least {self.minimum}")
        if self.maximum is not None and number > self.maximum:
            raise Invalid(f"must be at most {self.maximum}")
        return number


class UnsignedInt(Int):
    """An UnsignedInt (RFC 8620 §1.3)."""

    check_whole = staticmethod(primitives.check_unsigned_int)


class Date(Property):
    """A Date (RFC 8620 §1.4)."""

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        return primitives.check_date(value)


class UTCDate(Property):
    """A UTCDate (RFC 8620 §1.4)."""

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        return primitives.check_utc_date(value)


class Id(Property):
    """An Id (RFC 8620 §1.2); ``refs`` names the data type whose records it may name by creation id."""

    def __init__(self, *, refs: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.refs = refs

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        if self.refs is not None and isinstance(value, str) and value.startswith("#"):
            if isinstance(value, CreationReference):
                return value
            found = None if resolve is None else resolve(value[1:], self.refs)
            if found is None:
                raise Invalid(f"no record was created as {value}")
            return found
        return primitives.check_id(value)


def declared(declaration: Property | type[Property]) -> Property:
    """A Property, also where only its class was named (``ListOf(Id)``)."""
    return declaration if isinstance(declaration, Property) else declaration()


class ListOf(Property):
    """An array of ``item``; ``max_items`` bounds its length."""

    def __init__(self, item: Property | type[Property], *, max_items: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.item = declared(item)
        self.max_items = max_items
        self._plain_ids = type(self.item) is Id and self.item.refs is None and self.item.validate is None

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        if not isinstance(value, list):
            raise Invalid("must be an array")
        if self.max_items is not None and len(value) > self.max_items:
            raise Invalid(f"must not hold more than {self.max_items} items")
        if self._plain_ids and primitives.are_ids(value):
            return value
        checked = []
        check = self.item.check
        for index, item in enumerate(value):
            try:
                checked.append(check(item, resolve))
            except Invalid as error:
                raise error.under(index) from None
        return checked

    def step(self, key: str, resolve: Resolver | None) -> tuple[str, Property]:
        raise PatchPathError("a pointer leads into an array; replace the array as a whole")

    def parts(self) -> Iterator[Property]:
        yield self.item


class MapOf(Property):
    """An object with any keys of one kind (String or Id) and values of one kind: ``Id[Foo]``, ``String[Foo]``."""

    def __init__(self, key: Property | type[Property], value: Property | type[Property], **options: Any) -> None:
        super().__init__(**options)
        self.key = declared(key)
        self.value = declared(value)

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        if not isinstance(value, dict):
            raise Invalid("must be an object")
        checked = {}
        for key, item in value.items():
            try:
                checked[self.key.check(key, resolve)] = self.value.check(item, resolve)
            except Invalid as error:
                raise error.under(key) from None
        return checked

    def step(self, key: str, resolve: Resolver | None) -> tuple[str, Property]:
        try:
            return self.key.check(key, resolve), self.value
        except Invalid as error:
            raise error.under(key) from None

    def parts(self) -> Iterator[Property]:
        yield self.key
        yield self.value


class _True(Property):
    """The value true, the only one in a set; a patch may say false for "take it out"."""

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        if value is not True:
            raise Invalid("must be true")
        return True


class SetOf(MapOf):
    """A set, written as an object whose values are all true: ``Id[Boolean]``, ``String[Boolean]``."""

    def __init__(self, key: Property | type[Property], **options: Any) -> None:
        super().__init__(key, _True(), **options)


class Object(Property):
    """An object with declared members; a callable gives them late, for objects that nest in themselves.

    ``open``: members that are not declared are kept as they are; otherwise they are refused. Of a member's flags only
    its default, ``nullable`` and ``optional`` count: ``immutable`` and ``server_set`` speak of whole properties.
    """

    def __init__(
        self,
        members: Mapping[str, Property | type[Property]] | Callable[[], Mapping[str, Property | type[Property]]],
        *,
        open: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._members = members
        self._compiled: dict[str, Property] | None = None
        self.open = open

    @property
    def members(self) -> dict[str, Property]:
        if self._compiled is None:
            given = self._members() if callable(self._members) else self._members
            self._compiled = {name: declared(member) for name, member in given.items()}
        return self._compiled

    def _check(self, value: Json, resolve: Resolver | None) -> Json:
        if not isinstance(value, dict):
            raise Invalid("must be an object")
        members = self.members
        checked = {}
        for name, item in value.items():
            member = members.get(name)
            try:
                if member is not None:
                    checked[name] = member.check(item, resolve)
                elif self.open:
                    checked[name] = item
                else:
                    raise Invalid("is not a known property")
            except Invalid as error:
                raise error.under(name) from None
        for name, member in members.items():
            if name not in value:
                if member.required:
                    raise Invalid("is required", (name,))
                if member.has_default:
                    checked[name] = member.fallback()
        return checked

    def step(self, key: str, resolve: Resolver | None) -> tuple[str, Property]:
        member = self.members.get(key)
        if member is not None:
            return key, member
        if self.open:
            return key, AnyJson(nullable=True, optional=True)
        raise Invalid("is not a known property", (key,))

    def parts(self) -> Iterator[Property]:
        yield from self.members.values()


def check_arguments(
    declarations: Mapping[str, Property], given: Mapping[str, Json], resolve: Resolver | None = None
) -> dict[str, Json]:
    """The arguments of a call with defaults filled in (RFC 8620 §3.5). Raises Invalid for the first that is wrong."""
    checked = {}
    for name, value in given.items():
        declaration = declarations.get(name)
        if declaration is None:
            raise Invalid("is not an argument of this method", (name,))
        try:
            checked[name] = declaration.check(value, resolve)
        except Invalid as error:
            raise error.under(name) from None
    for name, declaration in declarations.items():
        if name not in checked:
            if declaration.required:
                raise Invalid("is required", (name,))
            if declaration.has_default:
                checked[name] = declaration.fallback()
    return checked
