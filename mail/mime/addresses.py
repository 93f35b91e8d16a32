"""Address lists: RFC 5322 §3.4 and its obsolete forms, read as well as can be.

Addresses and groups become the EmailAddress and EmailAddressGroup objects of RFC 8621 §4.1.2.3 and §4.1.2.4. The value
is cut into tokens once; nothing is looked at twice, so that hostile nesting costs no more than its length.

What a real address list may get wrong and still be read: missing commas between angle addresses, text after one, an
unclosed angle, quote, comment or group, names with dots, source routes, and drafts that hold no address at all.

Rules kept here: of a list beyond all measure ``MAX_ADDRESSES`` are told apart, and the rest stands as one more, so that
nothing is lost and a header cannot fill the memory.
"""

import re
from collections.abc import Iterator
from typing import TypedDict

from mail.mime.words import WORD, decode_comment_words, decode_words, normalize


class EmailAddress(TypedDict):
    """A mailbox: `name` is its display name or None, `email` its addr-spec (RFC 8621 §4.1.2.3)."""

    name: str | None
    email: str


class EmailAddressGroup(TypedDict):
    """Addresses under a group's name, or under None outside of any group (RFC 8621 §4.1.2.4)."""

    name: str | None
    addresses: list[EmailAddress]


MAX_ADDRESSES = 10_000
"""How many addresses and groups of one field are told apart."""

_ANGLE = r'<[^<>"]*+(?:"(?:[^"\\<>]|\\[^<>])*+"[^<>"]*+)*+>|<[^<>]*+>|<[^<>,;]*+'
_REST = r"(?P<special>[,;:()])|(?P<atom>[^\s\",;:<>()\[\]]++|.)"
_QUOTED = r'(?P<quoted>"(?:[^"\\]|\\.)*+")|'
_HEAD = rf"(?P<space>\s++)|(?P<word>(?<!\S){WORD}(?!\S))|"
_TAIL = rf"(?P<angle>{_ANGLE})|(?P<literal>\[[^\[\]]*+\])|{_REST}"
_TOKEN = re.compile(_HEAD + _QUOTED + _TAIL, re.DOTALL)
_TOKEN_UNQUOTED = re.compile(_HEAD + _TAIL, re.DOTALL)
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PAREN = re.compile(r"\\.|[()]", re.DOTALL)
_SPACES = re.compile(r"\s\s+")

Token = tuple[str, str]
"""A kind (space, word, quoted, angle, literal, special, comment or atom) and its text."""


def _comment_end(text: str, start: int) -> int:
    """The offset after the comment that opens at `start`, or -1 when it is never closed."""
    depth = 0
    for match in _PAREN.finditer(text, start):
        if match[0] == "(":
            depth += 1
        elif match[0] == ")":
            depth -= 1
            if not depth:
                return match.end()
    return -1


def tokenize(text: str) -> Iterator[Token]:
    """Cut an unfolded structured value into tokens (RFC 5322 §3.2), each comment one token; together they are the text.

    A quote or a parenthesis that is never closed is an atom, and then no later one is tried: looking for its end again
    and again would take quadratic time.
    """
    position, pattern, comments = 0, _TOKEN, "(" in text
    while match := pattern.match(text, position):
        kind, token, position = str(match.lastgroup), match[0], match.end()
        if token == '"':
            pattern = _TOKEN_UNQUOTED
        elif token == "(" and comments:
            end = _comment_end(text, match.start())
            if end > 0:
                kind, token, position = "comment", text[match.start() : end], end
            comments = end > 0
        if kind == "special" and token in "()":
            kind = "atom"
        yield kind, token


def strip_comments(text: str) -> str:
    """The text with every comment outside of quoted strings replaced by a space (CFWS, RFC 5322 §3.2.2)."""
    if "(" not in text:
        return text
    return "".join(" " if kind == "comment" else token for kind, token in tokenize(text))


def unquote(text: str) -> str:
    """The content of a quoted-string: no quotes, quoted pairs decoded (RFC 5322 §3.2.4)."""
    return _PAIR.sub(r"\1", text[1:-1]) if "\\" in text else text[1:-1]


def _phrase(words: list[Token]) -> str | None:
    """The decoded text of a display-name, or None when there is none.

    Departs from RFC 2047 §5 (3): an encoded-word is decoded also where no white space parts it from the "<" of the
    address, as many senders write it. Inside of quotes it stays as it is.
    """
    out: list[str] = []
    plain: list[str] = []
    for kind, token in [*words, ("quoted", "")]:
        if kind != "quoted":
            plain.append(" " if kind in ("space", "comment") else token)
            continue
        out.append(decode_words(_SPACES.sub(" ", "".join(plain))))
        plain = []
        out.append(unquote(token))
    return normalize("".join(out).strip()) or None


def _comment_text(words: list[Token]) -> str | None:
    for kind, token in words:
        if kind == "comment":
            return normalize(decode_comment_words(_PAIR.sub(r"\1", token[1:-1])).strip()) or None
    return None


def _angle_address(angle: str) -> str:
    """The addr-spec inside of angle brackets, without CFWS and without a source route (RFC 5322 §4.4)."""
    text = strip_comments(angle[1:].removesuffix(">")).strip()
    if text.startswith("@") and ":" in text:
        text = text.partition(":")[2].strip()
    if '"' not in text:
        return "".join(text.split())
    return "".join(token for kind, token in tokenize(text) if kind != "space")


def _runs(words: list[Token]) -> list[list[Token]]:
    """The tokens between white space; white space around "@" and, in an address, "." is nothing (RFC 5322 §4.4)."""
    glue = "@." if any("@" in token for kind, token in words if kind == "atom") else "@"
    out: list[list[Token]] = []
    apart = True
    for kind, token in words:
        if kind in ("space", "comment"):
            apart = True
            continue
        if out and (not apart or out[-1][-1][1][-1] in glue or token[0] in glue):
            out[-1].append((kind, token))
        else:
            out.append([(kind, token)])
        apart = False
    return out


def _bare_mailbox(words: list[Token]) -> EmailAddress | None:
    """A mailbox without angle brackets: an addr-spec, or whatever stands in its place."""
    runs = _runs(words)
    if not runs:
        return None
    texts = ["".join(token for _, token in run) for run in runs]
    comment = _comment_text(words)
    at = next((i for i, run in enumerate(runs) if any("@" in t for kind, t in run if kind == "atom")), None)
    if at is None:
        return {"name": comment, "email": " ".join(texts)}
    before = [token for run in runs[:at] for token in (*run, ("space", " "))]
    return {"name": _phrase(before) or comment, "email": texts[at]}


class _Reader:
    """Gathers the mailboxes of an address-list, group by group."""

    def __init__(self) -> None:
        self.groups: list[EmailAddressGroup] = []
        self.count = 0
        self.in_group = False
        self.words: list[Token] = []
        self.angle: str | None = None
        self.after: list[Token] = []

    def add(self, mailbox: EmailAddress | None) -> None:
        if mailbox is None:
            return
        if not self.groups or (not self.in_group and self.groups[-1]["name"] is not None):
            self.groups.append({"name": None, "addresses": []})
        self.groups[-1]["addresses"].append(mailbox)
        self.count += 1

    def flush(self) -> None:
        """End the mailbox that is being read."""
        if self.angle is None:
            self.add(_bare_mailbox(self.words))
        else:
            name = _phrase(self.words) or _comment_text(self.after) or _comment_text(self.words)
            self.add({"name": name, "email": _angle_address(self.angle)})
            if any("@" in token for kind, token in self.after if kind == "atom"):
                self.add(_bare_mailbox(self.after))
        self.words, self.angle, self.after = [], None, []

    def opens_group(self) -> bool:
        return (
            not self.in_group
            and self.angle is None
            and any(kind not in ("space", "comment") for kind, _ in self.words)
            and not any("@" in token for kind, token in self.words if kind == "atom")
        )

    def read(self, kind: str, token: str) -> None:
        if kind == "angle":
            if self.angle is not None:
                words, self.after = self.after, []
                self.flush()
                self.words = words
            self.angle = token
        elif token == "," and kind == "special":
            self.flush()
        elif token == ";" and kind == "special":
            self.flush()
            self.in_group = False
        elif token == ":" and kind == "special" and self.opens_group():
            self.groups.append({"name": _phrase(self.words) or "", "addresses": []})
            self.count += 1
            self.words, self.in_group = [], True
        else:
            (self.words if self.angle is None else self.after).append((kind, token))


def parse_groups(text: str) -> list[EmailAddressGroup]:
    """Parse an unfolded address-list into groups, in order (RFC 8621 §4.1.2.4).

    Departs from RFC 8621 §4.1.2.3: after ``MAX_ADDRESSES`` addresses the rest is one, its text as its ``email``.
    """
    reader = _Reader()
    position = 0
    for kind, token in tokenize(text):
        reader.read(kind, token)
        position += len(token)
        if reader.count >= MAX_ADDRESSES:
            if rest := text[position:].strip():
                reader.add({"name": None, "email": rest})
            return reader.groups
    reader.flush()
    return reader.groups


def parse_addresses(text: str) -> list[EmailAddress]:
    """Parse an unfolded address-list into its mailboxes, group information discarded (RFC 8621 §4.1.2.3)."""
    return [address for group in parse_groups(text) for address in group["addresses"]]
