"""Envelope and Address as values (RFC 8621 §7); what they mean is judged in ``submission.envelope``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jmap.protocol.ports import Json
from jmap.protocol.properties import ListOf, MapOf, Object, Property, String


class _Value(Property):
    """The value of a parameter: anything but null goes through, since what is no string is refused by its name."""

    def __init__(self) -> None:
        super().__init__(nullable=True)


def _address() -> Object:
    return Object({"email": String(), "parameters": MapOf(String, _Value(), nullable=True)})


class Envelope(Object):
    """An Envelope.

    Departs from RFC 8621 §7 in taking ``mailfrom`` for ``mailFrom``, as a client in use writes it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__({"mailFrom": _address(), "rcptTo": ListOf(_address())}, **options)

    def _check(self, value: Json, resolve: Callable[[str, str], str | None] | None) -> Json:
        if isinstance(value, dict) and "mailfrom" in value and "mailFrom" not in value:
            value = {"mailFrom" if name == "mailfrom" else name: item for name, item in value.items()}
        return super()._check(value, resolve)
