"""SQLite's side of the index: tokens as the text of an FTS5 table, queries as its match expressions.

Rules kept here:
- a token is the account's number, the letter of the field and the word, as on PostgreSQL;
- FTS5 counts places by itself, so a place without a word is taken by a filler, and each word without a place is
  followed by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mail.search.query import Term, TextQuery
from mail.search.tokenizer import GAP, read_tokens

FILLER = "z"
"""A token that no query asks for, since all others begin with a digit."""


def index_text(account_id: int, tokens: str) -> str:
    """The text to index for a message, from what ``message_tokens`` made."""
    return " ".join(_tokens(account_id, tokens))


def _tokens(account_id: int, tokens: str) -> Iterator[str]:
    for tag, has_places, words in read_tokens(tokens):
        prefix = f"{account_id}{tag}"
        for word in words:
            yield FILLER if word == GAP else prefix + word
            if not has_places:
                yield FILLER


def match_text(account_id: int, tags: Sequence[str], query: TextQuery) -> str:
    """The match expression of a query with terms: all terms, each in any of the fields."""
    return " AND ".join(f"({' OR '.join(_phrase(f'{account_id}{tag}', term) for tag in tags)})" for term in query.terms)


def _phrase(prefix: str, term: Term) -> str:
    words = " ".join(prefix + token for token in term.tokens).replace('"', '""')
    return f'"{words}"{"*" if term.is_prefix else ""}'
