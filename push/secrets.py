"""Encryption of what the database should not give away by itself: addresses at push services, and private keys.

Rules kept here: the key comes from Django's SECRET_KEY; what an older one of SECRET_KEY_FALLBACKS sealed can be opened.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.encoding import force_bytes


class Unreadable(Exception):
    """It was sealed under a secret key that this site no longer has."""


def _fernet() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet(
        [Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"jmap.push\0" + force_bytes(key)).digest())) for key in keys]
    )


def seal(octets: bytes) -> bytes:
    """The octets, encrypted and signed."""
    return _fernet().encrypt(octets)


def unseal(sealed: bytes | memoryview) -> bytes:
    """What ``seal`` was given. Raises Unreadable."""
    try:
        return _fernet().decrypt(bytes(sealed))
    except InvalidToken:
        raise Unreadable from None
