"""``manage.py lmtpd``: takes mail in over LMTP, and answers Postfix's questions about recipients."""

from __future__ import annotations

import argparse
import os
import socket
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from jmap.durability import check_durability
from mail.lmtp import processes
from mail.lmtp.addresses import CannotListen, listen, name_of
from mail.lmtp.conf import LmtpOptions, lmtp_options


class Command(BaseCommand):
    """Serve LMTP until a signal asks for the end; then messages that are arriving are finished."""

    help = "Take mail in over LMTP (RFC 2033) from an MTA such as Postfix or Exim; options in the setting JMAP['LMTP']."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        options = lmtp_options()
        parser.add_argument(
            "--listen", metavar="ADDRESS", help=f"host:port or the path of a Unix socket (default: {options.listen})"
        )
        parser.add_argument("--socketmap", metavar="ADDRESS", help="the same for Postfix's lookups of recipients")
        parser.add_argument("--processes", type=int, metavar="N", help="processes that share the socket")
        # For whoever starts this and opens the socket itself.
        parser.add_argument("--inherited", type=int, metavar="FD", help=argparse.SUPPRESS)
        parser.add_argument("--lifeline", type=int, metavar="FD", help=argparse.SUPPRESS)

    def handle(self, *args: Any, **given: Any) -> None:
        options = self.options(given)
        try:
            if given["inherited"] is not None:
                lmtp = socket.socket(fileno=given["inherited"])
            else:
                lmtp = listen(options.listen)
            socketmap = [listen(options.socketmap)] if options.socketmap else []
        except CannotListen as error:
            raise CommandError(str(error)) from None
        if given["inherited"] is None:
            self.say(f"LMTP: {name_of(lmtp)}")
        for listener in socketmap:
            self.say(f"Postfix's lookups: {name_of(listener)}")
        self.doubt()
        os.umask(0o077)
        processes.watch(options, [lmtp], socketmap, given["lifeline"])

    def options(self, given: dict[str, Any]) -> LmtpOptions:
        """The options of the settings, and of the command line where it says otherwise."""
        named = {name: given[name] for name in ("listen", "socketmap", "processes") if given[name] is not None}
        if named.get("processes", 1) < 1:
            raise CommandError("--processes must be at least 1")
        return replace(lmtp_options(), **named)

    def doubt(self) -> None:
        """Warn of a database that may lose what it has committed; one that is away now is asked when it is needed."""
        try:
            for doubt in check_durability(databases=["default"]):
                self.stderr.write(str(doubt))
        except DatabaseError as error:
            self.stderr.write(f"the database does not answer, so mail is deferred: {error}")

    def say(self, line: str) -> None:
        """Print one line at once."""
        self.stdout.write(line)
        self.stdout.flush()
