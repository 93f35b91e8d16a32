"""How a message that arrives for envelope recipients becomes Emails.

Rules kept here:
- one answer for each recipient, in the order given, whatever happens: what goes wrong for one changes nothing for the
  others, and no exception loses track of who has the message;
- an answer of success is given after octets (file and folder) and rows are durable; a failure of the database or of the
  blob store is temporary (4xx), and a message that is sent again is known to those who have it already;
- accounts are served one after the other, each in a transaction of its own, so no two are ever locked at once;
- the message is parsed once, however many recipients it has.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from django.db import Error as AnyDatabaseError
from django.db import connection
from django.utils import timezone

from jmap.blobs.errors import BlobError
from jmap.blobs.spool import Spool
from jmap.protocol.errors import MethodError
from mail.mime.index import Octets
from mail.services.content import derive
from mail.services.delivery import envelope as outcomes
from mail.services.delivery.conf import delivery_options
from mail.services.delivery.deposit import Message, deposit
from mail.services.delivery.envelope import Envelope, Outcome, worst_first
from mail.services.delivery.forwarding import Forward, ForwardingRefused, forwarder
from mail.services.delivery.log import Attempt, Entry
from mail.services.delivery.recipients import Destination, Elsewhere, is_full, over_quota, resolve
from mail.services.delivery.trace import Head, read_head, trace_of, with_trace
from mail.services.delivery.verdicts import is_spam
from mail.services.errors import OverQuota

T = TypeVar("T")

log = logging.getLogger("mail.delivery")


class NotDurable(RuntimeError):
    """A delivery inside a transaction of the caller's: it could be undone after it was acknowledged."""


def deliver(spool: Spool, envelope: Envelope) -> list[Outcome]:
    """Deliver what a spool holds; the Outcomes come in the order of the recipients.

    The octets are those that arrived: CRLF from LMTP, LF from a pipe, both are kept. Must stand outside of any
    transaction (NotDurable). Raises nothing else, whatever the message or the state of the server is like.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise NotDurable("deliver outside of a transaction: what was acknowledged must not be undone")
    if connection.errors_occurred:
        connection.close_if_unusable_or_obsolete()
    spool.seal()
    data = spool.view()
    head = read_head(data)
    attempt = Attempt(envelope, head.message_id, spool.size, timezone.now())
    try:
        destinations = resolve(envelope.recipients)
    except AnyDatabaseError as error:
        _complain("look up recipients", error)
        return [outcomes.TRY_AGAIN.to(recipient) for recipient in envelope.recipients]
    delivery = _Delivery(data, spool.digest, envelope, head, attempt, destinations)
    delivery.refuse()
    with Spool() as traced:
        delivery.to_accounts(traced)
    delivery.to_others()
    return delivery.answers()


@dataclass(slots=True)
class _Delivery:
    """One message on its way; ``found`` collects what became of it, by number of recipient."""

    data: Octets
    digest: bytes
    envelope: Envelope
    head: Head
    attempt: Attempt
    destinations: Sequence[Destination]
    found: dict[int, list[Outcome]] = field(default_factory=dict)
    unlogged: list[Entry] = field(default_factory=list)
    """What the log does not have yet."""

    def refuse(self) -> None:
        """Note what is refused without looking at any account, and pass over those whom that concerns."""
        options = delivery_options()
        whole = None
        if not self.data:
            whole = outcomes.EMPTY
        elif len(self.data) > options.max_size:
            whole = outcomes.TOO_LARGE
        elif len(self.head.values(b"received")) > options.max_received:
            whole = outcomes.LOOP
        been = {value.strip(b"<>").lower() for value in self.head.values(b"delivered-to")}
        for number, destination in enumerate(self.destinations):
            self.found[number] = []
            recipient = destination.recipient
            looped = outcomes.LOOP if recipient.lower().encode("utf-8", "replace") in been else None
            if refusal := whole or looped:
                destination.accounts.clear()
                destination.elsewhere.clear()
                self._note([number], refusal)
                continue
            for address, why in destination.refusals:
                self._note([number], why, target="" if address == recipient else address)

    def to_accounts(self, traced: Spool) -> None:
        """Put the message into every account that a recipient stands for, each once, in ascending order."""
        wanted: dict[int, list[int]] = {}
        for number, destination in enumerate(self.destinations):
            for account_id, row in destination.accounts.items():
                if is_full(row, len(self.data)):
                    self._note([number], over_quota(), account_id)
                else:
                    wanted.setdefault(account_id, []).append(number)
        if not wanted:
            return
        message = _attempted(partial(self._message, traced))
        for account_id, numbers in sorted(wanted.items()):
            if isinstance(message, Outcome):
                self._note(numbers, message, account_id)
                continue
            names = [self.destinations[number].recipient for number in numbers]
            outcome = _attempted(partial(deposit, account_id, message, names))
            self._note(numbers, outcome, account_id, is_logged=outcome.is_success)

    def _message(self, traced: Spool) -> Message:
        """The message as it is stored: with its trace header, the same octets for every account."""
        only = self.destinations[0].recipient if len(self.destinations) == 1 else ""
        trace = trace_of(self.envelope, self.head, self.attempt.at, to=only)
        traced.write_all(with_trace(self.data, self.head, trace))
        key = self._key() if self.envelope.once else None
        spam = is_spam(self.head, delivery_options().spam_verdicts)
        return Message(traced, derive(traced.view()), key, spam, self.attempt)

    def _key(self, *more: str) -> bytes:
        """What the message is known by when it comes again: its octets as they came, and its sender."""
        text = "\0".join((self.envelope.sender.lower(), *more))
        return hashlib.sha256(self.digest + text.encode("utf-8", "replace")).digest()

    def to_others(self) -> None:
        """Hand the message to whoever sends on what goes to other sites, once for each alias."""
        for number, destination in enumerate(self.destinations):
            aliases: dict[str, list[Elsewhere]] = {}
            for one in destination.elsewhere:
                aliases.setdefault(one.alias, []).append(one)
            for alias, targets in aliases.items():
                outcome = _attempted(partial(self._forward, alias, [one.target for one in targets]))
                for one in targets:
                    self._note([number], outcome, target=one.target)

    def _forward(self, alias: str, targets: Sequence[str]) -> Outcome:
        send_on = forwarder()
        if send_on is None:
            log.error("mail for %s is to be forwarded, and this site has no way to send mail", alias)
            return outcomes.NO_FORWARDING
        given = self.envelope
        forward = Forward(given.sender, alias, tuple(targets), self._key(alias, *targets), given.smtputf8, given.body)
        with Spool() as traced:
            trace = trace_of(given, self.head, self.attempt.at, return_path=False, to=alias)
            send_on(traced.write_all(with_trace(self.data, self.head, trace)), forward)
        return outcomes.forwarded()

    def _note(
        self,
        numbers: Sequence[int],
        outcome: Outcome,
        account_id: int | None = None,
        *,
        target: str = "",
        is_logged: bool = False,
    ) -> None:
        for number in numbers:
            named = outcome.to(self.destinations[number].recipient)
            self.found[number].append(named)
            if not is_logged:
                self.unlogged.append(Entry(named, account_id, target=target))

    def answers(self) -> list[Outcome]:
        """The one answer for each recipient; what is not in the log yet is put there."""
        try:
            if self.unlogged:
                self.attempt.write(self.unlogged)
        except AnyDatabaseError as error:
            _complain("log a delivery", error)
        return [worst_first(self.found[number]) for number in range(len(self.destinations))]


def _attempted(do: Callable[[], T]) -> T | Outcome:
    """What ``do`` returns, or the Outcome that stands for what it raises."""
    try:
        return do()
    except OverQuota:
        return over_quota()
    except ForwardingRefused as refusal:
        code = (451, "4.3.0") if refusal.is_temporary else (550, "5.7.1")
        return (outcomes.deferred if refusal.is_temporary else outcomes.refused)(*code, str(refusal))
    except MethodError:
        return outcomes.NO_USER
    except OSError as error:
        _complain("store a message", error)
        return outcomes.not_stored(error)
    except (AnyDatabaseError, BlobError) as error:
        _complain("store a message", error)
    except Exception:
        # Whatever it is, the sender keeps the message and comes again.
        log.exception("a delivery failed")
    return outcomes.TRY_AGAIN


def _complain(what: str, error: BaseException) -> None:
    log.error("could not %s: %s: %s", what, type(error).__name__, error)
