"""A client of LMTP that speaks octet by octet, as the client of the standard library does not: that reads one answer
after DATA, however many recipients there are.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Self

SECONDS = 10
SENDER = "grace@elsewhere.test"


class Client:
    """Sends octets as they are given, and reads replies (code, lines)."""

    def __init__(self, address: tuple[str, int], timeout: float = SECONDS) -> None:
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *lines: str | bytes) -> None:
        """Send lines, each with CRLF after it, all at once."""
        octets = (line if isinstance(line, bytes) else line.encode() for line in lines)
        self.socket.sendall(b"".join(line + b"\r\n" for line in octets))

    def reply(self) -> str:
        """One reply; lines of one that has several are joined by LF. "" at the end."""
        lines = []
        while line := self._file.readline().decode():
            lines.append(line.removesuffix("\r\n"))
            if line[3:4] != "-":
                break
        return "\n".join(lines)

    def replies(self, count: int) -> list[str]:
        """Several."""
        return [self.reply() for _ in range(count)]

    def ask(self, line: str | bytes) -> str:
        """Send a line, give the reply."""
        self.send(line)
        return self.reply()

    def greet(self) -> str:
        """Greeting and LHLO; the answer to the latter."""
        self.reply()
        return self.ask("LHLO client.test")

    def begin(self, *recipients: str, sender: str = SENDER) -> list[str]:
        """Greeting to DATA, all but the first answered; gives the answers to RCPT."""
        self.greet()
        self.ask(f"MAIL FROM:<{sender}>")
        answers = [self.ask(f"RCPT TO:<{recipient}>") for recipient in recipients]
        assert self.ask("DATA").startswith("354")
        return answers

    def deliver(self, data: bytes, recipients: Sequence[str], sender: str = SENDER) -> dict[str, str]:
        """One transaction after ``greet``, pipelined as an MTA does it; the last answer for each recipient.

        ``data`` ends its lines with CRLF and has a dot in front of no line. Raises ConnectionError where the server
        goes; "" is the answer to whoever had none then.
        """
        self.send(f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA")
        _mail, *answers, go_on = self.replies(len(recipients) + 2)
        found = dict(zip(recipients, answers))
        accepted = [one for one, answer in found.items() if answer.startswith("250")]
        if go_on.startswith("354"):
            self.socket.sendall(data + b".\r\n")
            found |= dict(zip(accepted, self.replies(len(accepted))))
        elif go_on:
            self.ask("RSET")
        return found
