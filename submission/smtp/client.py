"""A session with a server and the transactions in it (RFC 5321 §3), one message after the other.

Rules kept here:
- credentials never travel unencrypted, unless to this very machine;
- a parameter is sent only where the server announced its extension; content that needs what the server lacks is refused
  with the reply that RFC 6531 §3.5 and RFC 6152 §3 name, since rewriting it would break signatures;
- each recipient has an outcome of its own; what a lost session leaves open is temporary, and in doubt only where the
  end of the data was on its way;
- after a failure the session is put right by RSET, or given up.
"""

from __future__ import annotations

import base64
import contextlib
import ipaddress
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from submission.smtp import content
from submission.smtp.connection import Connection, Tick
from submission.smtp.replies import ConnectFailed, Reply, SessionLost, permanent, temporary

PIPELINED = 100
"""Commands sent ahead of their replies, so that neither side's buffers fill up (RFC 2920 §3.1)."""

_SAFE_ADDRESS = re.compile(r"[^\x00-\x20<>\x7f]*")
_UNSAFE_XTEXT = re.compile(rb"[^!-*,-<>-~]")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds for each phase; the defaults are those of RFC 5321 §4.5.3.2."""

    connect: float = 30.0
    command: float = 300.0
    block: float = 180.0
    end_of_data: float = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server and how it is spoken to; ``security`` is "starttls", "tls" or "none"."""

    host: str
    port: int
    security: str = "starttls"
    authorities: str = ""
    username: str = ""
    password: str = ""
    helo: str = "localhost"
    timeouts: Timeouts = Timeouts()


@dataclass(frozen=True, slots=True)
class Recipient:
    """A forward-path with its DSN parameters, "" for none (RFC 3461 §4)."""

    address: str
    notify: str = ""
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels beside the message. ``size`` in octets; ``needs_smtputf8`` tells of the header section."""

    mail_from: str
    recipients: Sequence[Recipient]
    size: int
    is_8bit: bool = False
    needs_smtputf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(slots=True)
class Sent:
    """What came of a message: a reply for each recipient, in order; ``in_doubt`` where the end of the data was sent and
    no reply to it was read, so that it may have arrived."""

    replies: list[Reply]
    in_doubt: bool = False


class Client:
    """One session; ``open`` it, ``send`` as often as wanted, ``quit``."""

    def __init__(self, server: Server, tick: Tick = lambda: None) -> None:
        self.server = server
        self.extensions: dict[str, str] = {}
        self.used_at = time.monotonic()
        self._connection = Connection(server.host, server.port, tick)
        self._needs_reset = False

    # ----------------------------------------------------------------------------------------------------- the session

    def open(self) -> None:
        """Connect, encrypt and log in. Raises ConnectFailed, whatever the reason."""
        server, connection = self.server, self._connection
        try:
            connection.connect(server.timeouts.connect)
            if server.security == "tls":
                connection.start_tls(server.authorities, server.timeouts.connect)
            self._expect(connection.read_reply(server.timeouts.command), 220, "greets with")
            self._hello()
            if server.security == "starttls":
                if "STARTTLS" not in self.extensions:
                    raise ConnectFailed(temporary("4.7.4", f"{connection.name} offers no STARTTLS"))
                self._expect(self._command("STARTTLS"), 220, "answers STARTTLS with")
                connection.start_tls(server.authorities, server.timeouts.connect)
                self._hello()
            if server.username:
                self._authenticate()
        except SessionLost as error:
            connection.close()
            raise ConnectFailed(error.reply) from None
        except BaseException:
            connection.close()
            raise

    @property
    def is_open(self) -> bool:
        """Whether another message may be sent."""
        return self._connection.is_open

    @property
    def tick(self) -> Tick:
        """What is called every few seconds of a wait."""
        return self._connection.tick

    @tick.setter
    def tick(self, tick: Tick) -> None:
        self._connection.tick = tick

    def quit(self) -> None:
        """Part as one should, without waiting long; never raises."""
        self.tick = lambda: None
        with contextlib.suppress(Exception):
            if self.is_open:
                self._connection.write(b"QUIT\r\n", 1.0)
                self._connection.read_reply(1.0)
        self._connection.close()

    def _hello(self) -> None:
        reply, lines = self._ehlo()
        self.extensions = {}
        for line in lines[1:]:
            word, _, parameters = line.partition(" ")
            self.extensions[word.upper()] = parameters.strip()
        if not reply.is_positive:
            self._expect(self._command(f"HELO {self.server.helo}"), 250, "answers HELO with")

    def _ehlo(self) -> tuple[Reply, list[str]]:
        self._write(f"EHLO {self.server.helo}\r\n".encode())
        return self._connection.read_lines(self.server.timeouts.command)

    def _authenticate(self) -> None:
        """SASL PLAIN, or LOGIN where that is all there is (RFC 4954, RFC 4616)."""
        server = self.server
        if not self._connection.is_encrypted and not _is_this_machine(server.host):
            raise ConnectFailed(temporary("4.7.11", f"no password is sent to {self._connection.name} without TLS"))
        offered = self.extensions.get("AUTH", "").upper().split()
        if "PLAIN" in offered:
            secret = _base64(f"\0{server.username}\0{server.password}")
            reply = self._command(f"AUTH PLAIN {secret}")
        elif "LOGIN" in offered:
            reply = self._command("AUTH LOGIN")
            for words in (server.username, server.password):
                if reply.code == 334:
                    reply = self._command(_base64(words))
        else:
            raise ConnectFailed(temporary("4.7.0", f"{self._connection.name} offers neither AUTH PLAIN nor LOGIN"))
        self._expect(reply, 235, "answers our log-in with")

    def _expect(self, reply: Reply, code: int, what: str) -> None:
        if reply.code != code:
            # Whatever it says to us as a client is no verdict on a message: the next attempt may find it mended.
            enhanced = "4" + reply.enhanced[1:] if reply.enhanced else "4.3.0"
            raise ConnectFailed(temporary(enhanced, f"{self._connection.name} {what} {reply}"))

    def _command(self, line: str) -> Reply:
        self._write(line.encode() + b"\r\n")
        return self._connection.read_reply(self.server.timeouts.command)

    def _write(self, data: bytes) -> None:
        self._connection.write(data, self.server.timeouts.block)

    # --------------------------------------------------------------------------------------------------- a transaction

    def send(self, envelope: Envelope, chunks: Iterable[bytes]) -> Sent:
        """Send one message; ``chunks`` are its octets with CRLF line ends.

        Raises SessionLost where the session was gone before anything of it was sent, so that a new one may be tried.
        """
        self.used_at = time.monotonic()
        refusal = self._cannot(envelope)
        if refusal is not None:
            return Sent([refusal] * len(envelope.recipients))
        writable = [self._writable(recipient) for recipient in envelope.recipients]
        going = [number for number, refused in enumerate(writable) if refused is None]
        if not going:
            return Sent([refused for refused in writable if refused is not None])
        self._reset()
        sent = self._transaction(envelope, [envelope.recipients[number] for number in going], chunks)
        replies = iter(sent.replies)
        return Sent([next(replies) if refused is None else refused for refused in writable], sent.in_doubt)

    def _cannot(self, envelope: Envelope) -> Reply | None:
        """Why this server cannot take the message, or None."""
        if not _SAFE_ADDRESS.fullmatch(envelope.mail_from):
            return permanent("5.1.7", "the sender's address cannot be written in SMTP")
        if envelope.needs_smtputf8 and "SMTPUTF8" not in self.extensions:
            return permanent("5.6.7", f"{self._connection.name} takes no internationalised header fields (SMTPUTF8)")
        if _needs_utf8(envelope.mail_from) and "SMTPUTF8" not in self.extensions:
            return permanent("5.6.7", f"{self._connection.name} takes no internationalised sender (SMTPUTF8)")
        if envelope.is_8bit and "8BITMIME" not in self.extensions:
            return permanent("5.6.3", f"{self._connection.name} takes no 8-bit content (8BITMIME)")
        limit = self.extensions.get("SIZE", "")
        if limit.isdecimal() and 0 < int(limit) < envelope.size:
            return permanent("5.3.4", f"{self._connection.name} takes {limit} octets, the message has {envelope.size}")
        return None

    def _writable(self, recipient: Recipient) -> Reply | None:
        if not recipient.address or not _SAFE_ADDRESS.fullmatch(recipient.address):
            return permanent("5.1.3", "the address cannot be written in SMTP")
        if _needs_utf8(recipient.address) and "SMTPUTF8" not in self.extensions:
            return permanent("5.6.7", f"{self._connection.name} takes no internationalised address (SMTPUTF8)")
        return None

    def _reset(self) -> None:
        if self._needs_reset:
            self._needs_reset = False
            if not self._command("RSET").is_positive:
                self._connection.close()
                raise SessionLost(temporary("4.5.0", f"{self._connection.name} refuses RSET"))

    def _transaction(self, envelope: Envelope, recipients: Sequence[Recipient], chunks: Iterable[bytes]) -> Sent:
        commands = [self._mail(envelope), *(self._rcpt(recipient) for recipient in recipients)]
        replies: list[Reply] = []
        data: Reply | None = None
        try:
            if "PIPELINING" in self.extensions:
                data = self._pipelined([*commands, "DATA"], replies)
            else:
                data = self._one_by_one(commands, replies)
        except SessionLost as error:
            if not replies:
                raise
            return Sent(_each(replies, recipients, error.reply))
        self._needs_reset = True
        mail, answered = replies[0], replies[1:]
        if not mail.is_positive:
            if data is not None and data.code == 354:
                self._connection.close()
            return Sent([self._no_success(mail, "MAIL")] * len(recipients))
        answered = [self._judged(reply, "RCPT") for reply in answered]
        accepted = any(reply.is_positive for reply in answered)
        if data is None or data.code != 354:
            said = self._no_success(data, "DATA") if data is not None else temporary("4.5.0", "no recipient was taken")
            return Sent([said if reply.is_positive else reply for reply in answered])
        return self._data(answered, chunks if accepted else None)

    def _mail(self, envelope: Envelope) -> str:
        words = [f"MAIL FROM:<{_on_the_wire(envelope.mail_from)}>"]
        if "SIZE" in self.extensions:
            words.append(f"SIZE={envelope.size}")
        if envelope.is_8bit:
            words.append("BODY=8BITMIME")
        addresses = [envelope.mail_from, *(recipient.address for recipient in envelope.recipients)]
        if envelope.needs_smtputf8 or any(map(_needs_utf8, addresses)):
            words.append("SMTPUTF8")
        if "DSN" in self.extensions:
            words += [f"RET={envelope.ret}"] if envelope.ret else []
            words += [f"ENVID={xtext(envelope.envid)}"] if envelope.envid else []
        return " ".join(words)

    def _rcpt(self, recipient: Recipient) -> str:
        words = [f"RCPT TO:<{_on_the_wire(recipient.address)}>"]
        if "DSN" in self.extensions:
            words += [f"NOTIFY={recipient.notify}"] if recipient.notify else []
            kind, separator, original = recipient.orcpt.partition(";")
            words += [f"ORCPT={kind};{xtext(original)}"] if separator else []
        return " ".join(words)

    def _pipelined(self, commands: Sequence[str], replies: list[Reply]) -> Reply:
        for start in range(0, len(commands), PIPELINED):
            some = commands[start : start + PIPELINED]
            self._write("".join(f"{command}\r\n" for command in some).encode())
            for _command in some:
                # One by one: those that were read before the session broke off are known.
                reply = self._connection.read_reply(self.server.timeouts.command)
                replies.append(reply)
        return replies.pop()

    def _one_by_one(self, commands: Sequence[str], replies: list[Reply]) -> Reply | None:
        for command in commands:
            replies.append(self._command(command))
            if not replies[0].is_positive:
                return None
        return self._command("DATA") if any(reply.is_positive for reply in replies[1:]) else None

    def _data(self, answered: list[Reply], chunks: Iterable[bytes] | None) -> Sent:
        """The message itself, or nothing where the server said 354 though it took no recipient (RFC 2920 §3.1)."""
        in_doubt = False
        try:
            for chunk in content.stuffed(chunks or ()):
                self._write(chunk)
            in_doubt = chunks is not None
            self._write(b".\r\n")
            reply = self._connection.read_reply(self.server.timeouts.end_of_data)
        except SessionLost as error:
            return Sent([error.reply if one.is_positive else one for one in answered], in_doubt)
        self._needs_reset = not reply.is_positive
        said = self._judged(reply, "the message")
        if said.code == 421:
            self._connection.close()
        return Sent([said if one.is_positive else one for one in answered])

    def _judged(self, reply: Reply, what: str) -> Reply:
        """A reply that says yes or no; a 1xx or 3xx here is nonsense, which is a no for now."""
        return reply if reply.is_positive else self._no_success(reply, what)

    def _no_success(self, reply: Reply, what: str) -> Reply:
        """A reply that is no yes, as a no."""
        if reply.code == 421:
            self._connection.close()
        if reply.code >= 400:
            return reply
        self._connection.close()
        return temporary("4.5.0", f"{self._connection.name} answers {what} with {reply}")


def _each(replies: Sequence[Reply], recipients: Sequence[Recipient], lost: Reply) -> list[Reply]:
    """What is known of each recipient where the session broke off before DATA."""
    if not replies[0].is_positive and replies[0].code >= 400:
        return [replies[0]] * len(recipients)
    known = list(replies[1 : len(recipients) + 1])
    refused = [reply if reply.code >= 400 else lost for reply in known]
    return refused + [lost] * (len(recipients) - len(refused))


def xtext(text: str) -> str:
    """RFC 3461 §4: octets outside of printable ASCII, "+" and "=" as "+" and two digits."""
    return _UNSAFE_XTEXT.sub(lambda match: b"+%02X" % match[0][0], text.encode()).decode()


def _needs_utf8(address: str) -> bool:
    """Whether an address cannot be written in ASCII; a domain can, as A-labels (RFC 5891)."""
    return not _on_the_wire(address).isascii()


def _on_the_wire(address: str) -> str:
    local, at, domain = address.rpartition("@")
    if address.isascii() or not local.isascii():
        return address
    with contextlib.suppress(UnicodeError):
        return f"{local}{at}{domain.encode('idna').decode()}"
    return address


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
