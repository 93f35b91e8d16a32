"""PatchObject: the changes of one update, as pointers and values (RFC 8620 §5.3).

Rules kept here:
- no pointer is the prefix of another, none leads into an array, all but its last part must exist: else invalidPatch;
- null resets to the default, or takes the entry out; ``"keywords/x": false`` takes an entry out of a set as well;
- what the client may not change may still be named, as long as the value is the current one;
- all invalid properties are listed, not only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jmap.protocol.creation import Resolver, settle
from jmap.protocol.datatype import DataType
from jmap.protocol.errors import SetError, SetErrorException
from jmap.protocol.plain import same_json, to_plain
from jmap.protocol.ports import Json
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import PatchPathError, Property, SetOf

Path = tuple[str, ...]

_BAD_ESCAPE = re.compile(r"~(?![01])")


def invalid_patch(description: str) -> SetErrorException:
    """The PatchObject itself breaks a rule (RFC 8620 §5.3)."""
    return SetErrorException(SetError("invalidPatch", description))


def invalid_properties(messages: Mapping[str, str]) -> SetErrorException:
    """One SetError that lists all the properties that were invalid (RFC 8620 §5.3)."""
    description = "; ".join(f"{name}: {message}" for name, message in messages.items())
    return SetErrorException(SetError("invalidProperties", description, properties=list(messages)))


@dataclass(frozen=True, slots=True)
class Change:
    """One pointer of a patch. ``declaration``: of its top-level property; ``frozen``: must equal what is there."""

    path: Path
    value: Json
    declaration: Property
    frozen: bool


class Patch:
    """A checked PatchObject; the ``Update`` of the ports (RFC 8620 §5.3)."""

    __slots__ = ("changes",)

    def __init__(self, changes: Sequence[Change]) -> None:
        self.changes = tuple(changes)

    @property
    def touched(self) -> frozenset[str]:
        """Top-level properties that the patch names, those that must not change included."""
        return frozenset(change.path[0] for change in self.changes)

    @property
    def patch(self) -> list[tuple[Path, Json]]:
        """(path, value) pairs; None takes an entry out (a default has taken the place of null where there is one)."""
        return [(change.path, change.value) for change in self.changes]

    def settle(self, created: Mapping[str, str]) -> Patch:
        """The patch with references to records of the same call replaced by their ids.

        Raises SetErrorException invalidProperties for those that were not created.
        """
        settled = []
        invalid: dict[str, str] = {}
        for change in self.changes:
            try:
                path = tuple(settle(part, created) for part in change.path)
                settled.append(Change(path, settle(change.value, created), change.declaration, change.frozen))
            except KeyError as error:
                invalid[change.path[0]] = f"no record was created as #{error.args[0]}"
        if invalid:
            raise invalid_properties(invalid)
        return Patch(settled)

    def apply(self, current: Mapping[str, Json]) -> dict[str, Json]:
        """The touched properties after the patch, given at least their current values.

        Properties that the client may not change are compared and left out. Raises SetErrorException invalidPatch or
        invalidProperties.
        """
        final: dict[str, Json] = {}
        inside: dict[str, Change] = {}
        frozen: dict[str, Change] = {}
        for change in self.changes:
            name = change.path[0]
            if len(change.path) == 1:
                final[name] = change.value
            else:
                if name not in final:
                    final[name] = to_plain(current.get(name))
                _write(final[name], change)
                inside[name] = change
            if change.frozen:
                frozen[name] = change
        invalid: dict[str, str] = {}
        for name in frozen:
            inside.pop(name, None)
            if not same_json(final.pop(name), to_plain(current.get(name))):
                kind = "may only be set by the server" if frozen[name].declaration.server_set else "is immutable"
                invalid[name] = kind
        for name, change in inside.items():
            try:
                final[name] = change.declaration.check(final[name])
            except Invalid as error:
                invalid[name] = str(error)
        if invalid:
            raise invalid_properties(invalid)
        return final


def _write(target: Json, change: Change) -> None:
    """Follow a pointer into a property's value and change it there."""
    pointer = "/".join(change.path)
    for part in change.path[1:-1]:
        _check_parent(target, pointer)
        if part not in target:
            raise invalid_patch(f"{pointer}: {part} does not exist")
        target = target[part]
    _check_parent(target, pointer)
    if change.value is None:
        target.pop(change.path[-1], None)
    else:
        target[change.path[-1]] = change.value


def _check_parent(target: Json, pointer: str) -> None:
    if isinstance(target, list):
        raise invalid_patch(f"{pointer}: a pointer leads into an array; replace the array as a whole")
    if not isinstance(target, dict):
        raise invalid_patch(f"{pointer}: a pointer leads into a value that is no object")


def parse_patch(cls: type[DataType], patch: Mapping[str, Json], resolve: Resolver | None = None) -> Patch:
    """Check a PatchObject as far as that goes without the record (RFC 8620 §5.3).

    Raises SetErrorException invalidPatch, or invalidProperties with all the properties that are wrong.
    """
    paths = [_parse_pointer(pointer) for pointer in patch]
    _check_prefixes(paths)
    changes: list[Change] = []
    invalid: dict[str, str] = {}
    for path, value in zip(paths, patch.values(), strict=True):
        try:
            changes.append(_parse_change(cls, path, value, resolve))
        except PatchPathError as error:
            raise invalid_patch(f"{'/'.join(path)}: {error}") from None
        except Invalid as error:
            invalid[path[0]] = str(error)
    if invalid:
        raise invalid_properties(invalid)
    if resolve is not None:
        _check_prefixes([change.path for change in changes])
    return Patch(changes)


def _parse_pointer(pointer: str) -> Path:
    """The parts of a pointer that has lost its leading slash (RFC 6901 §4)."""
    if "~" not in pointer:
        return tuple(pointer.split("/"))
    if _BAD_ESCAPE.search(pointer):
        raise invalid_patch(f"{pointer}: is no JSON pointer")
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/"))


def _check_prefixes(paths: Iterable[Path]) -> None:
    """Refuse two pointers of which one leads through the other; sorted, they are neighbours."""
    ordered = sorted(paths)
    for shorter, longer in pairwise(ordered):
        if longer[: len(shorter)] == shorter:
            raise invalid_patch(f"{'/'.join(shorter)} and {'/'.join(longer)} change the same thing")


def _parse_change(cls: type[DataType], path: Path, value: Json, resolve: Resolver | None) -> Change:
    """One entry, with its keys and value checked. Raises PatchPathError, Invalid."""
    declaration = cls.property_for(path[0])
    if declaration is None:
        if len(path) == 1:
            raise Invalid("is not a known property")
        raise PatchPathError(f"{path[0]} does not exist")
    frozen = declaration.server_set or declaration.immutable
    keys = [path[0]]
    leaf, parent = declaration, declaration
    for part in path[1:]:
        parent = leaf
        key, leaf = parent.step(part, resolve)
        keys.append(key)
    if frozen and value is None and len(path) == 1 and declaration.has_default:
        value = declaration.fallback()
    if not frozen:
        value = _parse_value(leaf, parent if len(path) > 1 else None, value, resolve)
    return Change(tuple(keys), value, declaration, frozen)


def _parse_value(leaf: Property, parent: Property | None, value: Json, resolve: Resolver | None) -> Json:
    """The value to write; None takes the entry out."""
    if isinstance(parent, SetOf) and value is False:
        return None
    if value is not None:
        return leaf.check(value, resolve)
    if leaf.has_default:
        return leaf.fallback()
    if parent is None and not leaf.optional and not leaf.nullable:
        raise Invalid("is required")
    return None
