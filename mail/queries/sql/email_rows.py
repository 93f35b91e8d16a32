"""Email rows as /get needs them: one statement whatever the number of emails (RFC 8621 §4.2).

Rules kept here:
- state and rows come from one statement, so they belong to the same moment;
- what was not asked for is not read: neither the mailboxes nor the stored metadata nor the MIME index;
- rows are tuples; no model instance is made.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from django.db import connection

from jmap.protocol.errors import MethodError
from jmap.sql import select
from jmap.store import format_state

SEEN, FLAGGED, ANSWERED, DRAFT, FORWARDED, OTHER, ATTACHMENT = (1 << bit for bit in range(7))
"""Bits of ``EmailRow.flags``; OTHER says that there are keywords besides the common ones."""

KEYWORD_BITS = {"$seen": SEEN, "$flagged": FLAGGED, "$answered": ANSWERED, "$draft": DRAFT, "$forwarded": FORWARDED}

KEYWORD_MASK = OTHER - 1
"""The bits of ``flags`` that are common keywords."""


class EmailRow(NamedTuple):
    """One email; a column that was not asked for is None.

    ``received_at`` is text, in UTC (see ``utc_date``); ``keywords`` are those that are no columns, joined by spaces in
    no order, None where there are none; ``mailboxes`` are mailbox keys joined by commas in no order;
    ``properties`` and ``mime`` are EmailContent's properties and index; ``digest`` is the blob's.
    """

    id: int
    thread_id: int
    blob_id: int
    size: int
    received_at: str
    flags: int
    keywords: str | None
    mailboxes: str | None
    properties: str | None
    mime: str | None
    digest: bytes | memoryview | None


@dataclass(frozen=True, slots=True)
class Columns:
    """Which of the costly columns to read."""

    keywords: bool = False
    mailboxes: bool = False
    properties: bool = False
    index: bool = False
    digest: bool = False


_FLAGS = " + ".join(
    f"{1 << bit} * CAST(e.{column} AS integer)"
    for bit, column in enumerate(
        ("seen", "flagged", "answered", "draft", "forwarded", "has_other_keywords", "has_attachment")
    )
)


@lru_cache
def _statement(vendor: str, columns: Columns, everything: bool) -> str:
    postgresql = vendor == "postgresql"
    joined = "string_agg(m.mailbox_id::text, ',')" if postgresql else "group_concat(m.mailbox_id)"
    spaced = "string_agg(k.keyword, ' ')" if postgresql else "group_concat(k.keyword, ' ')"
    keywords = f"(SELECT {spaced} FROM jmap_mail_emailkeyword k WHERE k.email_id = e.id)"
    mailboxes = f"(SELECT {joined} FROM jmap_mail_membership m WHERE m.email_id = e.id)"
    one_of = "= ANY(%s)" if postgresql else "IN (SELECT value FROM json_each(%s))"
    in_utc = " AT TIME ZONE 'UTC'" if postgresql else ""
    selected = [
        f"a.epoch, s.modseq, e.id, e.thread_id, e.blob_id, e.size, CAST(e.received_at{in_utc} AS text)",
        _FLAGS,
        f"CASE WHEN e.has_other_keywords THEN {keywords} END" if columns.keywords else "NULL",
        mailboxes if columns.mailboxes else "NULL",
        "c.properties" if columns.properties else "NULL",
        'c."index"' if columns.index else "NULL",
        "b.digest" if columns.digest else "NULL",
    ]
    return (
        f"SELECT {', '.join(selected)} FROM jmap_core_account a"
        " LEFT JOIN jmap_core_typestate s ON s.account_id = a.id AND s.type = 'Email'"
        " LEFT JOIN jmap_mail_email e ON e.account_id = a.id"
        + ("" if everything else f" AND e.id {one_of}")
        + (" LEFT JOIN jmap_mail_emailcontent c ON c.email_id = e.id" if columns.properties or columns.index else "")
        + (" LEFT JOIN jmap_core_blob b ON b.id = e.blob_id" if columns.digest else "")
        + " WHERE a.id = %s"
        + (" ORDER BY e.id LIMIT %s" if everything else "")
    )


def read(account_id: int, ids: Sequence[int] | None, columns: Columns, limit: int = 0) -> tuple[str, list[EmailRow]]:
    """The Email state and the rows of those emails that exist, in no order; ``ids`` None reads the first ``limit``.

    One statement. Raises MethodError accountNotFound.
    """
    everything = ids is None
    arguments: list[Any] = [account_id, limit] if everything else [among(ids or ()), account_id]
    with connection.cursor() as cursor:
        cursor.execute(_statement(connection.vendor, columns, everything), arguments)
        rows = cursor.fetchall()
    if not rows:
        raise MethodError("accountNotFound")
    state = format_state(rows[0][0], rows[0][1] or 0)
    return state, [EmailRow._make(row[2:]) for row in rows if row[2] is not None]


def mime_index(blob_id: int) -> str | None:
    """The stored MIME index of a message in a blob, None where no email has it; 0.15 ms against 0.5 as a QuerySet."""
    # Any of the emails will do; to ask for the first would have the database walk all of them in order.
    rows = select(
        'SELECT c."index" FROM jmap_mail_email e JOIN jmap_mail_emailcontent c ON c.email_id = e.id'
        " WHERE e.blob_id = %s LIMIT 1",
        [blob_id],
    )
    return rows[0][0] if rows else None


def among(keys: Sequence[int]) -> list[int] | str:
    """Keys as the one parameter that ``= ANY(…)`` or ``json_each(…)`` takes."""
    return list(keys) if connection.vendor == "postgresql" else json.dumps(list(keys))


def utc_date(received_at: str) -> str:
    """A stored moment as UTCDate (RFC 8620 §1.4), a fraction of a second only where there is one."""
    if len(received_at) == 19:
        return f"{received_at[:10]}T{received_at[11:]}Z"
    return f"{received_at[:10]}T{received_at[11:].rstrip('0').rstrip('.')}Z"
