"""Breaks a connection at once.

A server closes a connection once its client has taken what waits for it. One that takes nothing would keep it, and what
waits, for ever, and ASGI has no word for that: so the transport is taken from the servers that are known.
"""

from __future__ import annotations

import functools
import socket
import struct
from typing import Any


def cut_off(send: Any) -> None:
    """Break the connection behind an ASGI ``send``; of a server that is not known it is left to that server."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None and hasattr(transport, "abort"):  # uvicorn
        handle = transport.get_extra_info("socket")
        if handle is not None:
            # A reset, not an end: the system would keep what waits too.
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    elif isinstance(send, functools.partial) and send.args:  # daphne
        protocol = send.args[0]
        channel = getattr(protocol, "channel", None)
        if channel is not None:
            channel.forceAbortClient()
        elif getattr(protocol, "transport", None) is not None:
            protocol.transport.abortConnection()
