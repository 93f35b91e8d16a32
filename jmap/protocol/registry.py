"""The register of all that a server speaks: capabilities, data types, methods (RFC 8620 §1.8, §2).

Rules kept here:
- a name is declared once; whoever declares it again is told;
- ``register`` and ``method`` refuse what is wrong in itself, ``check`` refuses what is wrong among all;
- the core capability and Core/echo are always there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jmap.protocol.datatype import DataType, DeclarationError, nested, problems
from jmap.protocol.method import CORE, Access, Method, MethodFunction
from jmap.protocol.methods import standard_methods
from jmap.protocol.methods.echo import ECHO
from jmap.protocol.ports import AccountInfo, Json
from jmap.protocol.properties import Id, Property, declared

TypeClass = TypeVar("TypeClass", bound=type[DataType])


@dataclass(frozen=True, slots=True)
class Capability:
    """One capability; each value is the JSON object to advertise, or a callable that makes it (RFC 8620 §2).

    A callable that gives None leaves the capability out: of the Session object, or of an account.
    """

    uri: str
    session_value: Mapping[str, Json] | Callable[[], Mapping[str, Json] | None]
    account_value: Mapping[str, Json] | Callable[[AccountInfo], Mapping[str, Json] | None]

    def for_session(self) -> dict[str, Json] | None:
        """The value under ``capabilities`` of the Session object, if it stands there."""
        value = self.session_value() if callable(self.session_value) else self.session_value
        return None if value is None else dict(value)

    def for_account(self, account: AccountInfo) -> dict[str, Json]:
        """The value under ``accountCapabilities``: what was declared, overlaid with what the account itself says."""
        value = self.account_value(account) if callable(self.account_value) else self.account_value
        return {**(value or {}), **(account.capabilities.get(self.uri) or {})}


class Registry:
    """All capabilities, data types and methods of one server."""

    def __init__(self) -> None:
        self.capabilities: dict[str, Capability] = {}
        self.types: dict[str, type[DataType]] = {}
        self.methods: dict[str, Method] = {ECHO.name: ECHO}
        self.capability(CORE)

    def capability(
        self,
        uri: str,
        session_value: Mapping[str, Json] | Callable[[], Mapping[str, Json] | None] | None = None,
        account_value: Mapping[str, Json] | Callable[[AccountInfo], Mapping[str, Json] | None] | None = None,
    ) -> None:
        """Advertise a capability. Raises DeclarationError when it is declared twice."""
        if uri in self.capabilities:
            raise DeclarationError([f"capability {uri} is declared twice"])
        self.capabilities[uri] = Capability(uri, session_value or {}, account_value or {})

    def register(self, cls: TypeClass) -> TypeClass:
        """Add a data type and its standard methods (a class decorator). Raises DeclarationError."""
        name = cls._meta.name
        found = problems(cls)
        if name in self.types:
            found.append(f"{name}: the data type is declared twice")
        if not found:
            methods = standard_methods(cls)
            found += [
                f"{method.name}: the method is declared twice" for method in methods if method.name in self.methods
            ]
        if found:
            raise DeclarationError(found)
        self.types[name] = cls
        self.methods.update((method.name, method) for method in methods)
        return cls

    def method(
        self,
        name: str,
        *,
        capability: str,
        arguments: Mapping[str, Property | type[Property]] | None = None,
        writes: bool = False,
        account: bool = True,
        reads: bool = True,
    ) -> Callable[[MethodFunction], MethodFunction]:
        """Add a method that is not standard (a decorator for ``(ctx, arguments) -> response arguments``).

        ``arguments`` leaves accountId out. ``writes``: refused in read-only accounts, run outside any snapshot, opens
        its own transaction. ``reads=False``: needs no snapshot at all. ``account=False``: takes no accountId;
        ``ctx.account`` is then an account without key or capabilities. Raises DeclarationError when declared twice.
        """

        def add(function: MethodFunction) -> MethodFunction:
            if name in self.methods:
                raise DeclarationError([f"{name}: the method is declared twice"])
            access = Access.WRITE if writes else Access.READ if reads else Access.NONE
            compiled = {key: declared(value) for key, value in (arguments or {}).items()}
            self.methods[name] = Method(name, capability, function, compiled, access, account)
            return function

        return add

    def check(self) -> None:
        """Refuse to start with a declaration that does not hold together. Raises DeclarationError."""
        found = [
            f"{method.name}: capability {method.capability} is not declared"
            for method in self.methods.values()
            if method.capability not in self.capabilities
        ]
        found += [
            f"{name}: {property_name} refers to {part.refs}, which is no data type"
            for name, cls in self.types.items()
            for property_name, declaration in cls._meta.properties.items()
            for part in nested(declaration)
            if isinstance(part, Id) and part.refs is not None and part.refs not in self.types
        ]
        if found:
            raise DeclarationError(found)
