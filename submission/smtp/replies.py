"""What a server answers, and what is said in its place where it does not (RFC 5321 §4.2, RFC 3463).

Rules kept here: a reply is bounded in lines and octets; what is kept of it is printable ASCII in one line; anything
that is no reply is an error, never guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_LINE = 2_048
"""Octets of a reply line; RFC 5321 §4.5.3.1.5 allows 512, and servers exceed it."""
MAX_LINES = 128
MAX_TEXT = 1_000

_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?: +|$)")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered: code, enhanced code ("" for none) and the text in one line; made up where none spoke."""

    code: int
    enhanced: str
    text: str

    @property
    def is_positive(self) -> bool:
        """Whether the command was carried out."""
        return 200 <= self.code < 300

    @property
    def is_permanent(self) -> bool:
        """Whether trying again is of no use."""
        return self.code >= 500

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class SmtpError(Exception):
    """What kept a session or a message from going on; ``reply`` says it as a server would."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class ConnectFailed(SmtpError):
    """No usable session came about: the server is away, its TLS or its words are wrong, or it does not let us in."""


class SessionLost(SmtpError):
    """A session broke off: nobody answers, the server hung up, or what it says is no SMTP."""


def temporary(enhanced: str, text: str) -> Reply:
    """A made-up reply after which it is tried again."""
    return Reply(451, enhanced, one_line(text))


def permanent(enhanced: str, text: str) -> Reply:
    """A made-up reply after which it is not."""
    return Reply(550, enhanced, one_line(text))


def one_line(text: str) -> str:
    """Printable ASCII in one line, cut to what is kept."""
    return _UNPRINTABLE.sub("?", text).strip()[:MAX_TEXT]


class ReplyParser:
    """Puts a reply together from its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._code = 0
        self._count = 0

    def feed(self, line: bytes) -> bool:
        """Take one line without its line end; True when the reply is whole. Raises ValueError for what is no reply."""
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"no SMTP reply: {one_line(line[:80].decode('latin-1'))!r}")
        code, mark, text = int(match[1]), match[2], match[3] or b""
        if self._code and code != self._code:
            raise ValueError(f"a reply of two codes, {self._code} and {code}")
        self._code = code
        self._count += 1
        if self._count > MAX_LINES:
            raise ValueError(f"a reply of more than {MAX_LINES} lines")
        self.lines.append(one_line(text.decode("utf-8", "replace")))
        return mark != b"-"

    def reply(self) -> Reply:
        """The whole reply; an enhanced code that each line repeats is said once (RFC 2034 §4)."""
        enhanced = ""
        texts = []
        for line in self.lines:
            match = _ENHANCED.match(line)
            if match is not None and match[1][0] == str(self._code)[0]:
                enhanced = enhanced or match[1]
                line = line[match.end() :]
            texts.append(line)
        return Reply(self._code, enhanced, one_line(" ".join(filter(None, texts))))
