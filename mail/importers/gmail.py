"""Google Takeout: one mbox, and in each message a field ``X-Gmail-Labels`` that says where it was and how flagged.

Rules kept here:
- system labels become roles and keywords, in English and German, since Takeout writes them in the user's language;
- every other label becomes a mailbox, with ``/`` between names; several labels put one Email in several mailboxes;
- a message with no label of a mailbox was archived: it goes to the mailbox with that role;
- Gmail marks what is unread, so that every other message is ``$seen``.
"""

from __future__ import annotations

import csv

from mail.importers.entry import INBOX, Folder
from mail.mime.headers import as_text

FIELD = "x-gmail-labels"
_ARCHIVE = Folder(("Archive",), "archive", is_exact=True)
_SENT = Folder(("Sent",), "sent", is_exact=True)
_DRAFTS = Folder(("Drafts",), "drafts", is_exact=True)
_JUNK = Folder(("Junk",), "junk", is_exact=True)
_TRASH = Folder(("Trash",), "trash", is_exact=True)

_FOLDERS = {
    "inbox": INBOX,
    "posteingang": INBOX,
    "sent": _SENT,
    "gesendet": _SENT,
    "drafts": _DRAFTS,
    "draft": _DRAFTS,
    "entwürfe": _DRAFTS,
    "spam": _JUNK,
    "trash": _TRASH,
    "papierkorb": _TRASH,
    "archived": _ARCHIVE,
    "archiviert": _ARCHIVE,
}
_KEYWORDS = {
    "starred": "$flagged",
    "markiert": "$flagged",
    "important": "$important",
    "wichtig": "$important",
    "muted": "$muted",
    "ignoriert": "$muted",
}
_UNREAD = {"unread", "ungelesen"}
_PASSED_OVER = {"opened", "geöffnet"}
_CATEGORIES = ("category ", "kategorie ")


def read_labels(value: bytes) -> tuple[tuple[Folder, ...], frozenset[str]]:
    """The folders and keywords that the value of the field says."""
    folders: dict[Folder, None] = {}
    keywords = {"$seen"}
    for label in _split(as_text(value)):
        lower = label.lower()
        if lower in _UNREAD:
            keywords.discard("$seen")
        elif lower in _KEYWORDS:
            keywords.add(_KEYWORDS[lower])
        elif lower in _FOLDERS:
            folders[_FOLDERS[lower]] = None
        elif lower.startswith(_CATEGORIES) and (category := _category(lower)):
            keywords.add(category)
        elif lower not in _PASSED_OVER and (path := tuple(name for name in label.split("/") if name.strip())):
            folders[Folder(path)] = None
    if _DRAFTS in folders:
        keywords.add("$draft")
    if len(folders) > 1:
        folders.pop(_ARCHIVE, None)
    return tuple(folders) or (_ARCHIVE,), frozenset(keywords)


def _split(text: str) -> list[str]:
    """The labels; one that holds a comma stands in quotation marks."""
    rows = list(csv.reader([" ".join(text.split())], skipinitialspace=True))
    return [label.strip() for row in rows for label in row if label.strip()]


def _category(label: str) -> str | None:
    """The keyword of a label such as ``Category Promotions``, or of one in quotation marks after the word."""
    name = label.partition(" ")[2].strip(' "„“')
    return f"category-{name}" if name.isascii() and name.replace("-", "").isalnum() else None
