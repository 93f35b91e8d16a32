"""Secrets at rest: what a row keeps sealed (SASL passwords, DKIM keys), and what proves that a token is ours.

Rules kept here:
- a secret is stored sealed only (Fernet: AES and HMAC), and is opened where it is used, never shown;
- keys are derived from texts that the site keeps outside of the database: ``SECRET_KEYS`` of ``JMAP["SUBMISSION"]``,
  then Django's SECRET_KEY and its fallbacks. The first seals, each of them opens, so a key is rotated by putting a new
  one in front, running ``manage.py reseal_secrets`` and leaving out the old one;
- a token is made with the first key and is known by any of them, so that one that was given out survives a rotation.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from collections.abc import Iterator

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.signals import setting_changed
from django.utils.translation import gettext as _

from submission.conf import submission_options


class SealBroken(Exception):
    """A secret was sealed with a key that this site does not have."""

    def __init__(self) -> None:
        super().__init__(_("a stored secret cannot be opened: the key that it was sealed with is not configured"))


def seal(secret: str) -> str:
    """The secret as it may be stored."""
    return _seals().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """The secret. Raises SealBroken."""
    try:
        return _seals().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken from None


def reseal(sealed: str) -> str:
    """The same secret, sealed with the newest key. Raises SealBroken."""
    try:
        return _seals().rotate(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken from None


def sign(purpose: str, text: str, octets: int) -> str:
    """A MAC of the text in lowercase base32, which survives where case does not; eight octets are 13 characters."""
    return next(_macs(purpose, text, octets))


def is_signed(purpose: str, text: str, mac: str, octets: int) -> bool:
    """Whether a MAC of that many octets is one that any of our keys made."""
    given = mac.lower().encode("utf-8", "replace")
    return any(hmac.compare_digest(given, one.encode()) for one in _macs(purpose, text, octets))


def _macs(purpose: str, text: str, octets: int) -> Iterator[str]:
    for key in _texts():
        mac = hmac.new(_derived(key, purpose), text.encode(), hashlib.sha256).digest()[:octets]
        yield base64.b32encode(mac).decode().rstrip("=").lower()


def _texts() -> list[str]:
    return [*submission_options().secret_keys, settings.SECRET_KEY, *map(str, settings.SECRET_KEY_FALLBACKS)]


@functools.lru_cache(maxsize=256)
def _derived(text: str, purpose: str) -> bytes:
    """A key for one purpose: what is known of one helps nobody with another."""
    return hmac.new(text.encode(), f"jmap submission {purpose}".encode(), hashlib.sha256).digest()


@functools.lru_cache(maxsize=1)
def _seals() -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derived(text, "seal"))) for text in _texts()])


def _forget(*, setting: str, **kwargs: object) -> None:
    if setting in {"JMAP", "SECRET_KEY", "SECRET_KEY_FALLBACKS"}:
        _seals.cache_clear()


setting_changed.connect(_forget, dispatch_uid="jmap_submission.secrets")
