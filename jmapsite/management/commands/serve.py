"""``manage.py serve``: prepares the database, makes the demo on a first run, and becomes the server."""

import os
import socket
import sys
from typing import Any

from django.conf import settings
from django.core.checks import WARNING, run_checks
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.utils.translation import gettext as _

from jmap.durability import check_durability
from jmap.limits import limit_store
from jmapsite import lmtp, server
from jmapsite.demo import Demo, ensure_demo
from jmapsite.environment import is_loopback
from jmapsite.schema import prepare_database
from mail.lmtp.addresses import name_of


class Command(BaseCommand):
    """Serve the site with the settings of the environment (HOST, PORT, DATA_DIR, DATABASE_URL, SERVER, WORKERS, …)."""

    requires_system_checks = ()  # run here, so that what is in order is not called an issue
    help = _("Prepare the database and serve the site; a first run on this machine alone makes a demo.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, tell where the site is, and replace this process by the server's."""
        self.run_checks()
        os.umask(0o077)
        settings.DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = server.command_line(settings.SERVER, settings.HOST, settings.PORT, settings.WORKERS)
        server.require_free_port(settings.HOST, settings.PORT)
        server.hold(settings.DATA_DIR, alone=connections["default"].vendor == "sqlite")
        listener = self.lmtp_socket()
        mail_in = name_of(listener) if listener else None
        prepare_database(self.say)
        for doubt in check_durability(databases=["default"]):
            self.stderr.write(str(doubt))
        root = server.origin(settings.HOST, settings.PORT)
        session_url, admin_url = f"{root}/.well-known/jmap", f"{root}/admin/"
        if is_loopback(settings.HOST) and not settings.DATABASE_URL:
            demo, is_new = ensure_demo(settings.DATA_DIR, session_url, admin_url, mail_in)
            if demo:
                self.tell_demo(demo, is_new)
        elif not is_loopback(settings.HOST):
            self.say(_("Answers to the host names %(names)s.") % {"names": ", ".join(settings.ALLOWED_HOSTS)})
        self.say(_("JMAP session: %(url)s") % {"url": session_url})
        self.say(_("Admin:        %(url)s") % {"url": admin_url})
        if mail_in:
            self.say(_("Mail in, LMTP: %(address)s") % {"address": mail_in})
        self.say(_("Limits are counted in %(store)s.") % {"store": limit_store().describe()})
        self.say(_("Serving with %(server)s; stop with Ctrl-C.") % {"server": settings.SERVER})
        connections.close_all()
        sys.stdout.flush()
        # Each of the worker's threads would grow a heap of its own otherwise: 250 MB after large requests, not 120.
        os.environ.setdefault("MALLOC_ARENA_MAX", "2")
        if listener:
            lmtp.start(listener)
        os.execv(command[0], command)

    def lmtp_socket(self) -> socket.socket | None:
        """Where mail comes in, None where that is left to others."""
        if settings.LMTP == "off":
            return None
        return lmtp.open_socket(settings.JMAP["LMTP"], bool(settings.LMTP or os.environ.get("LMTP_PORT")))

    def run_checks(self) -> None:
        """Print warnings of Django's system checks. Raises CommandError where one is an error."""
        found = [message for message in run_checks() if message.level >= WARNING and not message.is_silenced()]
        for message in found:
            self.stderr.write(str(message))
        if any(message.is_serious() for message in found):
            raise CommandError(_("The settings cannot work as they are; see above."))

    def tell_demo(self, demo: Demo, is_new: bool) -> None:
        """Print the logins once; later runs only say where they stand."""
        path = settings.DATA_DIR / "demo.json"
        if not is_new:
            self.say(_("The demo's logins are in %(path)s.") % {"path": path})
            return
        self.say(_("Made a demo; its logins are printed now only and kept in %(path)s:") % {"path": path})
        for login in (*demo.accounts, demo.admin):
            self.say(f"  {login.username}  {login.password}")

    def say(self, line: str) -> None:
        """Print one line at once."""
        self.stdout.write(line)
        self.stdout.flush()
