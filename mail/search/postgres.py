"""PostgreSQL's side of the index: tokens as a tsvector, queries as a tsquery.

Rules kept here:
- a lexeme is the account's number, the letter of the field and the word (``12bhello``), so that neither a word nor a
  prefix ever touches what another account holds;
- places of all fields run on in one message; words without a place stand at the last one that a tsvector has, where no
  phrase can reach them.
"""

from __future__ import annotations

from collections.abc import Sequence

from mail.search.query import Term, TextQuery
from mail.search.tokenizer import GAP, read_tokens

NO_PLACE = 16_383
"""The last position of a tsvector; ``tokenizer.MAX_POSITIONS`` stays below."""


def index_text(account_id: int, tokens: str) -> str:
    """The tsvector literal of a message, from what ``message_tokens`` made."""
    places: dict[str, str] = {}
    place = 0
    for tag, has_places, words in read_tokens(tokens):
        prefix = f"{account_id}{tag}"
        for word in words:
            if has_places:
                place += 1
            if word != GAP:
                lexeme, where = prefix + word, str(place if has_places else NO_PLACE)
                places[lexeme] = f"{places[lexeme]},{where}" if lexeme in places else where
    if "'" in tokens or "\\" in tokens:
        return " ".join(f"{_quoted(lexeme)}:{where}" for lexeme, where in places.items())
    # Nearly always: quoting each of a thousand words takes longer than all the rest.
    return " ".join([f"'{lexeme}':{where}" for lexeme, where in places.items()])


def match_text(account_id: int, tags: Sequence[str], query: TextQuery) -> str:
    """The tsquery literal of a query with terms: all terms, each in any of the fields."""
    return " & ".join(f"({' | '.join(_phrase(f'{account_id}{tag}', term) for tag in tags)})" for term in query.terms)


def _phrase(prefix: str, term: Term) -> str:
    words = " <-> ".join(_quoted(prefix + token) for token in term.tokens)
    return f"({words}{':*' if term.is_prefix else ''})"


def _quoted(lexeme: str) -> str:
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
