"""Reading an account to its end, for an export: its mailboxes, then every email with all that clients know of it.

Rules kept here:
- it is read page by page, by key, so that memory does not grow with the account;
- the caller holds one snapshot (``jmap.store.reading``) around everything, so that what is read is of one moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from jmap.models import Account, Blob
from mail.models import Email
from mail.services import emails, mailboxes
from mail.services.emails import Placement
from mail.services.mailboxes import Node

PAGE = 500


@dataclass(frozen=True, slots=True)
class KeptEmail:
    """An email of an account, with the blob that holds its octets; ``size`` in octets, ``received_at`` aware."""

    key: int
    thread: int
    placement: Placement
    received_at: datetime
    size: int
    blob: Blob


def mailboxes_of(account: Account) -> dict[int, Node]:
    """Every mailbox of an account as its owner sees it, by key."""
    return mailboxes.load(account.pk, account.user_id, owned=True)


def count(account: Account) -> int:
    """How many emails an account has."""
    return Email.objects.filter(account=account).count()


def emails_of(account: Account) -> Iterator[KeptEmail]:
    """Every email of an account in the order in which they came into it."""
    last = 0
    while True:
        keys = list(
            Email.objects.filter(account=account, pk__gt=last).order_by("pk").values_list("pk", flat=True)[:PAGE]
        )
        if not keys:
            return
        held = emails.held(account.pk, keys)
        blobs = Blob.objects.in_bulk({email.blob_id for email in held.values()})
        for key in keys:
            email = held[key]
            blob = blobs[email.blob_id]
            yield KeptEmail(key, email.thread_id, email.placement, email.received_at, blob.size, blob)
        last = keys[-1]


def paths_of(nodes: dict[int, Node]) -> dict[int, tuple[str, ...]]:
    """The path of each mailbox: its name after those of the mailboxes around it."""
    paths: dict[int, tuple[str, ...]] = {}
    for key in nodes:
        names, at = [], key
        while True:
            node = nodes[at]
            names.append(node.name)
            if not isinstance(node.parent, int):
                break
            at = node.parent
        paths[key] = tuple(reversed(names))
    return paths
