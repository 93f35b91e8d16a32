"""PushTicket/create: a ticket for a stream that a page of a browser opens (docs/push.md).

Rules kept here: the capability is advertised, with the addresses that take tickets, where streams are served.
"""

from __future__ import annotations

from jmap.limits import Rate, limit_store
from jmap.protocol.errors import MethodError
from jmap.protocol.ports import Context, Json
from jmap.protocol.properties import String
from jmap.registry import registry
from push import tickets

TICKETS = "https://jmap-server.example/push-tickets"
"""An extension of this server's own; the name belongs to nobody (RFC 2606), so it is no other's either."""

WEBSOCKET = "urn:ietf:params:jmap:websocket"

RATE = Rate(60, 60)
"""Tickets that one user may ask for."""

for capability in (TICKETS, WEBSOCKET):
    # Their values name addresses, which the edge that serves them adds; no account has methods of theirs.
    registry.capability(capability, session_value=lambda: None, account_value=lambda _account: None)


@registry.method(
    "PushTicket/create",
    capability=TICKETS,
    arguments={"kind": String(choices=tuple(tickets.Kind.values))},
    account=False,
    writes=True,
)
def create(ctx: Context, arguments: dict[str, Json]) -> dict[str, Json]:
    """A ticket for one event source, or one WebSocket, of whoever asks."""
    if not limit_store().take(f"tickets {ctx.principal.key}", RATE).allowed:
        raise MethodError("rateLimit", "too many tickets in a minute")
    secret, good_until = tickets.issue(ctx.principal.key, ctx.principal.login, arguments["kind"])
    return {"ticket": secret, "expires": good_until.strftime("%Y-%m-%dT%H:%M:%SZ")}
