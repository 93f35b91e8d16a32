"""The processes that share the sockets: one that watches, and those that serve.

Rules kept here:
- whoever serves is forked from one that has loaded everything, and shares its memory;
- one that dies is replaced, and the socket stays open meanwhile: nobody is turned away;
- one that watches ends when it is asked to or when whoever started it is gone, and none serves without it: each holds
  the reading end of a pipe whose writing end dies with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import select
import signal
import socket
import time
from collections.abc import Sequence

from django.db import connections

from mail.lmtp import server
from mail.lmtp.conf import LmtpOptions

log = logging.getLogger("mail.lmtp")

PAUSE = 1.0
"""Seconds between the death of a process and the start of the next."""


def watch(
    options: LmtpOptions,
    lmtp: Sequence[socket.socket],
    socketmap: Sequence[socket.socket],
    lifeline: int | None = None,
) -> None:
    """Keep ``options.processes`` serving until a signal asks for the end or the other end of ``lifeline`` is closed."""
    connections.close_all()
    gc.collect()
    gc.freeze()
    own, held = os.pipe()
    signalled, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda *_received: None)
    watched = [signalled, *([] if lifeline is None else [lifeline])]
    serving: set[int] = set()
    is_ending = False
    while not is_ending:
        while len(serving) < options.processes:
            serving.add(_fork(options, lmtp, socketmap, own, held, (signalled, wakeup)))
        ready, _, _ = select.select(watched, [], [])
        numbers = os.read(signalled, 64) if signalled in ready else b""
        is_ending = lifeline in ready or signal.SIGTERM in numbers or signal.SIGINT in numbers
        if not is_ending and (dead := _reaped(serving)):
            serving -= dead
            time.sleep(PAUSE)
    for listener in (*lmtp, *socketmap):
        listener.close()
    os.close(held)
    for child in serving:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child, 0)


def _reaped(serving: set[int]) -> set[int]:
    dead = set()
    for child in serving:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            log.error("process %d ended unasked (%d), another takes its place", child, status)
            dead.add(child)
    return dead


def _fork(
    options: LmtpOptions,
    lmtp: Sequence[socket.socket],
    socketmap: Sequence[socket.socket],
    lifeline: int,
    held: int,
    wakeup: tuple[int, int],
) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in (held, *wakeup):
            os.close(descriptor)
        asyncio.run(server.serve(options, lmtp, socketmap, lifeline))
        status = 0
    except BaseException:
        log.exception("the server failed")
    finally:
        _end(status)
    raise AssertionError("unreachable")


def _end(status: int) -> None:
    """End a forked process as the interpreter would: what was registered for the end is done, and no more."""
    import atexit

    with contextlib.suppress(BaseException):
        atexit._run_exitfuncs()
    logging.shutdown()
    os._exit(status)
