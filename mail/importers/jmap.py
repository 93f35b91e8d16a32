"""An account of another JMAP server as a source of mail (RFC 8621).

Rules kept here:
- an Email is the same wherever it is: several mailboxes, keywords and receivedAt come with it;
- emails are asked for oldest first, from the last one on, so that mail which arrives meanwhile moves nothing; what
  came in after the first page is asked for at the end by Email/changes;
- the remote id of an email is its key, and what was imported is not even asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jmap.blobs.spool import Spool
from mail.importers import dates
from mail.importers.entry import INBOX, Entry, Folder, Known, SourceError, key_of, known_already
from mail.importers.exported import as_folder
from mail.importers.jmap_server import Credentials, JmapServer, MethodFailed
from mail.mime.index import Octets

PROPERTIES = ("id", "blobId", "mailboxIds", "keywords", "receivedAt")
_MOST_RESTARTS = 10

Note = Callable[[str], None]


class JmapSource:
    """A Source: everything in the primary mail account of somebody at a server; ``note`` is told what is odd."""

    adopt = True

    def __init__(self, url: str, credentials: Credentials, note: Note, ca_file: str | None = None) -> None:
        self._server = JmapServer(url, credentials, ca_file)
        self._note = note
        self.key = key_of("jmap", self._server.origin, self._server.account_id)
        self._folders = self._read_folders()

    @property
    def folders(self) -> list[Folder]:
        """See ``Source``."""
        return list(self._folders.values())

    def count(self) -> int | None:
        """See ``Source``."""
        return self._server.call("Email/query", limit=1, calculateTotal=True).get("total")

    def close(self) -> None:
        """See ``Source``."""
        self._server.close()

    def entries(self, known: Known) -> Iterator[Entry]:
        """See ``Source``."""
        since = self._server.call("Email/get", ids=[], properties=["id"])["state"]
        for ids in self._pages():
            yield from self._emails(ids, known)
        for ids in self._created(since):
            yield from self._emails(ids, known)

    def _read_folders(self) -> dict[str, Folder]:
        wanted = ["id", "name", "parentId", "role", "sortOrder", "isSubscribed"]
        found = {
            mailbox["id"]: mailbox for mailbox in self._server.call("Mailbox/get", ids=None, properties=wanted)["list"]
        }
        return {key: as_folder(mailbox, found) for key, mailbox in found.items()}

    def _pages(self) -> Iterator[list[str]]:
        """The ids of all emails; from the beginning again where the email that a page begins after is gone."""
        last: str | None = None
        restarts = 0
        while True:
            place: dict[str, Any] = {"anchor": last, "anchorOffset": 1} if last else {"position": 0}
            try:
                ids = self._server.call(
                    "Email/query",
                    sort=[{"property": "receivedAt", "isAscending": True}],
                    limit=self._server.max_objects,
                    **place,
                )["ids"]
            except MethodFailed as error:
                restarts += 1
                if error.type != "anchorNotFound" or restarts > _MOST_RESTARTS:
                    raise
                last = None
                continue
            if not ids:
                return
            yield ids
            last = ids[-1]

    def _created(self, since: str) -> Iterator[list[str]]:
        """The ids of what came in since a state."""
        while True:
            try:
                changes = self._server.call("Email/changes", sinceState=since, maxChanges=self._server.max_objects)
            except MethodFailed as error:
                self._note(f"what arrived during the import may be missing, run it again: {error}")
                return
            if changes["created"]:
                yield changes["created"]
            if not changes["hasMoreChanges"]:
                return
            since = changes["newState"]

    def _emails(self, ids: Sequence[str], known: Known) -> Iterator[Entry]:
        keys = {email_id: key_of("jmap", email_id) for email_id in ids}
        seen = known(keys.values())
        yield from (known_already(key) for key in keys.values() if key in seen)
        fresh = [email_id for email_id in keys if keys[email_id] not in seen]
        if not fresh:
            return
        emails = self._server.call("Email/get", ids=fresh, properties=list(PROPERTIES))["list"]
        if any(mailbox not in self._folders for email in emails for mailbox in email["mailboxIds"]):
            self._folders |= self._read_folders()
        for email in emails:
            yield self._entry(email)

    def _entry(self, email: dict[str, Any]) -> Entry:
        try:
            folders = tuple(self._folders.get(key, INBOX) for key, is_in in email["mailboxIds"].items() if is_in)
            keywords = frozenset(name.lower() for name, is_set in email["keywords"].items() if is_set)
            received = datetime.fromisoformat(email["receivedAt"]) if email["receivedAt"] else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise SourceError("an Email of the server is not as RFC 8621 says") from error
        return Entry(
            key_of("jmap", email["id"]),
            folders or (INBOX,),
            keywords,
            partial(self._load, email["blobId"]),
            partial(_received_at, received),
        )

    def _load(self, blob_id: str) -> Octets:
        spool = Spool()
        try:
            for piece in self._server.download(blob_id):
                if not piece:
                    spool.close()
                    spool = Spool()
                spool.write(piece)
            return spool.view()
        finally:
            spool.close()


def _received_at(moment: datetime | None, data: Octets) -> datetime:
    if moment is None:
        return dates.of_message(data)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
