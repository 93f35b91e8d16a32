"""``manage.py maintain``: run every chore once; for sites that schedule with cron and run no embedded server."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from jmap import maintenance


class Command(BaseCommand):
    """Runs the chores of all apps once; safe to run beside a working server."""

    help = "Runs all chores once: expired uploads, unneeded octets, history that is older than is kept."

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the chores and say which failed."""
        done = maintenance.run()
        self.stdout.write(", ".join(f"{name}: {'done' if good else 'failed'}" for name, good in done.items()))
        if not all(done.values()):
            raise CommandError("a chore failed; the log says why")
