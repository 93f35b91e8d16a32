"""The one seam between mail and the wire: a file a data type or method, all declared to the registry on import.

Everything outside of this package speaks Python (keys, datetimes, errors of ``mail.services.errors``); in here that is
turned into the JSON and the errors of RFC 8621, and back.
"""

from mail.datatypes import (
    capability,
    email,
    email_delivery,
    email_import,
    email_parse,
    mailbox,
    search_snippet,
    thread,
)

__all__ = [
    "capability",
    "email",
    "email_delivery",
    "email_import",
    "email_parse",
    "mailbox",
    "search_snippet",
    "thread",
]
