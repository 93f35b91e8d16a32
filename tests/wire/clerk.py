"""Keeps the books of the servers under test, in a process of its own: users, accounts, credentials.

Reads one JSON array ``[what, arguments]`` a line and answers one JSON value a line.
"""

import json
import os
import sys
from typing import Any

import django


def serve() -> None:
    """Answer until the input ends."""
    from tests.wire.books import ENTRIES

    for line in sys.stdin:
        what, arguments = json.loads(line)
        answer: Any = ENTRIES[what](**arguments)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.wire.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    serve()
