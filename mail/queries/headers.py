"""Conditions on any header field (RFC 8621 §4.4.1, header): answered from the messages themselves.

Rules kept here:
- the search index knows the fields that people search; message ids stand in the stored metadata; every other field is
  read from the message's header block, for the emails that all other conditions leave;
- values are compared as search compares them: words, without case and accents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from jmap.blobs.errors import ObjectMissing
from jmap.blobs.storage import BlobKey, default_store
from mail.mime.headers import as_text, iterate_fields
from mail.models import Email
from mail.queries.conditions import Header
from mail.search.query import is_match, parse
from mail.services.content import LINES

AT_ONCE = 500
"""Emails of one statement."""

MESSAGE_IDS = {"message-id": "messageId", "in-reply-to": "inReplyTo", "references": "references"}
"""Fields whose values the stored metadata holds, and the line that holds them."""


def matching(account: int, header: Header, candidates: Iterable[int] | None) -> tuple[int, ...]:
    """The emails among the candidates (None: all of the account) that have such a header field."""
    name = header.name.lower()
    if header.text is not None and name in MESSAGE_IDS:
        return tuple(_by_metadata(account, LINES.index(MESSAGE_IDS[name]), _test(header.text), candidates))
    return tuple(_by_message(account, name, None if header.text is None else _test(header.text), candidates))


def _test(text: str) -> Callable[[str], bool]:
    query = parse(text)
    return lambda value: is_match(query, [value])


def _by_metadata(
    account: int, line: int, test: Callable[[str], bool], candidates: Iterable[int] | None
) -> Iterator[int]:
    for email, properties in _rows(account, candidates, "content__properties"):
        ids = orjson.loads(properties.split("\n")[line])
        if ids and test(" ".join(ids)):
            yield email


def _by_message(
    account: int, name: str, test: Callable[[str], bool] | None, candidates: Iterable[int] | None
) -> Iterator[int]:
    store = default_store()
    for email, digest, index in _rows(account, candidates, "blob__digest", "content__index"):
        _parent, start, end, *_rest = orjson.loads(index)["p"][0]
        try:
            block = b"".join(store.open_range(BlobKey(account, bytes(digest)), start, end))
        except ObjectMissing:
            continue
        fields = (value for field, value in iterate_fields(block) if field.lower() == name)
        if any(test is None or test(as_text(value)) for value in fields):
            yield email


def _rows(account: int, candidates: Iterable[int] | None, *columns: str) -> Iterator[tuple[Any, ...]]:
    every = Email.objects.filter(account_id=account).order_by("pk").values_list("pk", *columns)
    if candidates is not None:
        keys = sorted(candidates)
        for start in range(0, len(keys), AT_ONCE):
            yield from every.filter(pk__in=keys[start : start + AT_ONCE])
        return
    last = 0
    while rows := list(every.filter(pk__gt=last)[:AT_ONCE]):
        yield from rows
        last = rows[-1][0]
