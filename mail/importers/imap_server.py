"""The line to an IMAP server: made over TLS, made again when it drops, and what is asked over it.

Rules kept here:
- TLS is the default and certificates are checked; nothing but an explicit choice sends a password without it;
- a call whose line drops is made again on a new one, in the same folder with the same UIDVALIDITY;
- an error that a person can mend is a SourceError in words: host, name, password, certificate.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from mail.importers.entry import MessageUnreadable, SourceError

log = logging.getLogger("mail.import")

T = TypeVar("T")

TIMEOUT_SECONDS = 120
PAUSES = (0.0, 1.0, 3.0, 9.0, 27.0)
"""Seconds before each attempt to make the line again."""
SECURITY = ("tls", "starttls", "none")

_DROPPED = (IMAPClientAbortError, OSError, EOFError)


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom to log in; ``user`` is whose mail it is, ``name`` what the server is told.

    They differ for a master user: ``ada*master`` at Dovecot.
    """

    host: str
    user: str
    password: str = field(repr=False)
    name: str = ""
    port: int | None = None
    security: str = "tls"
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder as the server lists it; ``prefix`` is that of the user's own ones, others are foreign."""

    name: str
    delimiter: str
    flags: tuple[str, ...]
    prefix: str
    is_foreign: bool


class ImapServer:
    """One account of a server. Raises SourceError where it cannot be reached or lets nobody in."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._selected: tuple[str, int] | None = None
        self._client = self._connect()

    def close(self) -> None:
        """Say good-bye, as far as somebody listens."""
        with contextlib.suppress(IMAPClientError, *_DROPPED):
            self._client.logout()

    def call(self, action: Callable[[IMAPClient], T]) -> T:
        """What an action gives, made again on a new line where the old one dropped.

        Raises IMAPClientError where the server refuses, SourceError where no line can be made.
        """
        for pause in (*PAUSES, None):
            try:
                return action(self._client)
            except _DROPPED as error:
                if pause is None:
                    raise SourceError(f"{self._login.host} drops the connection again and again") from error
                self._reconnect(pause)
        raise AssertionError

    def select(self, name: str) -> int:
        """Open a folder for reading; its UIDVALIDITY. Raises IMAPClientError where the server refuses."""
        self._selected = None
        answer = self.call(lambda client: client.select_folder(name, readonly=True))
        self._selected = (name, int(answer.get(b"UIDVALIDITY", 0)))
        return self._selected[1]

    def open_again(self, name: str, validity: int) -> None:
        """Have a folder open that was open before. Raises SourceError where it is not what it was."""
        if self._selected == (name, validity):
            return
        try:
            now = self.select(name)
        except IMAPClientError as error:
            raise SourceError(f"folder {name!r} cannot be opened any more: {reason_of(error)}") from error
        if now != validity:
            raise _numbered_anew(name)

    def search(self, criteria: str) -> list[int]:
        """The UIDs of the messages in the open folder that meet criteria."""
        return [int(uid) for uid in self.call(lambda client: client.search(criteria))]

    def count(self, name: str) -> int:
        """How many messages a folder has, 0 where the server does not tell."""
        try:
            return int(self.call(lambda client: client.folder_status(name, ["MESSAGES"]))[b"MESSAGES"])
        except (IMAPClientError, KeyError):
            return 0

    def folders(self) -> list[Listed]:
        """Every folder. Raises SourceError."""
        try:
            prefix, foreign = self._namespaces()
            found = self.call(lambda client: client.list_folders())
        except IMAPClientError as error:
            raise SourceError(f"{self._login.host} does not list its folders: {reason_of(error)}") from error
        return [
            Listed(
                str(name),
                delimiter.decode() if delimiter else "",
                tuple(flag.decode("ascii", "replace") for flag in flags),
                prefix,
                any(str(name).startswith(other) for other in foreign),
            )
            for flags, delimiter, name in found
        ]

    def subscribed(self) -> set[str]:
        """The names of the folders that the user subscribed to."""
        try:
            return {str(name) for _, _, name in self.call(lambda client: client.list_sub_folders())}
        except IMAPClientError as error:
            raise SourceError(f"{self._login.host} does not list subscriptions: {reason_of(error)}") from error

    def each(self, uids: Sequence[int], items: Sequence[str]) -> dict[int, Any]:
        """What the server says of each message: an answer, None where it is gone, or MessageUnreadable.

        They are asked for together; where that fails, each alone.
        """
        if not uids:
            return {}
        try:
            answers = self._client.fetch(uids, items)
        except IMAPClientError as error:
            log.info("messages are asked for one by one: %s", type(error).__name__)
            self._if_dropped(error)
            answers = {}
        except (OSError, EOFError):
            self._reconnect(PAUSES[0])
            answers = {}
        if len(uids) == 1 and answers:
            return dict(answers)
        return {uid: answers[uid] if uid in answers else self._alone(uid, items) for uid in uids}

    def _alone(self, uid: int, items: Sequence[str]) -> Any:
        for _ in (1, 2):
            try:
                return self._client.fetch([uid], items).get(uid)
            except IMAPClientError as error:
                if not self._if_dropped(error):
                    return MessageUnreadable(reason_of(error))
            except (OSError, EOFError):
                self._reconnect(PAUSES[0])
        return MessageUnreadable("the server drops the connection when it is asked for it")

    def _if_dropped(self, error: IMAPClientError) -> bool:
        """Make the line again where the error says that it dropped; whether it did."""
        if isinstance(error, IMAPClientAbortError):
            self._reconnect(PAUSES[0])
            return True
        return False

    def _namespaces(self) -> tuple[str, list[str]]:
        """The prefix of the user's own folders, and those of others (RFC 2342)."""
        if not self.call(lambda client: client.has_capability("NAMESPACE")):
            return "", []
        found = self.call(lambda client: client.namespace())
        own = [str(prefix) for prefix, _ in found.personal or ()]
        others = [str(prefix) for some in (found.other, found.shared) for prefix, _ in some or () if prefix]
        return (own[0] if own else ""), others

    def _reconnect(self, pause: float) -> None:
        for seconds in (pause, *(later for later in PAUSES if later > pause)):
            log.info("the line to %s dropped; trying again in %s seconds", self._login.host, seconds)
            time.sleep(seconds)
            with contextlib.suppress(IMAPClientError, *_DROPPED):
                self._client.shutdown()
            try:
                self._client = self._connect()
                break
            except SourceError:
                if seconds == PAUSES[-1]:
                    raise
        if self._selected is not None:
            name, validity = self._selected
            try:
                answer = self._client.select_folder(name, readonly=True)
            except (IMAPClientError, *_DROPPED) as error:
                raise SourceError(f"folder {name!r} cannot be opened any more: {reason_of(error)}") from error
            if int(answer.get(b"UIDVALIDITY", 0)) != validity:
                raise _numbered_anew(name)

    def _connect(self) -> IMAPClient:
        login = self._login
        context = ssl.create_default_context(cafile=login.ca_file)
        try:
            client = IMAPClient(
                login.host, login.port, ssl=login.security == "tls", ssl_context=context, timeout=TIMEOUT_SECONDS
            )
            client.normalise_times = False
            if login.security == "starttls":
                client.starttls(context)
            self._authenticate(client)
        except LoginError as error:
            raise SourceError(
                f"{login.host} refuses the login of {login.name or login.user}: {reason_of(error)}"
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise SourceError(f"the certificate of {login.host} cannot be trusted: {error.verify_message}") from error
        except (IMAPClientError, *_DROPPED) as error:
            raise SourceError(f"{login.host} cannot be reached: {reason_of(error)}") from error
        return client

    def _authenticate(self, client: IMAPClient) -> None:
        name, password = self._login.name or self._login.user, self._login.password
        if client.has_capability("AUTH=PLAIN"):
            client.plain_login(name, password)
        else:
            client.login(name, password)


def _numbered_anew(name: str) -> SourceError:
    return SourceError(f"folder {name!r} was numbered anew meanwhile; run it again to go on")


def reason_of(error: BaseException) -> str:
    """What a server or the network said, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = error.args[0] if error.args else type(error).__name__
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join(text.split())[:200]
