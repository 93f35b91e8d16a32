"""The server process: which command runs the ASGI application, and the URLs under which it is reached.

Rules kept here: neither server reads forwarded headers or logs requests itself; the edge alone knows the client's
address and what may be logged.
"""

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from jmap.backup.errors import BackupError
from jmap.conf import jmap_options

APPLICATION = "jmapsite.asgi:application"


def command_line(server: str, host: str, port: int, workers: int) -> list[str]:
    """The command that serves: ``server`` is ``daphne`` or ``uvicorn``.

    Raises CommandError for daphne with several workers, since it is one process.
    """
    if server == "daphne":
        if workers > 1:
            raise CommandError(_("daphne is one process: WORKERS above 1 needs SERVER=uvicorn."))
        options = ["-b", host, "-p", str(port), "-v", "0", "--no-server-name"]
        return [sys.executable, "-m", "daphne", *options, APPLICATION]
    options = ["--host", host, "--port", str(port), "--workers", str(workers), "--log-level", "warning"]
    options += ["--http", "httptools"]  # the implementation whose waiting the edge bounds
    options += ["--no-access-log", "--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "10"]
    # A message may be larger than a request, so that the edge can say which limit it breaks. Few wait, and none are
    # compressed: each connection would keep 300 KB for it.
    largest = 2 * jmap_options().max_size_request
    options += ["--ws-max-size", str(largest), "--ws-max-queue", "2", "--ws-per-message-deflate", "false"]
    return [sys.executable, "-m", "uvicorn", *options, APPLICATION]


def origin(host: str, port: int) -> str:
    """The URL of the server's root, as a browser on this machine writes it; a wildcard address becomes the machine's
    name."""
    if host in {"0.0.0.0", "::", "[::]"}:
        host = socket.gethostname()
    elif ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def require_free_port(host: str, port: int) -> None:
    """Raise CommandError where nobody can listen on the address."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        with contextlib.closing(socket.socket(found[0], found[1])) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[4])
    except OSError as error:
        raise CommandError(
            _("Cannot listen on %(host)s port %(port)d: %(reason)s. Set HOST or PORT.")
            % {"host": host, "port": port, "reason": error.strerror or error}
        ) from None


def hold(data_dir: Path, *, alone: bool = True) -> int:
    """Take the folder for this process and what it becomes; gives the descriptor that holds it.

    Not ``alone``, other servers may hold it too, but nobody restores a backup meanwhile.

    Raises CommandError where another server holds it: an embedded database is migrated and served by one at a time.
    """
    descriptor = os.open(data_dir / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise CommandError(
            _("Another server runs on %(path)s: stop it, or set DATA_DIR to another folder.") % {"path": data_dir}
        ) from None
    os.set_inheritable(descriptor, True)
    return descriptor


@contextlib.contextmanager
def not_serving() -> Iterator[None]:
    """Keep servers from starting, while a backup is restored. Raises BackupError where one runs."""
    settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = hold(settings.DATA_DIR)
    except CommandError as error:
        raise BackupError(str(error)) from error
    try:
        yield
    finally:
        os.close(descriptor)
