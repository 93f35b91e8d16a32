"""Envelope and Outcome: what a message comes with, and what became of it for each recipient."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mail.models import Verdict


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message comes with (RFC 5321 §2.3.1).

    ``sender``: the reverse-path, "" for the null one. ``recipients``: forward-paths without angle brackets. What
    follows is for the trace header and the log: ``protocol`` as it stands in Received (RFC 3848, RFC 6531: LMTP,
    UTF8LMTP, …); ``helo``, ``client_name`` and ``client_address``: what the client calls itself, and what we know of
    it; ``queue_id``: the id that it has there. ``size``: octets as announced by SIZE. ``body``: the parameter BODY of
    MAIL. ``once``: what comes again, octet by octet and from the same sender, is the same message sent again, not
    another.
    """

    sender: str
    recipients: Sequence[str]
    protocol: str = ""
    helo: str = ""
    client_name: str = ""
    client_address: str = ""
    queue_id: str = ""
    size: int | None = None
    body: str = ""
    smtputf8: bool = False
    once: bool = True

    @property
    def client(self) -> str:
        """Who hands it in, for people who read a log."""
        name = self.helo or self.client_name
        return f"{name} [{self.client_address}]".strip() if self.client_address else name


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a message for one recipient: a reply code (RFC 5321 §4.2), an enhanced one (RFC 3463), and words.

    ``text`` is ASCII and names no address. ``emails``: the keys of the Emails that it became, by account.
    """

    recipient: str
    verdict: Verdict
    code: int
    enhanced: str
    text: str
    emails: tuple[tuple[int, int], ...] = ()

    @property
    def is_success(self) -> bool:
        """Whether the message is ours now, durably: 250."""
        return self.code < 300

    @property
    def is_temporary(self) -> bool:
        """Whether the sender should try again."""
        return 400 <= self.code < 500

    @property
    def reply(self) -> str:
        """The reply line."""
        return f"{self.code} {self.enhanced} {self.text}"

    def to(self, recipient: str) -> Outcome:
        """The same for another recipient."""
        return replace(self, recipient=recipient)


def delivered(emails: tuple[tuple[int, int], ...] = ()) -> Outcome:
    """It is in a mailbox."""
    return Outcome("", Verdict.DELIVERED, 250, "2.1.5", "delivered", emails)


def duplicate() -> Outcome:
    """It was delivered before, and is not delivered twice."""
    return Outcome("", Verdict.DUPLICATE, 250, "2.1.5", "delivered before")


def forwarded() -> Outcome:
    """It waits in the queue of mail that goes out."""
    return Outcome("", Verdict.FORWARDED, 250, "2.1.5", "forwarded")


def refused(code: int, enhanced: str, text: str) -> Outcome:
    """It will never be accepted: 5xx."""
    return Outcome("", Verdict.REFUSED, code, enhanced, text)


def deferred(code: int, enhanced: str, text: str) -> Outcome:
    """It may be accepted later: 4xx."""
    return Outcome("", Verdict.DEFERRED, code, enhanced, text)


BAD_ADDRESS = refused(553, "5.1.3", "that is not an address")
NO_DOMAIN = refused(550, "5.1.2", "this site receives no mail for that domain")
NO_USER = refused(550, "5.1.1", "there is no such address here")
SUSPENDED = refused(550, "5.2.1", "the account does not receive mail")
TOO_LARGE = refused(552, "5.3.4", "the message is too large")
LOOP = refused(554, "5.4.6", "the message goes round in circles")
ALIAS_LOOP = refused(550, "5.4.6", "the address leads back to itself")
ALIAS_TOO_LONG = refused(550, "5.2.4", "the address stands for too many others")
NO_FORWARDING = deferred(451, "4.3.5", "this server is not set up to forward mail")
FULL_FOR_NOW = deferred(452, "4.2.2", "the account is full")
FULL = refused(552, "5.2.2", "the account is full")
TRY_AGAIN = deferred(451, "4.3.0", "the message could not be stored, try again later")
NO_SPACE = deferred(452, "4.3.1", "the server has no space left, try again later")
EMPTY = refused(554, "5.6.0", "the message is empty")


def not_stored(error: OSError) -> Outcome:
    """The disk, or what stands for it, took no more."""
    return NO_SPACE if error.errno in (errno.ENOSPC, errno.EDQUOT) else TRY_AGAIN


def worst_first(outcomes: Sequence[Outcome]) -> Outcome:
    """The one answer for a recipient who stands for several.

    Whatever is to be tried again is asked for again, since those who have it already do not get it twice; what is
    refused for some is told to the sender only where nobody got it, and to the log in any case.
    """
    for outcome in outcomes:
        if outcome.is_temporary:
            return outcome
    good = [outcome for outcome in outcomes if outcome.is_success]
    if not good:
        return outcomes[0]
    emails = tuple(pair for outcome in good for pair in outcome.emails)
    best = next((outcome for outcome in good if outcome.verdict != Verdict.DUPLICATE), good[0])
    return replace(best, emails=emails)
