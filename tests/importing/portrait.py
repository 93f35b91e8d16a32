"""What an account holds, without any id of its own: two accounts that hold the same have equal portraits."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

from jmap.blobs import service as blobs
from jmap.models import Account
from mail.services import exporting

Path = tuple[str, ...]


@dataclass(frozen=True)
class Portrait:
    """The mailboxes by path with (role, sort order, subscription), and how often each email is there."""

    mailboxes: dict[Path, tuple[str | None, int, bool]]
    emails: Counter[tuple[str, frozenset[Path], frozenset[str], str]]
    """(SHA-256 of the octets, mailboxes, keywords, receivedAt)."""


def portrait(account: Account) -> Portrait:
    """Read from the store and the blobs themselves."""
    nodes = exporting.mailboxes_of(account)
    paths = exporting.paths_of(nodes)
    return Portrait(
        {paths[key]: (node.role, node.sort_order, node.is_subscribed) for key, node in nodes.items()},
        Counter(
            (
                hashlib.sha256(blobs.read(email.blob)).hexdigest(),
                frozenset(paths[key] for key in email.placement.mailboxes),
                email.placement.keywords,
                email.received_at.isoformat(),
            )
            for email in exporting.emails_of(account)
        ),
    )
