"""What an app above adds to the ASGI edge: resources, WebSockets, addresses in the Session object, work of its own.

    extensions.add(Extension(...))        # AppConfig.ready of the app

Rules kept here: only the ASGI edge serves extensions, so only where it runs does the Session object name them; what
they serve has the same hosts, proxies, origins, credentials and errors as everything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jmap.protocol.ports import Json

if TYPE_CHECKING:
    from jmap.edge.asgi import Edge
    from jmap.edge.exchange import Exchange
    from jmap.edge.socket import Socket


def _nothing(edge: Edge) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Extension:
    """Paths are whole; ``event_source`` and ``capabilities`` are asked with the scheme, host and prefix of a request.

    ``start`` runs on the event loop before anything is served, ``stop`` when the server begins to end.
    """

    resources: Mapping[str, Callable[[Exchange], Awaitable[None]]] = field(default_factory=dict)
    sockets: Mapping[str, Callable[[Socket], Awaitable[None]]] = field(default_factory=dict)
    event_source: Callable[[str], str] | None = None
    capabilities: Callable[[str], Mapping[str, Json]] | None = None
    start: Callable[[Edge], None] = _nothing
    stop: Callable[[Edge], None] = _nothing


_added: list[Extension] = []
served: list[Extension] = []
"""Those that this process serves."""


def add(extension: Extension) -> None:
    """Offer an extension to the ASGI edge."""
    _added.append(extension)


def mount() -> None:
    """Serve what was added; called when the ASGI edge is made."""
    served[:] = _added


def resource(path: str) -> Callable[[Exchange], Awaitable[None]] | None:
    """What answers a path, if an extension does."""
    return next((found for each in served if (found := each.resources.get(path))), None)


def socket(path: str) -> Callable[[Socket], Awaitable[None]] | None:
    """What speaks WebSocket at a path."""
    return next((found for each in served if (found := each.sockets.get(path))), None)


def event_source(site: str) -> str | None:
    """The template of eventSourceUrl, None where nothing serves push (RFC 8620 §2)."""
    return next((each.event_source(site) for each in served if each.event_source), None)


def capabilities(site: str) -> dict[str, Json]:
    """Capabilities whose value names addresses."""
    return {uri: value for each in served if each.capabilities for uri, value in each.capabilities(site).items()}
