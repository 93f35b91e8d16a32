"""The port through which mail for an address elsewhere leaves: whoever sends mail registers itself here.

Rules kept here:
- what the forwarder has returned from is durable: the sender is told that the message is ours;
- while nobody is registered such mail is deferred (451 4.3.5): the site is not set up, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jmap.blobs.spool import Spool


@dataclass(frozen=True, slots=True)
class Forward:
    """A message that an alias of ours sends on.

    ``sender``: the reverse-path as it came, "" for the null one. ``alias``: the address of ours by which it came.
    ``targets``: where it goes, in the form of stored addresses. ``smtputf8`` and ``body``: as it came. ``key``: the
    same 32 octets for the same message, sender and alias: who has taken it before takes it no second time.
    """

    sender: str
    alias: str
    targets: tuple[str, ...]
    key: bytes
    smtputf8: bool = False
    body: str = ""


class ForwardingRefused(Exception):
    """The message cannot be sent on, now or ever."""

    def __init__(self, text: str, *, is_temporary: bool) -> None:
        self.is_temporary = is_temporary
        super().__init__(text)


Forwarder = Callable[[Spool, Forward], None]
"""Takes a message over, with Return-Path left out and Delivered-To (the alias) and Received written; it may be read
again and again and takes no more octets. Raises ForwardingRefused, OSError or DatabaseError."""

Redirect = Callable[[str], str | None]
"""Where mail for an address goes that no row knows, since it carries its target in itself; None for any other one."""

_forwarder: Forwarder | None = None
_redirect: Redirect | None = None


def register_forwarder(forwarder: Forwarder | None) -> None:
    """Let an app send on what goes elsewhere; call it from ``AppConfig.ready``. None takes it back."""
    global _forwarder
    _forwarder = forwarder


def forwarder() -> Forwarder | None:
    """Who sends mail on, if anybody."""
    return _forwarder


def register_redirect(redirect: Redirect | None) -> None:
    """Let an app say where mail for return paths of its own goes; call it from ``AppConfig.ready``."""
    global _redirect
    _redirect = redirect


def redirect(address: str) -> str | None:
    """Where mail for an address goes that carries its target in itself, or None."""
    return _redirect(address) if _redirect is not None else None
