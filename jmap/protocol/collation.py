"""Collations: how two strings compare when a /query sorts by them (RFC 8620 §5.5, RFC 4790, RFC 5051).

Rules kept here:
- a collation is a key function: comparing two keys as octets orders the strings;
- the default is i;unicode-casemap, which knows Unicode and ignores case, as RFC 8620 §5.5 asks.
"""

from __future__ import annotations

from collections.abc import Callable

from jmap.protocol.normalization import normalize

_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


def octet_key(text: str) -> bytes:
    """i;octet: the UTF-8 octets as they are (RFC 4790 §9.3.1)."""
    return text.encode("utf-8", "surrogatepass")


def ascii_casemap_key(text: str) -> bytes:
    """i;ascii-casemap: a to z count as A to Z, all else as octets (RFC 4790 §9.2.1)."""
    return text.translate(_ASCII_UPPER).encode("utf-8", "surrogatepass")


def _titlecase(character: str) -> str:
    """The simple titlecase mapping, which never yields more than one character."""
    mapped = character.title()
    return mapped if len(mapped) == 1 else character


def unicode_casemap_key(text: str) -> bytes:
    """i;unicode-casemap: each character to titlecase, then decomposed as far as it goes (RFC 5051 §2)."""
    if text.isascii():
        return text.upper().encode()
    prepared = normalize("NFKD", "".join(map(_titlecase, text)))
    return prepared.encode("utf-8", "surrogatepass")


COLLATIONS: dict[str, Callable[[str], bytes]] = {
    "i;ascii-casemap": ascii_casemap_key,
    "i;octet": octet_key,
    "i;unicode-casemap": unicode_casemap_key,
}
"""The identifiers that the Session object lists as collationAlgorithms, with the key function of each."""

DEFAULT_COLLATION = "i;unicode-casemap"


def collation_key(identifier: str | None) -> Callable[[str], bytes]:
    """The key function for a Comparator's collation; None is the default. Raises KeyError for an unknown one."""
    return COLLATIONS[DEFAULT_COLLATION if identifier is None else identifier]
