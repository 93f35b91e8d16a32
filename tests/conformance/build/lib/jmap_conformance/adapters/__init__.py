"""Adapters do for a run what JMAP cannot: make accounts, deliver mail, show what was submitted and pushed.

An adapter is an object with the methods of ``Adapter``; ``abilities`` says which of them work. Most servers need no
code: ``jmap_conformance.adapters.configured`` makes one from a file, and files for Cyrus, Stalwart and
django-jmap-server come with the suite (``--adapter cyrus``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from jmap_conformance.client import Principal


@dataclass
class Submitted:
    """A message that the server handed on: envelope as on the wire, and the octets."""

    mail_from: str
    recipients: list[str]
    data: bytes
    parameters: dict[str, str] = field(default_factory=dict)


@dataclass
class Pushed:
    """A request that the server made to an endpoint for pushes."""

    headers: dict[str, str]
    body: bytes
    method: str = "POST"


class Push(Protocol):
    """An endpoint for pushes."""

    url: str

    def requests(self) -> list[Pushed]:
        """Every request so far."""

    def answer(self, status: int) -> None:
        """What later requests are answered with."""

    def close(self) -> None:
        """End it."""


class Adapter(Protocol):
    """What stands between the suite and one kind of server."""

    abilities: frozenset[str]
    """Of "make-account", "revoke", "share", "deliver", "receive" and "push-endpoint"."""

    def make_account(self, name: str) -> Principal:
        """Somebody new with a mail account."""

    def revoke(self, principal: Principal) -> None:
        """Make the credentials of a principal worthless; only asked for those that make_account gave."""

    def share(self, owner: Principal, guest: Principal) -> None:
        """Let the guest use the owner's account."""

    def address(self, principal: Principal) -> str:
        """The address that delivers into the principal's account."""

    def deliver(self, recipient: str, message: bytes, mail_from: str = "sender@example.org") -> None:
        """Deliver, and return when the server has taken the message; raises OSError if it refuses."""

    def submissions(self) -> list[Submitted]:
        """Every message that the server handed on so far."""

    def push_endpoint(self) -> Push:
        """A new endpoint that the server can reach."""

    def close(self) -> None:
        """End what the adapter started."""
