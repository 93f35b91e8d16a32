"""What people look for: the strings of text conditions as a TextQuery (RFC 8621 §4.4.1).

Rules kept here:
- white space divides terms, and every term must be found; each may be found in a place of its own;
- text in matched double or single quotes is a phrase: these words, whole and in this order; a backslash escapes quotes
  and itself; a quote without a partner, and one inside a word (don't), is punctuation;
- a term that the tokenizer cuts (an address, a hyphenated name) is the phrase of its parts;
- outside quotes a term of three characters or more is also found where its last word only begins (``invoi`` finds
  invoices, ``jane.doe@ex`` finds jane.doe@example.org); ``*`` after a term or a phrase does so however short it is;
- a blank string is found in every message; a string without any letter, digit or emoji in none;
- terms beyond the first hundred are left out. No string is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from mail.search.tokenizer import pieces, tokens

MAX_TOKENS = 100
"""Tokens of a query that count."""
MAX_QUERY = 10_000
"""Characters of a query that count."""
PREFIX_FROM = 3
"""Characters of an unquoted term from which on its last word may be a beginning."""

_TERM = re.compile(
    r"""
    " (?P<double> (?: \\. | [^"\\] )* ) " (?P<double_star> \*? )
    | ' (?P<single> (?: \\. | [^'\\] | '(?=\w) )* ) ' (?!\w) (?P<single_star> \*? )
    | (?P<bare> \S [^\s"]* )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPED = re.compile(r"""\\(['"\\])""")


@dataclass(frozen=True, slots=True)
class Term:
    """Tokens that must stand next to each other; the last may be the beginning of a token if ``is_prefix``."""

    tokens: tuple[str, ...]
    is_prefix: bool


@dataclass(frozen=True, slots=True)
class TextQuery:
    """Terms that must all be found; without terms it is true of every message, or of none if ``is_hopeless``."""

    terms: tuple[Term, ...]
    is_hopeless: bool = False

    @property
    def matches_all(self) -> bool:
        """Whether it is true of every message."""
        return not self.terms and not self.is_hopeless


@lru_cache(maxsize=256)
def parse(text: str) -> TextQuery:
    """Read the string of a text condition; any string is understood."""
    terms: dict[Term, None] = {}
    budget = MAX_TOKENS
    for match in _TERM.finditer(text[:MAX_QUERY]):
        term = _term(match)
        if term is not None and len(term.tokens) <= budget and term not in terms:
            terms[term] = None
            budget -= len(term.tokens)
    return TextQuery(tuple(terms), is_hopeless=not terms and not text.isspace() and text != "")


def _term(match: re.Match[str]) -> Term | None:
    bare = match["bare"]
    if bare is not None:
        return _make(bare, is_phrase=False, star=bare.endswith("*"))
    quoted = match["double"] if match["double"] is not None else match["single"]
    star = match["double_star"] or match["single_star"]
    return _make(_ESCAPED.sub(r"\1", quoted), is_phrase=True, star=bool(star))


def _make(text: str, is_phrase: bool, star: bool) -> Term | None:
    """The term of a piece of text, tokenized as a message would be, but for its end, where a message may go on."""
    parts = list(pieces(text))
    if not parts:
        return None
    last, is_run = parts.pop()
    found: list[str] = []
    for piece, piece_is_run in parts:
        if piece_is_run:
            found.extend(map("".join, pairwise(piece)))
            found.append(piece[-1])
        else:
            found.append(piece)
    if is_run:
        found.extend(map("".join, pairwise(last)) if len(last) > 1 else [last])
        is_prefix = len(last) == 1
    else:
        found.append(last)
        is_prefix = star or (not is_phrase and sum(map(len, found)) >= PREFIX_FROM)
    return Term(tuple(found[:MAX_TOKENS]), is_prefix and len(found) <= MAX_TOKENS)


def is_match(query: TextQuery, segments: Iterable[str]) -> bool:
    """Whether texts match a query, by the rules of the index but without it (for conditions on any header field)."""
    if not query.terms:
        return not query.is_hopeless
    streams = [list(tokens(segment)) for segment in segments]
    return all(any(_holds(stream, term) for stream in streams) for term in query.terms)


def _holds(stream: Sequence[str], term: Term) -> bool:
    size = len(term.tokens)
    *head, last = term.tokens
    for start in range(len(stream) - size + 1):
        end = stream[start + size - 1]
        if (end.startswith(last) if term.is_prefix else end == last) and stream[start : start + size - 1] == head:
            return True
    return False
