"""A live IMAP account as a source of mail (RFC 3501): its folders, then every message by UID.

Rules kept here:
- folders are opened for reading alone, and messages fetched without marking them as read;
- UIDVALIDITY and UID are the key, so what was imported is not even asked for again; where a server numbers a folder
  anew, the octets tell what is here already;
- small messages come several in one answer, large ones in pieces through a file, so memory is bounded either way;
- what the server cannot give is reported, and the others come in; a message that makes it hang up twice is left;
- ``\\Deleted`` messages do not exist in JMAP (RFC 8621 §4.1.1) and are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from imapclient.exceptions import IMAPClientError

from jmap.blobs.spool import Spool
from mail.importers import dates
from mail.importers.entry import Entry, Folder, Known, MessageUnreadable, Numbering, key_of, known_already
from mail.importers.imap_server import ImapServer, Listed, Login, reason_of
from mail.importers.names import ROLES_OF_SPECIAL_USE, VIEWS, keywords_of
from mail.mime.index import Octets

WINDOW = 100
"""Messages whose flags, dates and sizes are asked for at once."""
BATCH_OCTETS = 4_000_000
"""Octets of messages that are asked for at once."""
LARGE = 1_000_000
"""Messages above so many octets come in pieces."""
PIECE = 512 * 1024

Note = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder of the server under its own name, and what it is to be here."""

    name: str
    folder: Folder


class ImapSource:
    """A Source: everything in one account of an IMAP server; ``note`` is told what is passed over and why.

    ``only`` names folders as the server does; without it there are all but views of other folders (``\\All``,
    ``\\Flagged``) and those of other users. Raises SourceError where the server cannot be reached or lets nobody in.
    """

    def __init__(self, login: Login, note: Note, only: Sequence[str] = (), with_deleted: bool = False) -> None:
        self.adopt = False
        self.key = key_of("imap", login.host.lower(), login.user)
        self._server = ImapServer(login)
        self._note = note
        self._with_deleted = with_deleted
        self._folders = list(self._chosen(only))

    @property
    def folders(self) -> list[Folder]:
        """The folders that mail comes from."""
        return [remote.folder for remote in self._folders]

    def close(self) -> None:
        """Say good-bye to the server."""
        self._server.close()

    def count(self) -> int:
        """How many messages there are, as far as the server tells without opening anything."""
        return sum(self._server.count(remote.name) for remote in self._folders)

    def entries(self, known: Known) -> Iterator[Entry]:
        """Every message, folder by folder. Raises SourceError where the line cannot be made again."""
        for remote in self._folders:
            try:
                validity = self._server.select(remote.name)
                uids = sorted(self._server.search("ALL" if self._with_deleted else "UNDELETED"))
            except IMAPClientError as error:
                self._note(f"folder {remote.name!r} cannot be opened: {reason_of(error)}")
                yield _unreadable(key_of("folder", remote.name), remote.folder, reason_of(error))
                continue
            for start in range(0, len(uids), WINDOW):
                yield from self._window(remote, validity, uids[start : start + WINDOW], known)

    def _chosen(self, only: Sequence[str]) -> Iterator[RemoteFolder]:
        listed = self._server.folders()
        subscribed = self._server.subscribed()
        missing = set(only) - {one.name for one in listed}
        for name in sorted(missing):
            self._note(f"folder {name!r} is not there")
        for one in listed:
            flags = {flag.lower() for flag in one.flags}
            if flags & {"\\noselect", "\\nonexistent"} or (only and one.name not in only):
                continue
            if not only and flags & VIEWS:
                self._note(f"folder {one.name!r} shows messages of others: passed over unless it is named")
                continue
            if not only and one.is_foreign:
                self._note(f"folder {one.name!r} is not the user's own: passed over unless it is named")
                continue
            role = next((ROLES_OF_SPECIAL_USE[flag] for flag in sorted(flags) if flag in ROLES_OF_SPECIAL_USE), None)
            yield RemoteFolder(one.name, Folder(path_of(one), role, is_subscribed=one.name in subscribed))

    def _window(self, remote: RemoteFolder, validity: int, uids: Sequence[int], known: Known) -> Iterator[Entry]:
        keys = {uid: key_of("imap", remote.name, str(validity), str(uid)) for uid in uids}
        seen = known(keys.values())
        yield from (known_already(key) for key in keys.values() if key in seen)
        fresh = [uid for uid in uids if keys[uid] not in seen]
        about = self._server.each(fresh, ["FLAGS", "INTERNALDATE", "RFC822.SIZE"])
        present = [uid for uid in fresh if about[uid]]
        window = _Window(
            self._server, (remote.name, validity), {uid: int(about[uid].get(b"RFC822.SIZE", 0)) for uid in present}
        )
        numbering = Numbering(key_of(remote.name), key_of(remote.name, str(validity)))
        for uid in present:
            if isinstance(about[uid], MessageUnreadable):
                yield _unreadable(keys[uid], remote.folder, str(about[uid]))
                continue
            flags = (flag.decode("ascii", "replace") for flag in about[uid].get(b"FLAGS", ()))
            received = about[uid].get(b"INTERNALDATE")
            yield Entry(
                keys[uid],
                (remote.folder,),
                keywords_of(flags),
                partial(window.load, uid),
                partial(_received_at, received),
                numbering,
            )


class _Window:
    """The octets of some messages: several small ones are fetched with the first of them that is asked for."""

    def __init__(self, server: ImapServer, folder: tuple[str, int], sizes: dict[int, int]) -> None:
        self._server = server
        self._folder = folder
        self._sizes = sizes
        self._loaded: dict[int, bytes | MessageUnreadable] = {}

    def load(self, uid: int) -> Octets:
        """Raises MessageUnreadable."""
        # The folders after this one may have been opened meanwhile.
        self._server.open_again(*self._folder)
        if self._sizes[uid] > LARGE:
            return self._in_pieces(uid)
        if uid not in self._loaded:
            self._loaded = self._fetch(self._batch(uid))
        found = self._loaded.pop(uid)
        if isinstance(found, MessageUnreadable):
            raise found
        return found

    def _batch(self, first: int) -> list[int]:
        batch: list[int] = []
        octets = 0
        for uid, size in self._sizes.items():
            if uid >= first and size <= LARGE:
                octets += size
                if batch and octets > BATCH_OCTETS:
                    break
                batch.append(uid)
        return batch

    def _fetch(self, uids: Sequence[int]) -> dict[int, bytes | MessageUnreadable]:
        found: dict[int, bytes | MessageUnreadable] = {}
        for uid, answer in self._server.each(uids, ["BODY.PEEK[]"]).items():
            if isinstance(answer, MessageUnreadable):
                found[uid] = answer
            else:
                body = (answer or {}).get(b"BODY[]")
                found[uid] = MessageUnreadable("the server has no octets of it") if body is None else body
        return found

    def _in_pieces(self, uid: int) -> Octets:
        with Spool() as spool:
            while True:
                piece = self._piece(uid, spool.size)
                spool.write(piece)
                if len(piece) < PIECE:
                    return spool.view()

    def _piece(self, uid: int, start: int) -> bytes:
        answer = self._server.each([uid], [f"BODY.PEEK[]<{start}.{PIECE}>"])[uid]
        if isinstance(answer, MessageUnreadable):
            raise answer
        piece = (answer or {}).get(f"BODY[]<{start}>".encode())
        if piece is None:
            raise MessageUnreadable("the server has no octets of it")
        return piece


def path_of(listed: Listed) -> tuple[str, ...]:
    """The path of a folder: its name cut at the server's delimiter, without the prefix of the user's own folders."""
    if listed.name.upper() == "INBOX":
        return ()
    name = listed.name.removeprefix(listed.prefix)
    names = name.split(listed.delimiter) if listed.delimiter else [name]
    return tuple(one for one in names if one) or (listed.name,)


def _received_at(moment: Any, data: Octets) -> datetime:
    if isinstance(moment, datetime):
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return dates.of_message(data)


def _unreadable(key: bytes, folder: Folder, reason: str) -> Entry:
    def load() -> Octets:
        raise MessageUnreadable(reason)

    return Entry(key, (folder,), frozenset(), load, dates.of_message)
