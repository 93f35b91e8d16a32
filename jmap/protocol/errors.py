"""The three kinds of error that JMAP knows (RFC 8620 §3.6, §5.3), as exceptions and values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class RequestError(Exception):
    """The whole request is refused with an HTTP status and a problem document (RFC 8620 §3.6.1)."""

    def __init__(self, type: str, detail: str, status: int = 400, **members: Any) -> None:
        super().__init__(detail)
        self.type = type if type.startswith("urn:") or type == "about:blank" else f"urn:ietf:params:jmap:error:{type}"
        self.detail = detail
        self.status = status
        self.members = members

    def document(self) -> dict[str, Any]:
        """The problem document (RFC 7807) to send."""
        return {"type": self.type, "status": self.status, "detail": self.detail, **self.members}


class MethodError(Exception):
    """One method call fails, the others go on (RFC 8620 §3.6.2)."""

    def __init__(self, type: str, description: str | None = None, **members: Any) -> None:
        super().__init__(description or type)
        self.type = type
        self.description = description
        self.members = members

    def arguments(self) -> dict[str, Any]:
        """The arguments of the ``error`` response."""
        described = {} if self.description is None else {"description": self.description}
        return {"type": self.type, **described, **self.members}


@dataclass(slots=True)
class SetError:
    """Why one object of a /set was refused (RFC 8620 §5.3)."""

    type: str
    description: str | None = None
    properties: list[str] | None = None
    members: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The SetError object to send."""
        out: dict[str, Any] = {"type": self.type}
        if self.description is not None:
            out["description"] = self.description
        if self.properties is not None:
            out["properties"] = self.properties
        return {**out, **self.members}


class SetErrorException(Exception):
    """Carries a SetError out of the code that judges one object."""

    def __init__(self, error: SetError) -> None:
        super().__init__(error.description or error.type)
        self.error = error
