"""Creating, changing and destroying mailboxes, several in one go (RFC 8621 §2, §2.5).

Rules kept here:
- the final state decides (RFC 8620 §5.3): names may be swapped, roles rotated, parent and child both new in any order,
  child and parent destroyed together; what would not hold in the end is refused, item by item, until the rest holds;
- a change that the database's own uniqueness could trip over is written in two steps, SQLite having no deferrable ones;
- destroying a mailbox with many emails empties it in slices first, so that a delivery waits no longer than a slice.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from jmap import sql as generic
from jmap.store import Writer
from mail.models import Mailbox, MailboxSubscription, Membership
from mail.services import emails, ledger
from mail.services.emails import Placement
from mail.services.errors import (
    InvalidMailbox,
    MailboxHasChild,
    MailboxHasEmail,
    MailboxNameTaken,
    MailboxNotFound,
    MailError,
    MayNot,
)

MAX_DEPTH = 10
MAX_NAME_OCTETS = 255
SLICE = 200
"""How many emails one transaction of a long task touches."""

ROLES = frozenset(
    [
        "all",
        "archive",
        "drafts",
        "flagged",
        "important",
        "inbox",
        "junk",
        "memos",
        "scheduled",
        "sent",
        "snoozed",
        "subscribed",
        "templates",
        "trash",
    ]
)
"""The mailbox attribute names of the IANA registry that are roles, in lowercase (RFC 8621 §2)."""

Key = int | str
"""A mailbox of the account by its key, or one of this call by its creation id."""


@dataclass(frozen=True, slots=True)
class Node:
    """A mailbox as the judge sees it; ``parent`` may be the creation id of another one in the same call."""

    name: str
    parent: Key | None
    role: str | None
    sort_order: int
    is_subscribed: bool


@dataclass(slots=True)
class Outcome:
    """What became of a set of changes: keys of what was created, and why the others were refused."""

    created: dict[str, int] = field(default_factory=dict)
    updated: list[int] = field(default_factory=list)
    destroyed: list[int] = field(default_factory=list)
    to_empty: list[int] = field(default_factory=list)
    """Mailboxes that may be destroyed but hold more than a slice of emails. Then nothing was written yet: take slices
    out of them with ``empty_slice``, each in a transaction of its own, and apply again."""
    refused: dict[Key, MailError] = field(default_factory=dict)


def load(account_id: int, user_id: Any, owned: bool) -> dict[int, Node]:
    """Every mailbox of an account as one user sees it; ``owned`` is the default of isSubscribed (RFC 8621 §2)."""
    subscribed = subscriptions(account_id, user_id)
    return {
        key: Node(name, parent, role, order, subscribed.get(key, owned))
        for key, name, parent, role, order in Mailbox.objects.filter(account_id=account_id).values_list(
            "pk", "name", "parent_id", "role", "sort_order"
        )
    }


def subscriptions(account_id: int, user_id: Any) -> dict[int, bool]:
    """What a user said of isSubscribed, for the mailboxes of an account that they said anything of."""
    return dict(
        MailboxSubscription.objects.filter(user_id=user_id, mailbox__account_id=account_id).values_list(
            "mailbox_id", "is_subscribed"
        )
    )


def apply(
    writer: Writer,
    user_id: Any,
    present: Mapping[int, Node],
    creates: Mapping[str, Node],
    updates: Mapping[int, Node],
    destroys: Sequence[int],
    remove_emails: bool = False,
) -> Outcome:
    """Bring the mailboxes to the wanted state as far as it is valid; ``present`` was loaded under this lock."""
    outcome = Outcome()
    updates = {key: node for key, node in updates.items() if key in present}
    counts = dict(
        Mailbox.objects.filter(pk__in=destroys, account_id=writer.account_id).values_list("pk", "total_emails")
    )
    for key in destroys:
        if key not in present:
            outcome.refused[key] = MailboxNotFound([key])
        elif counts[key] and not remove_emails:
            outcome.refused[key] = MailboxHasEmail(_("the mailbox still holds emails"))
    judge = _Judge(present, creates, updates, [key for key in destroys if key not in outcome.refused])
    outcome.refused.update(judge.settle())
    old_trash = next((key for key, node in present.items() if node.role == "trash"), None)
    outcome.to_empty = [key for key in judge.destroys if counts[key] > SLICE]
    if outcome.to_empty:
        return outcome
    doomed = judge.destroys
    for key in doomed:
        _empty(writer, key, SLICE)
    moved = {key: node for key, node in judge.updates.items() if node != present[key]}
    _clear_the_way(present, moved, doomed)
    outcome.created = _insert(writer, user_id, judge.creates)
    _write(writer, user_id, present, moved, outcome.created)
    _destroy(writer, doomed)
    _name(judge.creates, outcome.created)
    outcome.updated, outcome.destroyed = list(judge.updates), doomed
    ledger.move_trash(writer, old_trash, ledger.trash_key(writer.account_id))
    return outcome


def empty_slice(writer: Writer, mailbox: int) -> int:
    """Take the next slice of emails out of a mailbox that is to be destroyed; returns how many there were."""
    return _empty(writer, mailbox, SLICE)


class _Judge:
    """Finds the largest part of the wanted changes that leaves the mailboxes valid."""

    def __init__(
        self,
        present: Mapping[int, Node],
        creates: Mapping[str, Node],
        updates: Mapping[int, Node],
        destroys: Sequence[int],
    ) -> None:
        self.present = present
        self.creates = dict(creates)
        self.updates = dict(updates)
        self.destroys = list(destroys)
        self._rules: Sequence[Callable[[dict[Key, Node]], Iterator[tuple[Key, MailError]]]] = (
            self._wrong_in_itself,
            self._lost_parents,
            self._loops,
            self._taken_roles,
            self._taken_names,
            self._lost_inbox,
        )

    def settle(self) -> dict[Key, MailError]:
        """Drop what cannot be until everything left can; returns what was dropped and why."""
        refused: dict[Key, MailError] = {}
        while True:
            final = self._final()
            found: dict[Key, MailError] = {}
            for rule in self._rules:
                found = dict(rule(final))
                if found:
                    break
            if not found:
                return refused
            for key in found:
                self._drop(key)
            refused.update(found)

    def _drop(self, key: Key) -> None:
        if isinstance(key, str):
            self.creates.pop(key, None)
        elif key in self.destroys:
            self.destroys.remove(key)
        else:
            self.updates.pop(key, None)

    def _final(self) -> dict[Key, Node]:
        gone = set(self.destroys)
        final: dict[Key, Node] = {key: node for key, node in self.present.items() if key not in gone}
        final.update({key: node for key, node in self.updates.items() if key not in gone})
        final.update(self.creates)
        return final

    def _changed(self) -> dict[Key, Node]:
        gone = set(self.destroys)
        changed: dict[Key, Node] = {key: node for key, node in self.updates.items() if key not in gone}
        changed.update(self.creates)
        return changed

    def _wrong_in_itself(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        for key, node in self._changed().items():
            was = self.present.get(key) if isinstance(key, int) else None
            if (was is None or was.name != node.name) and (fault := name_fault(node.name)):
                yield key, InvalidMailbox(fault, ["name"])
            elif node.role is not None and node.role not in ROLES and (was is None or was.role != node.role):
                yield key, InvalidMailbox(_("not a role of the IANA registry, in lowercase"), ["role"])
            elif not 0 <= node.sort_order < 2**31:
                yield key, InvalidMailbox(_("must be at least 0 and less than 2^31"), ["sort_order"])

    def _lost_parents(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        """A parent has to be there in the end; the destruction of a parent gives way to a child that stays as it
        was.
        """
        for key, node in final.items():
            if node.parent is None or node.parent in final:
                continue
            if node.parent in self.destroys and (key not in self._changed() or self._keeps_parent(key, node)):
                yield node.parent, MailboxHasChild(_("the mailbox still has a child"))
            else:
                yield key, InvalidMailbox(_("there is no such mailbox"), ["parent"])

    def _keeps_parent(self, key: Key, node: Node) -> bool:
        return isinstance(key, int) and self.present[key].parent == node.parent

    def _loops(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        changed = self._changed()
        for key in changed:
            seen = [key]
            parent = final[key].parent
            while parent is not None and parent not in seen and len(seen) <= len(final):
                seen.append(parent)
                parent = final[parent].parent
            if parent is not None and parent == key:
                yield key, InvalidMailbox(_("a mailbox cannot be inside itself"), ["parent"])
            elif len(seen) > MAX_DEPTH:
                yield key, InvalidMailbox(_("mailboxes nest at most %d deep") % MAX_DEPTH, ["parent"])
        yield from self._sunk_children(final, changed)

    def _sunk_children(self, final: dict[Key, Node], changed: Mapping[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        """A moved mailbox whose untouched descendants would lie too deep is at fault itself."""
        for key in final.keys() - changed.keys():
            path: list[Key] = [key]
            parent = final[key].parent
            while parent is not None and parent not in path:
                path.append(parent)
                parent = final[parent].parent
            if len(path) > MAX_DEPTH:
                mover = next((above for above in path if above in changed), None)
                if mover is not None:
                    yield mover, InvalidMailbox(_("mailboxes nest at most %d deep") % MAX_DEPTH, ["parent"])

    def _taken_names(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        siblings: dict[tuple[Key | None, str], list[Key]] = defaultdict(list)
        for key, node in final.items():
            siblings[node.parent, node.name].append(key)
        for keys in siblings.values():
            yield from self._all_but_first(keys, lambda key, other: MailboxNameTaken(other), final)

    def _taken_roles(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        holders: dict[str, list[Key]] = defaultdict(list)
        for key, node in final.items():
            if node.role is not None:
                holders[node.role].append(key)
        for keys in holders.values():
            yield from self._all_but_first(
                keys, lambda key, other: InvalidMailbox(_("another mailbox has that role"), ["role"]), final
            )

    def _all_but_first(
        self, keys: list[Key], fault: Callable[[Key, Key], MailError], final: dict[Key, Node]
    ) -> Iterator[tuple[Key, MailError]]:
        """Of several that want the same, one keeps it: the one that had it already, otherwise the first."""
        if len(keys) < 2:
            return
        changed = self._changed()
        holder = next((key for key in keys if key not in changed), None)
        if holder is None:
            holder = next((key for key in keys if self._had(key, final[key])), keys[0])
        for key in keys:
            if key != holder and key in changed:
                yield key, fault(key, holder)

    def _had(self, key: Key, node: Node) -> bool:
        was = self.present.get(key) if isinstance(key, int) else None
        return was is not None and (was.parent, was.name, was.role) == (node.parent, node.name, node.role)

    def _lost_inbox(self, final: dict[Key, Node]) -> Iterator[tuple[Key, MailError]]:
        """Mail has to arrive somewhere: an account that has an inbox keeps one."""
        inbox = next((key for key, node in self.present.items() if node.role == "inbox"), None)
        if inbox is None or any(node.role == "inbox" for node in final.values()):
            return
        if inbox in self.destroys:
            yield inbox, MayNot(_("an account keeps its inbox"))
        else:
            yield inbox, InvalidMailbox(_("an account keeps its inbox; give the role to another mailbox"), ["role"])


def name_fault(name: str) -> str | None:
    """Why a text cannot be the name of a mailbox, or None (RFC 8621 §2: Net-Unicode, RFC 5198)."""
    if not name:
        return _("must not be empty")
    if len(name.encode("utf-8", "replace")) > MAX_NAME_OCTETS:
        return _("must not be longer than %d octets") % MAX_NAME_OCTETS
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        return _("must not hold control characters")
    return None


def normalized(name: str) -> str:
    """The name as it is stored: Net-Unicode is in normalisation form C (RFC 5198 §2)."""
    return unicodedata.normalize("NFC", name)


def _clear_the_way(present: Mapping[int, Node], moved: Mapping[int, Node], doomed: Iterable[int]) -> None:
    """Give names and roles that are about to change hands a stand-in, so that no two rows ever hold the same."""
    stale = [
        key
        for key, node in moved.items()
        if (node.name, node.parent, node.role) != (present[key].name, present[key].parent, present[key].role)
    ]
    rows = [(key, f"\x1f{key}") for key in (*stale, *doomed)]
    generic.update_rows("jmap_mail_mailbox", "id", ["name"], rows)
    Mailbox.objects.filter(pk__in=[key for key, _ in rows]).update(role=None)


def _insert(writer: Writer, user_id: Any, creates: Mapping[str, Node]) -> dict[str, int]:
    made: dict[str, int] = {}
    waiting = dict(creates)
    while waiting:
        ready = {cid: node for cid, node in waiting.items() if not isinstance(node.parent, str) or node.parent in made}
        for cid, node in ready.items():
            modseq = writer.next("Mailbox")
            row = Mailbox.objects.create(
                account_id=writer.account_id,
                # Whoever holds the name or role now may give it up in this call, so they are written last.
                name=f"\x1f+{modseq}",
                parent_id=made[node.parent] if isinstance(node.parent, str) else node.parent,
                role=None,
                sort_order=node.sort_order,
                created_modseq=modseq,
                modseq=modseq,
                properties_modseq=modseq,
            )
            made[cid] = row.pk
            del waiting[cid]
    _subscribe(user_id, [(made[cid], node.is_subscribed) for cid, node in creates.items()])
    return made


def _name(creates: Mapping[str, Node], made: Mapping[str, int]) -> None:
    for cid, node in creates.items():
        Mailbox.objects.filter(pk=made[cid]).update(name=node.name, role=node.role)


def _write(
    writer: Writer,
    user_id: Any,
    present: Mapping[int, Node],
    moved: Mapping[int, Node],
    made: Mapping[str, int],
) -> None:
    for key, node in moved.items():
        modseq = writer.next("Mailbox")
        Mailbox.objects.filter(pk=key).update(
            parent_id=made[node.parent] if isinstance(node.parent, str) else node.parent,
            name=node.name,
            role=node.role,
            sort_order=node.sort_order,
            modseq=modseq,
            properties_modseq=modseq,
        )
    _subscribe(
        user_id,
        [(key, node.is_subscribed) for key, node in moved.items() if node.is_subscribed != present[key].is_subscribed],
    )


def _subscribe(user_id: Any, rows: Sequence[tuple[int, bool]]) -> None:
    if user_id is not None:
        # By the ORM, which knows how a key of any user model is bound.
        MailboxSubscription.objects.bulk_create(
            [MailboxSubscription(user_id=user_id, mailbox_id=key, is_subscribed=said) for key, said in rows],
            update_conflicts=True,
            unique_fields=["user", "mailbox"],
            update_fields=["is_subscribed"],
        )


def _empty(writer: Writer, mailbox: int, limit: int) -> int:
    """Take up to ``limit`` emails out of a mailbox; those that are nowhere else are destroyed (RFC 8621 §2.5)."""
    keys = list(
        Membership.objects.filter(mailbox_id=mailbox).order_by("received_at").values_list("email_id", flat=True)[:limit]
    )
    present = emails.held(writer.account_id, keys)
    elsewhere = {
        key: Placement(email.placement.mailboxes - {mailbox}, email.placement.keywords)
        for key, email in present.items()
        if len(email.placement.mailboxes) > 1
    }
    emails.update(writer, elsewhere, present)
    emails.destroy(writer, [key for key in keys if key not in elsewhere])
    return len(keys)


def _destroy(writer: Writer, doomed: Sequence[int]) -> None:
    if not doomed:
        return
    rows = Mailbox.objects.filter(pk__in=doomed).values_list("pk", "created_modseq")
    ledger.bury(writer, "Mailbox", list(rows))
    for table in ("jmap_mail_mailboxsubscription", "jmap_mail_threadmailbox"):
        generic.delete_rows(table, "mailbox_id", doomed)
    generic.delete_rows("jmap_mail_daycount", "mailbox_key", doomed)
    generic.delete_rows("jmap_mail_mailbox", "id", doomed)
