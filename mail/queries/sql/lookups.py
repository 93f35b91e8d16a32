"""Emails that hold a rare text, looked up and listed in one statement, or the answer that the text is not rare.

Rules kept here: how many emails are few depends on the account's size and is worked out in the statement itself; where
there are more, nothing is listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from mail.queries import conditions as asked
from mail.queries.sql import filters
from mail.queries.sql.filters import Scope
from mail.queries.sql.fragments import Fragment, in_few, template


def few(account: int, wanted: int, least: int, most: int) -> Fragment:
    """A SELECT of the root of half of ``wanted`` times the emails of the account, but at least and at most so many."""
    root = "SELECT sqrt(coalesce(sum(b.total_emails), 0) * %s / 2.0) AS root FROM jmap_mail_mailbox b"
    return Fragment(
        f"SELECT CASE WHEN root < {least} THEN {least} WHEN root > {most} THEN {most} ELSE CAST(root AS integer) END"
        f" AS most FROM ({root} WHERE b.account_id = %s) AS emails",
        (wanted, account),
    )


def looked_up(
    scope: Scope,
    found: Fragment,
    limit: Fragment,
    others: Sequence[asked.Filter],
    sort: Sequence[asked.SortKey],
    most: int,
) -> Fragment:
    """A SELECT of (is rare, email, thread) in order.

    ``found`` selects the emails that hold the text, ``limit`` how many of them are few; ``most`` is never passed.
    """
    is_rare = Fragment("(SELECT count(*) FROM looked_up) <= (SELECT most FROM few)")
    among = in_few(scope.id, Fragment("SELECT email_id FROM looked_up"))
    return template(
        "WITH few AS MATERIALIZED ({}), looked_up (email_id) AS MATERIALIZED ({} LIMIT (SELECT most + 1 FROM few))"
        " SELECT chosen.is_rare, matching.* FROM (SELECT {} AS is_rare) AS chosen LEFT JOIN ({}) AS matching ON TRUE",
        limit,
        found,
        is_rare,
        filters.listing(scope, others, sort, most, also=[is_rare, among]),
    )
