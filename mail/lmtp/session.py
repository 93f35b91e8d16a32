"""One LMTP connection (RFC 2033): aiosmtpd's command loop, with MAIL, RCPT and DATA of our own.

Rules kept here:
- after DATA there is an answer for each accepted recipient, in their order, and no 250 before the message is durable;
- only CRLF ends a command, and only CRLF, a dot and CRLF a message (see ``dots``);
- every answer but the greeting and that to LHLO has an enhanced status code (RFC 2034);
- whatever fails on our side is 4xx: the client keeps the message and comes again;
- a client that is silent, slow, endless or useless is left, and costs nobody but itself;
- the log gets a line for each transaction: ids, counts and times, no content.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from typing import TYPE_CHECKING, Any

from aiosmtpd.lmtp import LMTP

from mail.lmtp import answers
from mail.lmtp.arrival import Arrival
from mail.lmtp.commands import BadCommand, Sender, parse_ident, parse_mail, parse_rcpt
from mail.services.delivery import Envelope, Outcome
from mail.services.delivery.conf import delivery_options
from mail.services.delivery.trace import hostname

if TYPE_CHECKING:
    from mail.lmtp.server import Server

log = logging.getLogger("mail.lmtp")
# aiosmtpd tells there of every command, addresses and all.
logging.getLogger("mail.log").setLevel(logging.ERROR)

CHUNK = 64 * 1024
MAX_COMMAND = 2_048
"""Octets of a command; RFC 5321 §4.5.3.1.4 and the extensions ask for less."""

_FAREWELL = 5
"""Seconds for the last answer to be taken."""

_PLAIN = re.compile(rb"([245])(\d\d)[ -](?!\d\.\d{1,3}\.\d)")
_ENHANCED = {b"500": b"5.5.2", b"501": b"5.5.4", b"502": b"5.5.1", b"503": b"5.5.1", b"555": b"5.5.4"}


class Reader(asyncio.StreamReader):
    """Reads lines that end in CRLF."""

    async def readuntil(self, separator: Any = b"\r\n") -> bytes:
        """A line. Ends the session quietly where the client has gone: that is what aiosmtpd takes a cancel for."""
        try:
            return await super().readuntil(separator)
        except asyncio.IncompleteReadError:
            raise asyncio.CancelledError from None


class _OneLimit(dict[str, int]):
    """The same limit for every command."""

    def __missing__(self, command: str) -> int:
        return MAX_COMMAND


class Session(LMTP):
    """A connection of a server; ``sender`` is set while a transaction is under way."""

    # In aiosmtpd the limits of all connections are one dictionary, emptied by each new one.
    command_size_limits = _OneLimit()

    def __init__(self, server: Server) -> None:
        self._server = server
        self._options = server.options
        self.sender: Sender | None = None
        self.recipients: list[str] = []
        self._ident = ""
        self._useless = 0
        self._greeted = False
        super().__init__(
            server,
            data_size_limit=delivery_options().max_size,
            enable_SMTPUTF8=True,
            hostname=hostname(),
            ident="LMTP ready",
            timeout=self._options.command_timeout,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            loop=asyncio.get_running_loop(),
        )
        # Again, for a reader of ours.
        asyncio.StreamReaderProtocol.__init__(
            self, Reader(limit=CHUNK, loop=self.loop), self._cb_client_connected, self.loop
        )
        for name in ("AUTH", "STARTTLS", "EXPN", "HELO", "EHLO"):
            self._smtp_methods.pop(name)

    # ------------------------------------------------------------------------------------------------ the connection

    async def _handle_client(self) -> None:
        """From the greeting to the end."""
        if refusal := self._server.admit(self):
            await self.push(refusal)
            self._hang_up()
            return
        try:
            await super()._handle_client()
        finally:
            self._server.leave(self)

    def eof_received(self) -> bool | None:
        """A client may stop sending and still wait for answers to what it has sent."""
        return asyncio.StreamReaderProtocol.eof_received(self)

    def _timeout_cb(self) -> None:
        log.info("%s: nothing came for too long", self._peer())
        self._leave("421 4.4.2 nothing came for too long")

    def retire(self) -> None:
        """End the connection, now or when its transaction has ended."""
        if self.sender is None:
            self._leave("421 4.3.2 the server ends, come again")

    def abort(self) -> None:
        """End the connection at once."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    def _leave(self, farewell: str) -> None:
        if self.transport is not None:
            self._writer.write(farewell.encode() + b"\r\n")
            self._hang_up()

    def _hang_up(self) -> None:
        """Close, without waiting long for a client that takes no answer."""
        if self.transport is not None:
            self.transport.close()
            self.loop.call_later(_FAREWELL, self.abort)
        if self._handler_coroutine is not None and self._handler_coroutine is not asyncio.current_task():
            self._handler_coroutine.cancel()

    async def push(self, status: str | bytes) -> None:
        """Answer a command that brings no message forward."""
        reply = status.encode("utf-8", "replace") if isinstance(status, str) else status
        if self._greeted and (found := _PLAIN.match(reply)):
            code = _ENHANCED.get(reply[:3], found[1] + b".0.0")
            reply = reply[:4] + code + b" " + reply[4:]
        self._greeted = True
        self._useless += 1
        if self._useless > self._options.max_useless:
            log.warning("%s: %d commands brought no message forward", self._peer(), self._useless)
            reply = b"421 4.7.0 too many commands that bring no message forward"
        await self._say(reply)
        if reply.startswith(b"421"):
            self._hang_up()

    async def _say(self, reply: bytes) -> None:
        self._writer.write(reply + b"\r\n")
        await self._writer.drain()

    async def handle_exception(self, error: Exception) -> str:
        """What is answered where something of ours fails."""
        log.error("%s: a command failed", self._peer(), exc_info=error)
        return "451 4.3.0 something went wrong here, try again later"

    # -------------------------------------------------------------------------------------------------- the commands

    async def smtp_LHLO(self, arg: str) -> None:
        """The greeting, and what this server can do (RFC 2033 §4.1, §5)."""
        if not arg:
            await self.push("501 5.5.4 LHLO takes the name of the client")
            return
        assert self.session is not None
        self._reset()
        self.session.extended_smtp, self.session.host_name = True, arg
        abilities = ("PIPELINING", f"SIZE {self.data_size_limit}", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES")
        lines = [f"250-{self.hostname}", *(f"250-{ability}" for ability in abilities), "250 XFORWARD IDENT"]
        self._useless += 1
        await self._say("\r\n".join(lines).encode())

    async def smtp_XFORWARD(self, arg: str | None) -> None:
        """The queue id that the message has at the client (Postfix's XFORWARD_README)."""
        try:
            self._ident = parse_ident(arg)
        except BadCommand as error:
            await self.push(str(error))
        else:
            await self._say(b"250 2.0.0 noted")

    async def smtp_MAIL(self, arg: str | None) -> None:
        """The sender (RFC 5321 §4.1.1.2); SIZE is looked at before anything is sent (RFC 1870 §6.1)."""
        if await self.check_helo_needed("LHLO"):
            return
        if self.sender is not None:
            await self.push("503 5.5.1 there is a sender already")
            return
        try:
            sender = parse_mail(arg)
        except BadCommand as error:
            await self.push(str(error))
            return
        if sender.size is not None and sender.size > (self.data_size_limit or 0):
            await self.push("552 5.3.4 the message is too large")
            return
        self.sender = sender
        await self._say(b"250 2.1.0 go on")

    async def smtp_RCPT(self, arg: str | None) -> None:
        """A recipient (RFC 5321 §4.1.1.3), looked up before the message comes."""
        if self.sender is None:
            await self.push("503 5.5.1 no sender yet")
            return
        try:
            recipient = parse_rcpt(arg, smtputf8=self.sender.smtputf8)
        except BadCommand as error:
            await self.push(str(error))
            return
        if len(self.recipients) >= self._options.max_recipients:
            await self._say(b"452 4.5.3 too many recipients, send the message again to the others")
            return
        with self._at_work():
            refusal = await self._server.run(self, answers.check, self._envelope(self._ident), recipient)
        if refusal is None:
            self.recipients.append(recipient)
            self._useless = 0
            await self._say(b"250 2.1.5 go on")
        else:
            await self._say(refusal.reply.encode())

    async def smtp_RSET(self, arg: str | None) -> None:
        """Forget the transaction."""
        self._reset()
        await self.push("250 2.0.0 forgotten")
        self._end_transaction()

    async def smtp_DATA(self, arg: str | None) -> None:
        """The message (RFC 2033 §4.2)."""
        if arg:
            await self.push("501 5.5.4 DATA takes no argument")
            return
        if not self.recipients:
            await self.push("503 5.5.1 no valid recipients")
            return
        started, key = time.monotonic(), secrets.token_hex(6)
        await self._say(b"354 go on, and end with a dot")
        arrival = Arrival(self.data_size_limit or 0, self._run)
        try:
            await self._receive(arrival)
            arrived = time.monotonic()
            with self._at_work():
                found = await self._deliver(arrival, key)
        except Exception:
            # As many answers as there are recipients, or none: no other would be understood.
            log.exception("%s: a message could not be taken", key)
            self._leave("421 4.3.0 something went wrong here, come again")
            return
        finally:
            arrival.close()
        self._tell(key, arrival.size, found, arrived - started, time.monotonic() - arrived)
        self._reset()
        self._useless = 0
        await self._say(b"\r\n".join(f"{outcome.reply} <{key}>".encode() for outcome in found))
        self._end_transaction()

    async def _receive(self, arrival: Arrival) -> None:
        """Read to the end of the message; what follows is the next command's."""
        end = time.monotonic() + self._options.message_timeout
        while arrival.dots.rest is None:
            left = end - time.monotonic()
            self._reset_timeout(max(0.01, min(self._options.data_timeout, left)))
            chunk = await self._reader.read(CHUNK * 16)
            if not chunk:
                raise asyncio.CancelledError
            with self._at_work():
                await arrival.feed(chunk)
        if arrival.dots.rest:
            # All that had come was read, so this is put back where it was.
            self._reader.feed_data(arrival.dots.rest)

    async def _deliver(self, arrival: Arrival, key: str) -> list[Outcome]:
        if arrival.refusal is not None:
            return [arrival.refusal.to(recipient) for recipient in self.recipients]
        spool, rest = arrival.hand_over()
        envelope = self._envelope(self._ident or key)
        found: list[Outcome] = await self._server.run(self, answers.deliver_and_close, spool, rest, envelope)
        return found

    # --------------------------------------------------------------------------------------------------- what it knows

    def _run(self, *call: Any) -> asyncio.Future[Any]:
        return self._server.run(self, *call)

    @contextlib.contextmanager
    def _at_work(self) -> Any:
        """The client is not to blame for the time that passes here."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        yield
        self._reset_timeout()

    def _reset(self) -> None:
        self.sender, self.recipients, self._ident = None, [], ""
        self._set_rset_state()

    def _end_transaction(self) -> None:
        if self._server.is_ending:
            self.retire()

    def _envelope(self, queue_id: str) -> Envelope:
        assert self.session is not None
        assert self.sender is not None
        sender, peer = self.sender, self.session.peer
        return Envelope(
            sender=sender.address,
            recipients=tuple(self.recipients),
            protocol="UTF8LMTP" if sender.smtputf8 else "LMTP",
            helo=str(self.session.host_name or ""),
            client_address=peer[0] if isinstance(peer, tuple) else "",
            queue_id=queue_id,
            size=sender.size,
            body=sender.body,
            smtputf8=sender.smtputf8,
        )

    def _peer(self) -> str:
        peer = self.session.peer if self.session else None
        return str(peer[0]) if isinstance(peer, tuple) else "a local client"

    def _tell(self, key: str, size: int, found: list[Outcome], arriving: float, delivering: float) -> None:
        assert self.sender is not None
        good = sum(outcome.is_success for outcome in found)
        later = sum(outcome.is_temporary for outcome in found)
        log.info(
            "%s: from <%s>, queue id %s, %d octets, %d recipients: %d accepted, %d deferred, %d refused; %d + %d ms",
            *(key, self.sender.address, self._ident or "none", size, len(found)),
            *(good, later, len(found) - good - later, arriving * 1000, delivering * 1000),
        )
