"""A bound on how long uvicorn waits for the head of a request.

As it comes, uvicorn closes a connection that is idle after an answer, but waits for ever for a first request and for
the rest of one that was begun: whoever opens connections and says little holds them all. Here a connection that has not
sent a whole head in ``read_timeout`` is closed, however slowly it goes on sending. Bodies are the edge's own to wait
for.

Rules kept here: as in ``jmap.edge.daphne``: nothing of uvicorn is replaced but these places, and only in a process that
uvicorn runs.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

from jmap.edge.options import edge_options

TIMER = "jmap_head_timer"


def install() -> None:
    """Mend uvicorn, if this process is one of uvicorn's; its slower stand-in for httptools is left as it is."""
    if "uvicorn.server" not in sys.modules or importlib.util.find_spec("httptools") is None:
        return
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

    if hasattr(HttpToolsProtocol, TIMER):
        return
    protocol: Any = HttpToolsProtocol
    setattr(protocol, TIMER, None)
    protocol.connection_made = _then(protocol.connection_made, _wait_for_head)
    protocol.data_received = _then(protocol.data_received, _wait_for_head)
    protocol.on_headers_complete = _then(protocol.on_headers_complete, _stop_waiting)
    protocol.connection_lost = _then(protocol.connection_lost, _stop_waiting)


def _then(method: Any, more: Any) -> Any:
    def both(protocol: Any, *arguments: Any) -> None:
        method(protocol, *arguments)
        more(protocol)

    return both


def _wait_for_head(protocol: Any) -> None:
    """Start the clock where no request is under way; one that runs already goes on."""
    is_serving = protocol.cycle is not None and not protocol.cycle.response_complete
    if is_serving or getattr(protocol, TIMER) is not None or protocol.transport.is_closing():
        return
    if protocol.transport.get_protocol() is protocol:  # else a WebSocket has taken the connection over
        setattr(protocol, TIMER, protocol.loop.call_later(edge_options().read_timeout, protocol.transport.close))


def _stop_waiting(protocol: Any) -> None:
    if (timer := getattr(protocol, TIMER)) is not None:
        timer.cancel()
        setattr(protocol, TIMER, None)
