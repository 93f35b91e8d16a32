"""``manage.py collect_blobs``: remove the octets of blobs that nothing needs any more; run it once an hour or a day."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils.translation import gettext as _

from jmap.blobs import collector


class Command(BaseCommand):
    """Runs the collector once; safe to stop, to run again and to run beside a working server."""

    help = "Removes expired uploads and the octets of blobs that nothing refers to, after their time of grace."

    def add_arguments(self, parser: CommandParser) -> None:
        """--orphans."""
        parser.add_argument(
            "--orphans",
            action="store_true",
            help="also look through the whole blob store for octets that no row knows (slow)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the collector and say what it did."""
        if options["orphans"]:
            self.stdout.write(_("orphans found: %d") % collector.adopt_orphans())
        done = collector.collect()
        if done.held:
            self.stderr.write(_("A hold is in force (a backup is running): nothing more is deleted until it ends."))
        self.stdout.write(
            _(
                "uploads expired: %(expired)d, blobs marked: %(marked)d, blobs deleted: %(deleted)d, "
                "unfinished files removed: %(swept)d"
            )
            % {"expired": done.expired, "marked": done.marked, "deleted": done.deleted, "swept": done.swept}
        )
