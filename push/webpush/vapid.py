"""VAPID: push services know this server by its key (RFC 8292), which the session tells clients (RFC 9749).

Rules kept here:
- the private key stands in the database, encrypted, so all hosts of a site sign alike;
- a new key is for new subscriptions; those that were made with an older one go on with it, since a push service knows
  them by it;
- a header is good for half a day, and only for the push service that it names.
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import IntegrityError, transaction
from py_vapid import Vapid02

from push.conf import push_options
from push.models import VapidKey
from push.secrets import seal, unseal
from push.webpush.encryption import CURVE, encode

GOOD_FOR = 12 * 3_600

_NAME = re.compile(r"(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*", re.IGNORECASE)


def current_key() -> VapidKey:
    """The key that new subscriptions are made with; the first one is made when it is first asked for."""
    return VapidKey.objects.filter(is_current=True).first() or _make_first()


def rotate() -> VapidKey:
    """Make a new key the current one; clients see it in the session and subscribe anew when they like."""
    with transaction.atomic():
        VapidKey.objects.filter(is_current=True).update(is_current=False)
        return _make()


def retire_unused() -> int:
    """A chore: remove older keys that no subscription is left of."""
    from push.models import PushSubscription

    used = PushSubscription.objects.values("vapid_key")
    return VapidKey.objects.filter(is_current=False).exclude(pk__in=used).delete()[0]


def authorization(key: VapidKey, url: str) -> str:
    """The Authorization header of a push to a URL (RFC 8292 §3). Raises secrets.Unreadable."""
    private = load_pem_private_key(unseal(key.private), None)
    parts = urlsplit(url)
    claims = {"aud": f"https://{parts.netloc}", "exp": int(time.time()) + GOOD_FOR, "sub": contact()}
    header: str = Vapid02(private).sign(claims)["Authorization"]
    return header


def contact() -> str:
    """How a push service reaches the operator."""
    hosts = (host.lstrip("*.") for host in settings.ALLOWED_HOSTS)
    named = next((host for host in hosts if _NAME.fullmatch(host)), "localhost")
    return push_options().contact or f"mailto:postmaster@{named}"


def _make_first() -> VapidKey:
    try:
        with transaction.atomic():
            return _make()
    except IntegrityError:
        return VapidKey.objects.get(is_current=True)


def _make() -> VapidKey:
    private = ec.generate_private_key(CURVE)
    public = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return VapidKey.objects.create(public=encode(public), private=seal(pem))
