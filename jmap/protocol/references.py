"""Result references: an argument taken from the answer of an earlier call (RFC 8620 §3.7).

Rules kept here:
- whatever fails to resolve is invalidResultReference; the same argument given twice (``ids``, ``#ids``) is
  invalidArguments;
- answers are made of dicts, lists, tuples and scalars; a ready RawJson is looked into like them, and parsed once;
- what a request may pull in by references is bounded: a chain of echoes that doubles at every step would otherwise
  outgrow any memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jmap.protocol.errors import MethodError
from jmap.protocol.ijson import MAX_DEPTH
from jmap.protocol.patch import Path
from jmap.protocol.ports import Json, RawJson

Responses = Mapping[str, tuple[str, Json]]
"""Method call id to (name, arguments) of its first response."""


_VISIT = 16
"""What it costs the budget that ``*`` visits an item, whatever it finds there."""


class Budget:
    """How many octets the references of one request may still pull in."""

    __slots__ = ("left",)

    def __init__(self, octets: int) -> None:
        self.left = octets

    def spend(self, octets: int) -> None:
        self.left -= octets
        if self.left < 0:
            raise _failed("the references of this request resolve to more than maxSizeRequest")


def resolve_references(arguments: Mapping[str, Json], responses: Responses, budget: Budget) -> Mapping[str, Json]:
    """The arguments with every ``#name`` replaced by what it refers to, as plain values (RFC 8620 §3.7).

    Raises MethodError invalidResultReference or invalidArguments.
    """
    if not any(name.startswith("#") for name in arguments):
        return arguments
    resolved: dict[str, Json] = {}
    for name, value in arguments.items():
        if not name.startswith("#"):
            resolved[name] = value
        elif name[1:] in arguments:
            raise MethodError("invalidArguments", f"{name[1:]} is given both as a value and as a reference")
        else:
            resolved[name[1:]] = _copy(_resolve(name, value, responses, budget), budget, MAX_DEPTH)
    return resolved


def _resolve(argument: str, reference: Json, responses: Responses, budget: Budget) -> Json:
    """The value one ResultReference points to."""
    if not isinstance(reference, dict):
        raise _failed(f"{argument}: must be a ResultReference")
    result_of, name, path = (reference.get(member) for member in ("resultOf", "name", "path"))
    if not isinstance(result_of, str) or not isinstance(name, str) or not isinstance(path, str):
        raise _failed(f"{argument}: a ResultReference has the strings resultOf, name and path")
    response = responses.get(result_of)
    if response is None:
        raise _failed(f"{argument}: there is no earlier response to {result_of!r}")
    if response[0] != name:
        raise _failed(f"{argument}: the response to {result_of!r} is {response[0]}, not {name}")
    if path and not path.startswith("/"):
        raise _failed(f"{argument}: the path must start with a slash")
    tokens = tuple(part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:])
    try:
        return evaluate(response[1], tokens, budget)
    except LookupError:
        raise _failed(f"{argument}: {path} leads nowhere in the response to {result_of!r}") from None


def evaluate(value: Json, tokens: Path, budget: Budget) -> Json:
    """Follow a JSON Pointer in which ``*`` maps through an array (RFC 8620 §3.7, RFC 6901 §4).

    Raises LookupError where it leads nowhere.
    """
    for index, token in enumerate(tokens):
        if isinstance(value, RawJson):
            value = value.value()
        if isinstance(value, dict):
            value = value[token]
        elif isinstance(value, (list, tuple)):
            if token == "*":
                return _map(value, tokens[index + 1 :], budget)
            if not (token.isascii() and token.isdigit()) or (token[0] == "0" and token != "0") or len(token) > 9:
                raise LookupError(token)
            value = value[int(token)]
        else:
            raise LookupError(token)
    return value.value() if isinstance(value, RawJson) else value


def _map(items: Sequence[Json], tokens: Path, budget: Budget) -> list[Json]:
    budget.spend(_VISIT * len(items))
    results: list[Json] = []
    for item in items:
        result = evaluate(item, tokens, budget)
        if isinstance(result, (list, tuple)):
            budget.spend(len(result))
            results.extend(result)
        else:
            results.append(result)
    return results


def _copy(value: Json, budget: Budget, depth: int) -> Json:
    """A plain copy, paid for by its size as JSON."""
    if isinstance(value, RawJson):
        value = value.value()
    if isinstance(value, str):
        budget.spend(len(value) + 2)
        return value
    if depth == 0:
        raise _failed("the references of this request nest too deep")
    if isinstance(value, dict):
        budget.spend(2 + 4 * len(value) + sum(map(len, value)))
        return {name: _copy(item, budget, depth - 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        if value and set(map(type, value)) == {str}:
            budget.spend(3 * len(value) + sum(map(len, value)))
            return list(value)
        budget.spend(2 + len(value))
        return [_copy(item, budget, depth - 1) for item in value]
    budget.spend(4)
    return value


def _failed(description: str) -> MethodError:
    return MethodError("invalidResultReference", description)
