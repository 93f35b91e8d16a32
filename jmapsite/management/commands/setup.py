"""``manage.py setup``: the first administrator, domain and mailbox of a production site."""

import getpass
import os
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from jmapsite.provision import ensure_admin, ensure_mailbox, find_address, find_user
from jmapsite.schema import prepare_database
from mail.services.accounts import split_address
from mail.services.errors import InvalidAddress


class Command(BaseCommand):
    """Make what a new site needs; what exists is left as it is, so the command may be run again."""

    help = _(
        "Prepare the database and make the first administrator, domain and mailbox. What is not given is asked for; "
        "passwords may come from the variables SETUP_ADMIN_PASSWORD and SETUP_MAILBOX_PASSWORD."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """See ``--help``."""
        parser.add_argument("--admin", metavar="NAME", help=_("user name of the administrator"))
        parser.add_argument("--address", metavar="ADDRESS", help=_("email address of the first mailbox"))
        parser.add_argument("--name", default="", help=_("display name of the person"))

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask for what is missing, then make it."""
        prepare_database(self.stdout.write)
        admin = options["admin"] or self.ask(_("Administrator's user name"), "--admin")
        address = options["address"] or self.ask(_("Email address of the first mailbox"), "--address")
        try:
            self.make_admin(admin)
            self.make_mailbox(address, options["name"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except InvalidAddress as error:
            raise CommandError(str(error)) from None

    def make_admin(self, username: str) -> None:
        """Make the administrator, or say that there is one."""
        exists = find_user(username) is not None
        password = "" if exists else self.password(username, "SETUP_ADMIN_PASSWORD")
        made = ensure_admin(username, password)
        self.tell(_("Administrator %(name)s"), username, made)

    def make_mailbox(self, address: str, name: str) -> None:
        """Make the domain and the mailbox, or say that they exist."""
        address = "@".join(split_address(address))
        exists = find_address(address) is not None or find_user(address) is not None
        password = "" if exists else self.password(address, "SETUP_MAILBOX_PASSWORD")
        made = ensure_mailbox(address, password, name)
        self.tell(_("Mailbox %(name)s"), address, made)

    def tell(self, what: str, name: str, made: bool) -> None:
        """Print whether something was made or found."""
        outcome = _("made") if made else _("exists already, unchanged")
        self.stdout.write(f"{what % {'name': name}}: {outcome}.")

    def ask(self, question: str, option: str) -> str:
        """The answer typed at the terminal. Raises CommandError where there is no terminal."""
        if not sys.stdin.isatty():
            raise CommandError(_("%(option)s is missing, and there is no terminal to ask at.") % {"option": option})
        return input(f"{question}: ").strip()

    def password(self, name: str, variable: str) -> str:
        """A password from the variable or typed twice. Raises CommandError or ValidationError where it will not do."""
        given = os.environ.get(variable, "")
        if not given:
            if not sys.stdin.isatty():
                raise CommandError(_("%(variable)s is not set, and there is no terminal.") % {"variable": variable})
            given = getpass.getpass(_("Password for %(name)s: ") % {"name": name})
            if given != getpass.getpass(_("The same again: ")):
                raise CommandError(_("The two passwords differ."))
        validate_password(given)
        return given
