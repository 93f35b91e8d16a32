"""LMTP beside the web server: one command, one process tree.

Rules kept here:
- a process of its own (``manage.py lmtpd``), so that mail coming in and people reading hinder each other least;
- the socket is opened before anything is changed, so that a port that is taken is one line and no half start;
- it ends when the server does, killed or not: the writing end of a pipe stays with the server, and goes with it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from mail.lmtp.addresses import CannotListen, listen


def open_socket(lmtp: dict[str, Any], is_chosen: bool) -> socket.socket:
    """The socket to take mail in at; the usual port may be another where nobody has chosen it and it is taken.

    Raises CommandError.
    """
    where: str = lmtp["LISTEN"]
    try:
        return listen(where)
    except CannotListen as error:
        if is_chosen:
            raise CommandError(_("LMTP: %(reason)s. Set LMTP_PORT, or LMTP=off.") % {"reason": error}) from None
        return listen("127.0.0.1:0")


def start(listener: socket.socket) -> None:
    """Serve the socket for as long as this process lives, whatever it becomes."""
    theirs, ours = os.pipe()
    os.set_inheritable(ours, True)
    options = ["--inherited", str(listener.fileno()), "--lifeline", str(theirs)]
    subprocess.Popen(
        [sys.executable, sys.argv[0], "lmtpd", *options], stdin=subprocess.DEVNULL, pass_fds=(listener.fileno(), theirs)
    )
    os.close(theirs)
    listener.close()
