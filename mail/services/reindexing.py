"""Deriving anew what was derived of messages by an older parser or tokenizer, while the server runs.

Rules kept here:
- slices of at most SLICE emails; octets are read and parsed outside the lock, written under it;
- an email whose visible properties changed gets a modseq, so that clients fetch it again; one that did not is rewritten
  in silence;
- the thread of an email stays: new reference keys are added to its thread, none is taken away;
- an email that was destroyed or derived by somebody else meanwhile is passed over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from jmap import history
from jmap import sql as generic
from jmap.blobs import service as blobs
from jmap.blobs.errors import ObjectMissing
from jmap.models import Account
from jmap.store import Writer, writing_slice
from mail.models import Email, EmailContent, SearchText
from mail.search import backend as search
from mail.services import threads
from mail.services.content import CONTENT_VERSION, Derived, derive

log = logging.getLogger("mail.reindex")

SLICE = 100


@dataclass(slots=True)
class Tally:
    """What was done: emails derived anew, those of them that clients see changed, and those without octets."""

    derived: int = 0
    changed: int = 0
    missing: int = 0


def reindex(account: Account, every: bool = False, progress: Callable[[int], None] = lambda count: None) -> Tally:
    """Derive anew the emails of an account that an older version derived, or all of them."""
    tally = Tally()
    last = 0
    while rows := _next(account.pk, last, every):
        last = rows[-1].pk
        fresh = _derive(rows)
        tally.missing += len(rows) - len(fresh)
        with writing_slice(account.pk) as writer:
            tally.changed += _rewrite(writer, fresh)
        tally.derived += len(fresh)
        progress(len(rows))
    return tally


def derive_again(account_id: int, keys: Sequence[int]) -> None:
    """Derive emails anew whose content or search entry is wrong or not there at all; clients fetch them again.

    One that has lost its octets stays as it is.
    """
    for start in range(0, len(keys), SLICE):
        some = Email.objects.filter(account_id=account_id, pk__in=keys[start : start + SLICE])
        fresh = _derive(list(some.select_related("blob").order_by("pk")))
        with writing_slice(account_id) as writer:
            there = list(Email.objects.filter(account_id=account_id, pk__in=fresh).values_list("pk", flat=True))
            generic.insert_rows(
                "jmap_mail_emailcontent",
                ["email_id", "properties", '"index"', "version"],
                [(key, "", "", 0) for key in there],
                "ON CONFLICT DO NOTHING",
            )
            indexed = SearchText.objects.filter(email_id__in=there).count()
            _rewrite(writer, fresh)
            if indexed < len(there):
                # The lists of searches were without an email, and no history tells that it comes back.
                history.end(writer, "Email")


def outdated(account_id: int, every: bool = False) -> int:
    """How many emails of an account there are to derive anew."""
    return _stale(account_id, every).count()


def _stale(account_id: int, every: bool) -> QuerySet[Email]:
    found = Email.objects.filter(account_id=account_id)
    return found if every else found.exclude(content__version=CONTENT_VERSION)


def _next(account_id: int, last: int, every: bool) -> list[Email]:
    return list(_stale(account_id, every).filter(pk__gt=last).select_related("blob").order_by("pk")[:SLICE])


def _derive(rows: Sequence[Email]) -> dict[int, Derived]:
    """What the octets of emails say, by key; without those that have lost theirs."""
    fresh: dict[int, Derived] = {}
    for row in rows:
        try:
            fresh[row.pk] = derive(blobs.read(row.blob))
        except ObjectMissing:
            log.error("the octets of email %s are missing from the blob store", row.wire_id)
    return fresh


def _rewrite(writer: Writer, fresh: dict[int, Derived]) -> int:
    """Write what was derived; returns how many emails clients will see changed."""
    stored = dict(EmailContent.objects.filter(email_id__in=fresh).values_list("email_id", "properties"))
    there = dict(Email.objects.filter(account_id=writer.account_id, pk__in=stored).values_list("pk", "thread_id"))
    present = {key: fresh[key] for key in there}
    generic.update_rows(
        "jmap_mail_emailcontent",
        "email_id",
        ["properties", '"index"', "version"],
        [(key, content.properties, content.index, CONTENT_VERSION) for key, content in present.items()],
    )
    Email.objects.bulk_update(
        [_row(key, content) for key, content in present.items()],
        ["size", "sent_at", "has_attachment", "subject_key", "from_key", "to_key"],
    )
    search.reindex_emails([(key, writer.account_id, content.tokens) for key, content in present.items()])
    threads.remember(writer, [(content.reference_keys, there[key]) for key, content in present.items()])
    changed = [key for key, content in present.items() if content.properties != stored[key]]
    _announce(writer, changed)
    return len(changed)


def _row(key: int, content: Derived) -> Email:
    return Email(
        pk=key,
        size=content.size,
        sent_at=content.sent_at,
        has_attachment=content.has_attachment,
        subject_key=content.subject_key,
        from_key=content.from_key,
        to_key=content.to_key,
    )


def _announce(writer: Writer, changed: Sequence[int]) -> None:
    generic.update_rows("jmap_mail_email", "id", ["modseq"], [(key, writer.next("Email")) for key in changed])
