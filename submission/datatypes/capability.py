"""The capabilities of mail out and what they say of an account (RFC 8621 §1.3.2, §1.3.3).

What is announced is honoured: every extension here is one that the queue carries out.
"""

from __future__ import annotations

from jmap.protocol.ports import AccountInfo, Json
from jmap.registry import registry
from submission.conf import submission_options

SUBMISSION = "urn:ietf:params:jmap:submission"
VACATION = "urn:ietf:params:jmap:vacationresponse"


def submission_value(account: AccountInfo) -> dict[str, Json] | None:
    """The value of the submission capability; None for who may only read the account, since sending is not reading.

    Departs from RFC 4865 §3.1, which has FUTURERELEASE name the latest moment too: a moment that moves on with every
    second would give the session another state each time it is fetched.
    """
    if account.is_read_only:
        return None
    options = submission_options()
    extensions: dict[str, list[str]] = {
        "8BITMIME": [],
        "DSN": [],
        "SIZE": [str(options.max_message_size)],
        "SMTPUTF8": [],
    }
    if options.max_delayed_send:
        extensions["FUTURERELEASE"] = [str(options.max_delayed_send)]
    return {"maxDelayedSend": options.max_delayed_send, "submissionExtensions": extensions}


def vacation_value(account: AccountInfo) -> dict[str, Json] | None:
    """The value of the vacation response capability (RFC 8621 §1.3.3)."""
    return None if account.is_read_only else {}


registry.capability(SUBMISSION, account_value=submission_value)
registry.capability(VACATION, account_value=vacation_value)
