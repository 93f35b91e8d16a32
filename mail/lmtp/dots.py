"""DATA as it comes over the wire: where it ends, and the octets that it holds (RFC 5321 §4.5.2). No input or output.

Rules kept here:
- only CRLF, a dot and CRLF end a message, whatever chunks they come in; a dot between bare CRs or LFs is content, so
  that no message can smuggle another behind it;
- the dot that a client puts in front of a line that starts with one is taken away, and nothing else is changed;
- a CR or LF that stands alone is noted, and the message is refused after its end (RFC 5321 §2.3.8: clients must not
  send them). A careful MTA (Postfix since 3.7.10, ``cleanup_replace_stray_cr_lf``) mends them before it hands a
  message on, so who sends them is broken or worse; what such a message meant, nobody can know;
- NUL and lines of any length are octets as others: nothing here depends on either.
"""

from __future__ import annotations

_END = b"\r\n.\r\n"


class Dots:
    """Takes chunks in, gives content out."""

    def __init__(self) -> None:
        # The message starts as if after a line end: a lone dot in its first line ends it.
        self._held = b"\r\n"
        self._virtual = 2
        self.has_bare_line_end = False
        self.rest: bytes | None = None
        """What followed the end of the message; None before it has come."""

    def feed(self, chunk: bytes) -> bytes:
        """Content that a chunk completes; a few octets are held back while they might be part of the end."""
        data = self._held + chunk
        end = data.find(_END)
        if end >= 0:
            self.rest = data[end + len(_END) :]
            return self._content(data[: end + 2])
        keep = next((size for size in range(len(_END) - 1, 0, -1) if data.endswith(_END[:size])), 0)
        self._held = data[len(data) - keep :]
        return self._content(data[: len(data) - keep])

    def _content(self, data: bytes) -> bytes:
        """The content that wire octets stand for; every line end in them is whole."""
        ends = data.count(b"\r\n")
        if data.count(b"\n") != ends or data.count(b"\r") != ends:
            self.has_bare_line_end = True
        data = data.replace(b"\r\n.", b"\r\n")
        if self._virtual and data:
            data, self._virtual = data[2:], 0
        return data
