"""The Authorization header (RFC 7617, RFC 6750) and the challenges of a 401 (RFC 9110 §11.6.1)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from jmap.protocol.normalization import normalize

REALM = "JMAP"

CHALLENGES = f'Basic realm="{REALM}", charset="UTF-8", Bearer realm="{REALM}"'
"""Both challenges in one field, Basic first: Django's responses hold a field once."""

MAX_LENGTH = 8_192


@dataclass(frozen=True, slots=True)
class Basic:
    """A user name and a password or app password."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Bearer:
    """An access token."""

    token: str


def parse(header: bytes) -> Basic | Bearer | None:
    """What the header says, or None where it is of another scheme or malformed."""
    scheme, _, rest = header.partition(b" ")
    rest = rest.strip()
    if not rest or len(header) > MAX_LENGTH:
        return None
    if scheme.lower() == b"bearer":
        return Bearer(rest.decode("ascii")) if rest.isascii() and b"\0" not in rest else None
    if scheme.lower() != b"basic":
        return None
    try:
        text = base64.b64decode(rest + b"=" * (-len(rest) % 4), validate=True)
    except binascii.Error:
        return None
    try:
        pair = text.decode()
    except UnicodeDecodeError:
        pair = text.decode("latin-1")
    name, colon, password = pair.partition(":")
    if not colon or "\0" in pair:
        return None
    return Basic(normalize("NFC", name), password)
