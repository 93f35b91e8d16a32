"""Which mailbox a folder of a source becomes: found by role or by path, otherwise made.

Rules kept here:
- no folder stops an import: a name that cannot be a mailbox's is mended, always to the same, and the note says so;
- a mailbox that is here is used as it is; only where a source tells everything of its mailboxes (``adopt``) does an
  empty one take over name, parent, order and subscription, once for each source.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace

from jmap.models import Account
from jmap.store import Writer
from mail.importers.entry import Folder
from mail.importers.names import ROLES_OF_NAMES
from mail.models import Mailbox
from mail.services import mailboxes
from mail.services.errors import MailError
from mail.services.mailboxes import MAX_DEPTH, MAX_NAME_OCTETS, ROLES, Node

_HASH_DIGITS = 8


class Folders:
    """The mailbox of each folder of a source; ``declared`` are those that it told of beforehand."""

    def __init__(self, account: Account, declared: Iterable[Folder], note: Callable[[str], None]) -> None:
        self._account = account
        self._declared = {folder.path: folder for folder in declared}
        self._is_exact = any(folder.is_exact for folder in self._declared.values())
        self._note = note
        self._known: dict[tuple[str, ...], int] = {}

    def forget(self) -> None:
        """After a transaction that came to nothing: what it made is not there."""
        self._known.clear()

    def key(self, writer: Writer, folder: Folder) -> int:
        """The key of a folder's mailbox."""
        self._declared.setdefault(folder.path, folder)
        return self._resolve(writer, folder.path)

    def make_all(self, writer: Writer, adopt: bool) -> None:
        """Have a mailbox for every declared folder; with ``adopt`` also take over what the source says of them."""
        # Those with a role first: a mailbox that takes over another name leaves its own to others.
        for some in (self._with_role(), set(self._declared)):
            keys = {path: self._resolve(writer, path) for path in sorted(some)}
            if adopt:
                self._adopt(writer, keys)

    def _with_role(self) -> set[tuple[str, ...]]:
        return {path for path, folder in self._declared.items() if folder.role}

    def _resolve(self, writer: Writer, path: tuple[str, ...]) -> int:
        if path not in self._known:
            self._known[path] = self._find(writer, path)
        return self._known[path]

    def _find(self, writer: Writer, path: tuple[str, ...]) -> int:
        present = mailboxes.load(self._account.pk, self._account.user_id, owned=True)
        role = self._role(path)
        found = next((key for key, node in present.items() if role and node.role == role), None)
        if found is not None:
            return found
        names = path or ("Inbox",)
        if len(names) > MAX_DEPTH:
            names = (*names[: MAX_DEPTH - 1], " ".join(names[MAX_DEPTH - 1 :]))
            self._note(f"folder {_shown(path)} lies too deep and is now mailbox {_shown(names)}")
        name = mended_name(names[-1])
        if name != mailboxes.normalized(names[-1]):
            self._note(f"folder {_shown(path)} has a name that no mailbox can have; the mailbox is {name!r}")
        parent = self._resolve(writer, names[:-1]) if len(names) > 1 else None
        wanted = replace(self._declared.get(path, Folder(path)), role=role)
        return self._found_or_made(writer, wanted, Node(name, parent, role, wanted.sort_order, wanted.is_subscribed))

    def _role(self, path: tuple[str, ...]) -> str | None:
        folder = self._declared.get(path)
        if not path:
            return "inbox"
        if folder is not None and (folder.is_exact or folder.role):
            return folder.role if folder.role in ROLES else None
        if self._is_exact or len(path) > 1:
            return None
        return ROLES_OF_NAMES.get(mailboxes.normalized(path[0]).lower())

    def _found_or_made(self, writer: Writer, folder: Folder, node: Node) -> int:
        """The mailbox of that name in that place; where it cannot be there, one of another name or place."""
        claimed = set(self._known.values()) if folder.is_exact else set()
        for attempt in (
            node,
            replace(node, name=_told_apart(node.name, folder)),
            replace(node, name=_told_apart(node.name, folder), parent=None, role=None),
        ):
            present = mailboxes.load(self._account.pk, self._account.user_id, owned=True)
            place = (attempt.parent, attempt.name)
            found = next((key for key, other in present.items() if (other.parent, other.name) == place), None)
            if found is not None and found not in claimed:
                return found
            outcome = mailboxes.apply(writer, self._account.user_id, present, {"new": attempt}, {}, [])
            if outcome.created:
                return outcome.created["new"]
            reason = outcome.refused["new"]
            self._note(f"folder {_shown(folder.path)} cannot become mailbox {attempt.name!r} there: {reason}")
        raise MailError(f"folder {_shown(folder.path)} cannot become a mailbox: {reason}")

    def _adopt(self, writer: Writer, keys: dict[tuple[str, ...], int]) -> None:
        present = mailboxes.load(self._account.pk, self._account.user_id, owned=True)
        empty = set(Mailbox.objects.filter(account=self._account, total_emails=0).values_list("pk", flat=True))
        wanted = {}
        for path, key in keys.items():
            folder = self._declared[path]
            if key not in empty or key in wanted or not folder.is_exact:
                continue
            name = mended_name(path[-1]) if path else present[key].name
            parent = keys.get(path[:-1]) if len(path) > 1 else None
            wanted[key] = Node(name, parent, present[key].role, folder.sort_order, folder.is_subscribed)
        outcome = mailboxes.apply(writer, self._account.user_id, present, {}, wanted, [])
        for refused, reason in outcome.refused.items():
            self._note(f"mailbox {present[int(refused)].name!r} stays as it is: {reason}")


def mended_name(name: str) -> str:
    """The name as a mailbox can have it: itself where it can; the same for the same name, another for another."""
    plain = "".join(c for c in mailboxes.normalized(name) if unicodedata.category(c) not in ("Cc", "Cs", "Zl", "Zp"))
    return plain if plain and len(plain.encode()) <= MAX_NAME_OCTETS else _marked(plain or "Unnamed", name)


def _told_apart(name: str, folder: Folder) -> str:
    """Another name for a folder whose own is taken by a different one."""
    return _marked(name, str(folder))


def _marked(name: str, meaning: str) -> str:
    """A name cut to what fits, with a mark of what it stands for."""
    mark = "~" + hashlib.sha256(meaning.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    return name.encode()[: MAX_NAME_OCTETS - len(mark)].decode(errors="ignore") + mark


def _shown(path: tuple[str, ...]) -> str:
    return repr("/".join(path))
