"""What a spam filter in front of us said of a message, where the site believes it (option ``SPAM_VERDICTS``).

Rules kept here: a verdict is read from the header fields that a filter writes; nothing is believed that the site does
not name, and a message that says of itself that it is no spam gains nothing by it.
"""

from __future__ import annotations

import re

from mail.services.delivery.trace import Head

_RSPAMD_ACTIONS = frozenset({b"add header", b"rewrite subject", b"quarantine", b"reject"})
_YES = re.compile(rb"yes\b", re.IGNORECASE)
_RSPAMD_RESULT = re.compile(rb"[^:;]+:\s*true\b", re.IGNORECASE)

FILTERS = ("rspamd", "spamassassin")


def is_spam(head: Head, believed: tuple[str, ...]) -> bool:
    """Whether a filter that the site believes calls the message spam."""
    return ("rspamd" in believed and _rspamd(head)) or ("spamassassin" in believed and _spamassassin(head))


def _rspamd(head: Head) -> bool:
    """``X-Spam: Yes``, ``X-Rspamd-Action: add header``, ``X-Spamd-Result: default: True [15.1 / 15.0]; …``."""
    return (
        any(_YES.match(value) for value in head.values(b"x-spam"))
        or any(value.lower() in _RSPAMD_ACTIONS for value in head.values(b"x-rspamd-action"))
        or any(_RSPAMD_RESULT.match(value) for value in head.values(b"x-spamd-result"))
    )


def _spamassassin(head: Head) -> bool:
    """``X-Spam-Flag: YES``, ``X-Spam-Status: Yes, score=…``."""
    fields = (*head.values(b"x-spam-flag"), *head.values(b"x-spam-status"))
    return any(_YES.match(value) for value in fields)
