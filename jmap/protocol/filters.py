"""The filter and sort of a /query: from JSON to values, and evaluated for stores that hold little (RFC 8620 §5.5).

Rules kept here:
- wrong syntax or a wrong type is invalidArguments; what is well formed but not offered is unsupportedFilter or
  unsupportedSort;
- a tree is bounded in size and depth, since every leaf costs the database something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Comparator, Condition, Filter, Json, Operator
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import Property, check_arguments

MAX_CONDITIONS = 500
"""How many nodes a filter may have before it is unsupportedFilter."""

MAX_FILTER_DEPTH = 32
"""How deep operators may nest."""

MAX_COMPARATORS = 32
"""How many Comparators a sort may have before it is unsupportedSort."""

OPERATORS = ("AND", "OR", "NOT")


def parse_filter(value: Json, conditions: Mapping[str, Property]) -> Filter | None:
    """The filter argument, checked against the conditions a type offers (RFC 8620 §5.5).

    Raises MethodError invalidArguments or unsupportedFilter.
    """
    if value is None:
        return None
    budget = iter(range(MAX_CONDITIONS))
    return _parse(value, conditions, budget, 0, "filter")


def _parse(value: Json, conditions: Mapping[str, Property], budget: Iterator[int], depth: int, at: str) -> Filter:
    if not isinstance(value, dict):
        raise MethodError("invalidArguments", f"{at}: must be a FilterOperator or a FilterCondition")
    if next(budget, None) is None or depth > MAX_FILTER_DEPTH:
        raise MethodError("unsupportedFilter", "the filter has too many conditions; use fewer")
    if "operator" not in value:
        return _condition(value, conditions, at)
    kind, parts = value["operator"], value.get("conditions")
    if kind not in OPERATORS:
        raise MethodError("invalidArguments", f"{at}/operator: must be one of {', '.join(OPERATORS)}")
    if not isinstance(parts, list):
        raise MethodError("invalidArguments", f"{at}/conditions: must be an array")
    if len(value) != 2:
        raise MethodError("invalidArguments", f"{at}: a FilterOperator has an operator and conditions, nothing else")
    return Operator(
        kind,
        tuple(
            _parse(part, conditions, budget, depth + 1, f"{at}/conditions/{index}") for index, part in enumerate(parts)
        ),
    )


def _condition(value: Mapping[str, Json], conditions: Mapping[str, Property], at: str) -> Condition:
    checked = {}
    for name, wanted in value.items():
        declaration = conditions.get(name)
        if declaration is None:
            raise MethodError("unsupportedFilter", f"{at}/{name}: there is no such condition")
        try:
            checked[name] = declaration.check(wanted)
        except Invalid as error:
            raise MethodError("invalidArguments", str(error.under(name).under(at))) from None
    return Condition(checked)


def parse_sort(
    value: Json, sorts: Mapping[str, Mapping[str, Property]], collations: Sequence[str]
) -> tuple[Comparator, ...]:
    """The sort argument, checked against the sorts a type offers (RFC 8620 §5.5); null is no sort at all.

    Raises MethodError invalidArguments or unsupportedSort.
    """
    if value is None:
        return ()
    if not isinstance(value, list):
        raise MethodError("invalidArguments", "sort: must be an array of Comparators")
    if len(value) > MAX_COMPARATORS:
        raise MethodError("unsupportedSort", f"a sort has at most {MAX_COMPARATORS} comparators")
    return tuple(_comparator(item, sorts, collations, f"sort/{index}") for index, item in enumerate(value))


def _comparator(
    value: Json, sorts: Mapping[str, Mapping[str, Property]], collations: Sequence[str], at: str
) -> Comparator:
    if not isinstance(value, dict):
        raise MethodError("invalidArguments", f"{at}: must be a Comparator")
    rest = dict(value)
    name, ascending, collation = rest.pop("property", None), rest.pop("isAscending", True), rest.pop("collation", None)
    if not isinstance(name, str):
        raise MethodError("invalidArguments", f"{at}/property: must be a String")
    if not isinstance(ascending, bool):
        raise MethodError("invalidArguments", f"{at}/isAscending: must be true or false")
    if collation is not None and not isinstance(collation, str):
        raise MethodError("invalidArguments", f"{at}/collation: must be a String")
    if name not in sorts:
        raise MethodError("unsupportedSort", f"{at}: cannot sort by {name}")
    if collation is not None and collation not in collations:
        raise MethodError("unsupportedSort", f"{at}: the collation {collation} is not supported")
    try:
        arguments = check_arguments(sorts[name], rest)
    except Invalid as error:
        raise MethodError("invalidArguments", str(error.under(at))) from None
    return Comparator(name, ascending, collation, arguments)


def matches(filter: Filter | None, predicate: Callable[[Mapping[str, Json]], bool]) -> bool:
    """Evaluate a filter for one record; ``predicate`` judges the values of one condition (RFC 8620 §5.5).

    An AND or a NOT of nothing matches, an OR of nothing does not.
    """
    if filter is None:
        return True
    if isinstance(filter, Condition):
        return predicate(filter.values)
    results = (matches(part, predicate) for part in filter.parts)
    if filter.kind == "AND":
        return all(results)
    return any(results) if filter.kind == "OR" else not any(results)


def conditions(filter: Filter | None) -> Iterator[Condition]:
    """Every leaf of a filter, from left to right."""
    if isinstance(filter, Condition):
        yield filter
    elif filter is not None:
        for part in filter.parts:
            yield from conditions(part)
