"""Where to listen: ``host:port``, ``[address]:port`` or the path of a Unix socket."""

from __future__ import annotations

import contextlib
import os
import socket
import stat

BACKLOG = 128


class CannotListen(Exception):
    """Nobody can listen there; the message is one line for the operator."""


def listen(where: str) -> socket.socket:
    """A socket that listens at a place written as in the options. Raises CannotListen."""
    try:
        listener = _listen_at_path(where) if "/" in where else _listen_at_port(where)
    except OSError as error:
        raise CannotListen(f"cannot listen on {where}: {error.strerror or error}") from None
    listener.setblocking(False)
    return listener


def name_of(listener: socket.socket) -> str:
    """Where a socket listens, in the form of the options."""
    name = listener.getsockname()
    if isinstance(name, str):
        return name
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listen_at_port(where: str) -> socket.socket:
    host, _colon, port = where.rpartition(":")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise CannotListen(f"{where!r} is neither host:port nor the path of a Unix socket")
    found = socket.getaddrinfo(host.strip("[]") or "127.0.0.1", int(port), type=socket.SOCK_STREAM)[0]
    # With its protocol, which asyncio looks at before it sends small answers at once (TCP_NODELAY).
    listener = socket.socket(*found[:3])
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_at_path(path: str) -> socket.socket:
    """A socket that others may connect to as far as the folder lets them; one that nobody listens at is replaced."""
    path = path.removeprefix("unix:")
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError("there is a file of that name")
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
        raise CannotListen(f"cannot listen on {path}: somebody does already")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(path)
        os.chmod(path, 0o666)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
