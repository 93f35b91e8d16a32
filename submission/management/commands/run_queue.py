"""``manage.py run_queue``: work through the queues, for sites that run neither Celery nor the embedded server."""

from __future__ import annotations

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from jmap import work
from submission.relay import lease


class Command(BaseCommand):
    """Sends what waits, as long as it runs or once; may run beside others of its kind, and on several hosts."""

    help = "Works through the queues: mail that goes out, and answers of vacation responses."

    def add_arguments(self, parser: CommandParser) -> None:
        """The options."""
        parser.add_argument("--once", action="store_true", help="end when nothing is due any more; for cron")
        parser.add_argument("--workers", type=int, default=2, help="threads that send (default: 2)")
        parser.add_argument("--interval", type=float, default=2.0, help="seconds between two looks (default: 2)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Work until told to end, then finish what was begun."""
        if options["once"]:
            # A process that does not stay sees no lease run out; it goes by the wall clock.
            lease.free_expired()
            failed = [queue for queue in work.queues() if not work.run(queue)]
            if failed:
                raise CommandError(_("failed: %s; the log says why") % ", ".join(failed))
            return
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, frame: work.stopping.set())
        threads = [threading.Thread(target=work.serve, args=(options["interval"],)) for _n in range(options["workers"])]
        for thread in threads:
            thread.start()
        work.stopping.wait()
        work.stop()
        for thread in threads:
            thread.join()
