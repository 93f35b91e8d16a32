"""What other programs call the things that have a name here: folders with a role, flags, keywords.

Rules kept here:
- a role that the source tells (RFC 6154) comes before one guessed from a name;
- flags become keywords as RFC 8621 §4.1.1 says; ``\\Recent`` and ``\\Deleted`` have none.
"""

from __future__ import annotations

from collections.abc import Iterable

ROLES_OF_NAMES = {
    "inbox": "inbox",
    "archive": "archive",
    "archives": "archive",
    "drafts": "drafts",
    "sent": "sent",
    "sent items": "sent",
    "sent mail": "sent",
    "sent messages": "sent",
    "trash": "trash",
    "deleted items": "trash",
    "deleted messages": "trash",
    "junk": "junk",
    "junk e-mail": "junk",
    "spam": "junk",
}
"""What other programs call the mailboxes that have a role here, in lowercase."""

ROLES_OF_SPECIAL_USE = {
    "\\archive": "archive",
    "\\drafts": "drafts",
    "\\junk": "junk",
    "\\sent": "sent",
    "\\trash": "trash",
}
"""Special-use attributes in lowercase (RFC 6154 §2); \\All, \\Flagged and \\Important are views, not folders."""

VIEWS = frozenset({"\\all", "\\flagged", "\\important"})
"""Special-use attributes of folders that show messages of others."""

_KEYWORDS = {
    "\\seen": "$seen",
    "\\answered": "$answered",
    "\\flagged": "$flagged",
    "\\draft": "$draft",
    "forwarded": "$forwarded",
    "junk": "$junk",
    "nonjunk": "$notjunk",
    "notjunk": "$notjunk",
}
_FORBIDDEN = frozenset('(){]%*"\\')


def keywords_of(flags: Iterable[str]) -> frozenset[str]:
    """The keywords of IMAP flags (RFC 8621 §4.1.1); those that no keyword can be made of are left out."""
    named = (_KEYWORDS.get(flag.lower(), flag.lower()) for flag in flags)
    return frozenset(name for name in named if 1 <= len(name) <= 255 and _is_plain(name))


def _is_plain(name: str) -> bool:
    return all("!" <= c <= "~" and c not in _FORBIDDEN for c in name)
