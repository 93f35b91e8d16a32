"""An SMTP server that does what a test tells it: answers, delays, nonsense, and hanging up at any step.

    with ScriptedServer(Script(answers={"RCPT": "550 5.1.1 nobody"})) as server:
        Client(Server("127.0.0.1", server.port, "none"))

A step is a command's verb in capitals, or one of "CONNECT", "BODY" (the first line of the message) and "DOT" (its end).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

DROP = "drop"
"""As an answer: hang up without a word."""
HANG = "hang"
"""As an answer: say nothing more, and keep the line open."""

Answer = str | Callable[[str], str]


@dataclass
class Script:
    """How the server behaves; an answer may hold several lines."""

    answers: dict[str, Answer] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000", "DSN", "ENHANCEDSTATUSCODES")
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    credentials: tuple[str, str] | None = None
    drip: float = 0.0
    """Seconds between two octets of an answer."""
    record: Callable[[bytes], None] | None = None
    """Called with each message before its end is answered."""


@dataclass
class Message:
    """A message that was accepted, as it stood on the wire between DATA and the dot, with dots undoubled."""

    mail: str
    rcpt: list[str]
    data: bytes


class ScriptedServer:
    """The server in a thread of its own, on a free port of this machine."""

    def __init__(self, script: Script | None = None) -> None:
        self.script = script or Script()
        self.messages: list[Message] = []
        self.commands: list[str] = []
        self.connections = 0
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *exc: Any) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        context = self.script.tls if self.script.implicit_tls else None
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, limit=2**20)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            await _Session(self, reader, writer).run()
        writer.close()


class _HangUp(ConnectionError):
    pass


class _Session:
    def __init__(self, server: ScriptedServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.script, self.reader, self.writer = server, server.script, reader, writer
        self.mail, self.rcpt = "", []

    async def run(self) -> None:
        await self.answer("CONNECT", "", "220 scripted.example ESMTP")
        while line := await self.reader.readline():
            command = line.decode("utf-8", "replace").rstrip("\r\n")
            self.server.commands.append(command)
            verb = command.partition(" ")[0].upper()
            step = getattr(self, f"on_{verb.lower()}", None)
            if step is None:
                await self.answer(verb, command, "502 5.5.1 unknown")
            else:
                await step(command)

    async def answer(self, step: str, said: str, default: str) -> str:
        scripted = self.script.answers.get(step, default)
        return await self.say(scripted(said) if callable(scripted) else scripted)

    async def say(self, text: str) -> str:
        if text == DROP:
            raise _HangUp
        if text == HANG:
            await asyncio.sleep(3_600)
        octets = text.encode("utf-8", "surrogateescape") + b"\r\n"
        pieces = [octets] if not self.script.drip else [octets[n : n + 1] for n in range(len(octets))]
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if self.script.drip:
                await asyncio.sleep(self.script.drip)
        return text

    async def on_ehlo(self, command: str) -> None:
        words = [*self.script.extensions]
        if self.script.tls and not self.script.implicit_tls and self.writer.get_extra_info("sslcontext") is None:
            words.append("STARTTLS")
        if self.script.credentials:
            words.append("AUTH PLAIN LOGIN")
        lines = ["scripted.example", *words]
        text = "\r\n".join(f"250{'-' if n < len(lines) - 1 else ' '}{line}" for n, line in enumerate(lines))
        await self.answer("EHLO", command, text)

    async def on_helo(self, command: str) -> None:
        await self.answer("HELO", command, "250 scripted.example")

    async def on_starttls(self, command: str) -> None:
        if (await self.answer("STARTTLS", command, "220 go ahead")).startswith("220"):
            await self.writer.start_tls(self.script.tls)

    async def on_auth(self, command: str) -> None:
        good = False
        if command.upper().startswith("AUTH PLAIN "):
            given = base64.b64decode(command.split()[2]).decode().split("\0")[1:]
            good = tuple(given) == self.script.credentials
        await self.answer("AUTH", command, "235 2.7.0 welcome" if good else "535 5.7.8 wrong")

    async def on_mail(self, command: str) -> None:
        self.mail, self.rcpt = command, []
        await self.answer("MAIL", command, "250 2.1.0 ok")

    async def on_rcpt(self, command: str) -> None:
        if (await self.answer("RCPT", command, "250 2.1.5 ok")).startswith("2"):
            self.rcpt.append(command)

    async def on_data(self, command: str) -> None:
        default = "354 go ahead" if self.rcpt else "554 5.5.1 no valid recipients"
        if not (await self.answer("DATA", command, default)).startswith("354"):
            return
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line or (not lines and self.script.answers.get("BODY") == DROP):
                raise _HangUp
            lines.append(line[1:] if line.startswith(b".") else line)
        data = b"".join(lines)
        if self.script.record is not None:
            self.script.record(data)
        answer = self.script.answers.get("DOT", "250 2.0.0 taken")
        text = answer(data.decode("latin-1")) if callable(answer) else answer
        if text.startswith("2"):
            self.server.messages.append(Message(self.mail, self.rcpt, data))
        self.mail, self.rcpt = "", []
        await self.say(text)

    async def on_rset(self, command: str) -> None:
        self.mail, self.rcpt = "", []
        await self.answer("RSET", command, "250 2.0.0 ok")

    async def on_quit(self, command: str) -> None:
        await self.answer("QUIT", command, "221 2.0.0 bye")
        raise _HangUp
