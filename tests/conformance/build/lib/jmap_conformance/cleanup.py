"""Leaves an account as it was found.

Rules kept here: what was there before is never destroyed, only put back; what came meanwhile under the suite's hands
is destroyed. Mail that somebody else delivered into a mailbox of the account stays: only emails of the suite's own
mailboxes, and those that say so in their subject or Message-ID, go.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jmap_conformance.case import MAIL, SUBMISSION, VACATION
from jmap_conformance.client import Client
from jmap_conformance.outcome import Failure
from jmap_conformance.toolkit import MARK

MAILBOX_WRITABLE = ("name", "parentId", "role", "sortOrder", "isSubscribed")
VACATION_WRITABLE = ("isEnabled", "fromDate", "toDate", "subject", "textBody", "htmlBody")
IDENTITY_WRITABLE = ("name", "replyTo", "bcc", "textSignature", "htmlSignature")


@dataclass
class Snapshot:
    """What an account held, by type and id."""

    records: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    emails: set[str] = field(default_factory=set)


def kinds(client: Client) -> list[str]:
    """The types that are put back."""
    found = ["PushSubscription"]
    if client.has(MAIL):
        found.append("Mailbox")
    if client.has(SUBMISSION):
        found += ["Identity", "EmailSubmission"]
    if client.has(VACATION):
        found.append("VacationResponse")
    return found


def take(client: Client) -> Snapshot:
    """Look at the account."""
    client = client.fork()
    snapshot = Snapshot()
    for kind in kinds(client):
        try:
            found = client.call(f"{kind}/get", ids=None)["list"]
        except Failure:
            continue
        snapshot.records[kind] = {each["id"]: each for each in found}
    return snapshot


def restore(client: Client, before: Snapshot) -> list[str]:
    """Put the account back; sentences about what could not be."""
    client = client.fork()
    troubles: list[str] = []

    def attempt(method: str, **arguments: Any) -> None:
        try:
            response = client.call(method, **arguments)
        except Failure as failure:
            troubles.append(str(failure))
            return
        for slot in ("notUpdated", "notDestroyed"):
            troubles.extend(f"{method} {key}: {error}" for key, error in (response.get(slot) or {}).items())

    now = take(client)
    for kind in ("PushSubscription", "EmailSubmission", "Identity"):
        new = [key for key in now.records.get(kind, {}) if key not in before.records.get(kind, {})]
        if new and kind in before.records:
            attempt(f"{kind}/set", destroy=new)
    for kind, writable in (("Identity", IDENTITY_WRITABLE), ("VacationResponse", VACATION_WRITABLE)):
        put_back(attempt, kind, writable, before, now)
    if "Mailbox" in before.records:
        restore_mailboxes(client, attempt, before, now)
    return troubles


def put_back(attempt: Any, kind: str, writable: tuple[str, ...], before: Snapshot, now: Snapshot) -> None:
    """Write the former values of what has changed."""
    updates = {}
    for key, old in before.records.get(kind, {}).items():
        new = now.records.get(kind, {}).get(key, old)
        changed = {name: old[name] for name in writable if name in old and old[name] != new.get(name)}
        if changed:
            updates[key] = changed
    if updates:
        attempt(f"{kind}/set", update=updates)


def restore_mailboxes(client: Client, attempt: Any, before: Snapshot, now: Snapshot) -> None:
    """Destroy new mailboxes with their mail, put old ones back, and take the suite's own mail out of them."""
    new = [key for key in now.records["Mailbox"] if key not in before.records["Mailbox"]]
    most = max(1, client.limit("maxObjectsInSet"))
    # Children before parents, since not every server sees that they go in the same call.
    ordered = sorted(new, key=lambda key: -depth(key, now.records["Mailbox"]))
    for begin in range(0, len(ordered), most):
        attempt("Mailbox/set", destroy=ordered[begin : begin + most], onDestroyRemoveEmails=True)
    put_back(attempt, "Mailbox", MAILBOX_WRITABLE, before, now)
    for mailbox in before.records["Mailbox"]:
        for condition in ({"text": MARK}, {"header": ["Message-ID", MARK]}):
            try:
                found = client.call("Email/query", filter={"inMailbox": mailbox, **condition}, limit=most)["ids"]
            except Failure:
                continue
            if found:
                attempt("Email/set", destroy=found)


def depth(mailbox: str, mailboxes: dict[str, dict[str, Any]]) -> int:
    """How far below the top a mailbox stands."""
    steps, parent = 0, mailboxes[mailbox].get("parentId")
    while parent in mailboxes and steps < len(mailboxes):
        steps, parent = steps + 1, mailboxes[parent].get("parentId")
    return steps
