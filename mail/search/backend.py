"""The text index of the database in use: written with every email, asked by every text condition.

Rules kept here:
- the index is written in the transaction that writes the email, and so tells of it from the commit on;
- both databases give the same answer to every query, since both index the same tokens and match the same terms;
- whoever asks chooses between two shapes of one condition: ``condition`` finds the emails from the text index (few
  hits), ``row_test`` asks of one email at a time (many hits, walked in another order); ``capped_count`` tells which.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from django.db import connection

from jmap import sql as generic
from mail.search import postgres, sql, sqlite
from mail.search.query import TextQuery, parse
from mail.search.tokenizer import TAGS, TOKENIZER_VERSION

FIELD_TAGS: dict[str, tuple[str, ...]] = {
    "text": tuple(TAGS.values()),
    **{field: (TAGS[field],) for field in ("from", "to", "cc", "bcc", "subject", "body")},
}
"""The text conditions of RFC 8621 §4.4.1 and the letters of the fields that each looks into."""


class Condition(NamedTuple):
    """A piece of a WHERE clause and its parameters."""

    sql: str
    params: list[Any]


def index_emails(rows: Sequence[tuple[int, int, str]]) -> None:
    """Add emails, given as (email key, account key, ``message_tokens``), to the index."""
    if not rows:
        return
    texts = [_dialect().index_text(account, tokens) for _email, account, tokens in rows]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            emails, accounts = [row[0] for row in rows], [row[1] for row in rows]
            cursor.execute(sql.POSTGRESQL_INSERT, [TOKENIZER_VERSION, emails, accounts, texts])
        else:
            given = zip(rows, texts, strict=True)
            cursor.executemany(sql.SQLITE_INSERT, [(TOKENIZER_VERSION, row[0], row[1], text) for row, text in given])


def unindex_emails(emails: Iterable[int]) -> None:
    """Take emails out of the index; those that are not in it are passed over."""
    generic.delete_rows("jmap_mail_searchtext", "email_id", emails)


def reindex_emails(rows: Sequence[tuple[int, int, str]]) -> None:
    """Replace what the index holds of emails, given as for ``index_emails`` (a better tokenizer made new tokens)."""
    unindex_emails(row[0] for row in rows)
    index_emails(rows)


def rekey_emails(pairs: Iterable[tuple[int, int]]) -> None:
    """Give emails, as (old key, new key), the keys that a thread merge gave them; no new key may be in the index."""
    generic.update_rows("jmap_mail_searchtext", "email_id", ["email_id"], pairs)


def condition(account_id: int, field: str, text: str, column: str = "email_id") -> Condition:
    """Whether the email in ``column`` matches, as a set that the text index gives; for few hits, or to drive a join.

    ``field`` is one of FIELD_TAGS. The result holds no other account's emails, unless it is true of every email.
    """
    query = parse(text)
    if not query.terms:
        return _constant(query)
    return Condition(f"{column} IN ({sql.FOUND[connection.vendor]})", [_match(account_id, field, query)])


def row_test(account_id: int, field: str, text: str, column: str = "email_id") -> Condition:
    """Whether the email in ``column`` matches, asked of each row alone; for many hits, in a walk that ends early."""
    query = parse(text)
    if not query.terms:
        return _constant(query)
    return Condition(sql.TEST[connection.vendor].format(column=column), [_match(account_id, field, query)])


def listing(account_id: int, field: str, text: str) -> Condition:
    """A statement that gives the emails that match."""
    query = parse(text)
    if query.terms:
        return Condition(sql.FOUND[connection.vendor], [_match(account_id, field, query)])
    return Condition(sql.ALL if query.matches_all else sql.NONE, [account_id])


def matching_ids(account_id: int, field: str, text: str, limit: int | None = None) -> list[int]:
    """The keys of the emails that match, ascending; with a limit any so many of them."""
    statement, params = listing(account_id, field, text)
    if limit is not None:
        statement, params = f"{statement} LIMIT %s", [*params, limit]
    return sorted(row[0] for row in generic.select(statement, params))


def count(account_id: int, field: str, text: str) -> int:
    """How many emails match."""
    query = parse(text)
    if query.terms:
        rows = generic.select(sql.COUNT[connection.vendor], [_match(account_id, field, query)])
    else:
        statement, params = listing(account_id, field, text)
        rows = generic.select(sql.counted(statement), params)
    return int(rows[0][0])


def capped_count(account_id: int, field: str, text: str, cap: int) -> int:
    """How many emails match, but at most ``cap``; the cost grows with the cap and, less, with the hits."""
    statement, params = listing(account_id, field, text)
    rows = generic.select(sql.counted(f"{statement} LIMIT %s"), [*params, cap])
    return int(rows[0][0])


def _constant(query: TextQuery) -> Condition:
    return Condition("1 = 1" if query.matches_all else "1 = 0", [])


def _match(account_id: int, field: str, query: TextQuery) -> str:
    text: str = _dialect().match_text(account_id, FIELD_TAGS[field], query)
    return text


def _dialect() -> ModuleType:
    return postgres if connection.vendor == "postgresql" else sqlite
