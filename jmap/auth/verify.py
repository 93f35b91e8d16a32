"""From an Authorization header or a session cookie to a principal.

Rules kept here:
- a password is hashed once, not each request: a verified header is remembered in the process under a keyed digest (the
  key is random and never leaves the process), for a limited time and a limited number;
- remembering is not believing: every request asks the database, in one query, whether the user is active, the password
  hash still the same, the credential neither revoked nor expired, and which accounts there are;
- an unknown user costs the time of a wrong password;
- neither passwords nor tokens are logged or kept.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from jmap.auth import headers
from jmap.auth.principal import UserPrincipal, principal_from
from jmap.auth.sql import access_rows
from jmap.auth.throttle import TooManyFailures, attempt
from jmap.models import Credential
from jmap.models.credential import digest

__all__ = ["Refused", "TooManyFailures", "Verified", "Verifier", "verifier"]

log = logging.getLogger("jmap.auth")

LIFETIME = 900.0
MAX_ENTRIES = 20_000
PRINCIPAL_LIFETIME = 30.0
LAST_USED_EVERY = timedelta(hours=1)


class Refused(Exception):
    """The credentials are missing, wrong or no longer good: 401."""


@dataclass(slots=True, eq=False)
class Verified:
    """Credentials that were right once. ``password`` is the stored hash that they matched, None for a Credential."""

    user_key: Any
    credential_key: int | None
    password: str | None
    until: float
    addresses: set[str] = field(default_factory=set)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    principal: UserPrincipal | None = None
    principal_until: float = 0.0

    @property
    def login(self) -> str:
        """Names these credentials, for what ends with them: the Credential, or the password as it is now."""
        if self.credential_key is not None:
            return f"credential {self.credential_key}"
        return f"password {_password_mark(self.password or '')}"

    def current_principal(self) -> UserPrincipal:
        """Ask the database whether all this still holds. Raises Refused."""
        rows = access_rows(self.user_key, self.credential_key)
        now = time.monotonic()
        if self.principal is not None and rows == self.rows and now < self.principal_until:
            return self.principal
        if not rows or not rows[0][2]:
            raise Refused
        if self.credential_key is not None:
            if not rows[0][3]:
                raise Refused
        elif rows[0][1] != self.password:
            raise Refused
        principal = principal_from(self.user_key, rows, self.login)
        self.rows, self.principal, self.principal_until = rows, principal, now + PRINCIPAL_LIFETIME
        return principal


class Verifier:
    """Verifies credentials and remembers those that were right."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, Verified] = OrderedDict()

    def remembered(self, header: bytes, address: str) -> Verified | None:
        """What is known of a header without waiting for anything."""
        entry = self._entries.get(self._mark(header))
        if entry is None or entry.until < time.monotonic() or address not in entry.addresses:
            return None
        return entry

    def verify(self, header: bytes, address: str) -> Verified:
        """Look the credentials up, with all that costs. Raises Refused, TooManyFailures."""
        parsed = headers.parse(header)
        if parsed is None:
            raise Refused
        if isinstance(parsed, headers.Bearer):
            found = _by_secret(parsed.token, Credential.Kind.TOKEN, None)
        else:
            found = _by_secret(parsed.password, Credential.Kind.APP_PASSWORD, parsed.name)
        mark = self._mark(header)
        known = self._entries.get(mark)
        if found is None and isinstance(parsed, headers.Basic):
            found = _by_password(parsed, address, known)
        if found is None:
            log.info("log-in refused from %s", address)
            raise Refused
        with self._lock:
            if known is not None and self._entries.get(mark) is known:
                found.addresses |= known.addresses
            found.addresses.add(address)
            self._entries[mark] = found
            self._entries.move_to_end(mark)
            while len(self._entries) > MAX_ENTRIES:
                self._entries.popitem(last=False)
        return found

    def forget(self, header: bytes) -> None:
        """Drop a header that no longer holds."""
        with self._lock:
            self._entries.pop(self._mark(header), None)

    def _mark(self, header: bytes) -> bytes:
        return hashlib.blake2b(header, key=self._key, digest_size=16).digest()


verifier = Verifier()


def by_login(user_key: Any, login: str) -> Verified | None:
    """The credentials that ``Verified.login`` named, None where the user or that password is gone.

    Whether they still hold ``current_principal`` says.
    """
    kind, _, rest = login.partition(" ")
    until = time.monotonic() + LIFETIME
    if kind == "credential":
        return Verified(user_key, int(rest), None, until)
    rows = access_rows(user_key, None)
    if not rows or not hmac.compare_digest(_password_mark(rows[0][1]), rest):
        return None
    return Verified(user_key, None, rows[0][1], until)


def _password_mark(stored: str) -> str:
    return salted_hmac("jmap.auth.login", stored, algorithm="sha256").hexdigest()[:32]


def _by_secret(secret: str, kind: str, name: str | None) -> Verified | None:
    """The Credential with that secret; an app password must come with its user's name."""
    now = timezone.now()
    credential = (
        Credential.objects.select_related("user")
        .filter(secret_digest=digest(secret), kind=kind, revoked_at=None)
        .first()
    )
    if credential is None or (credential.expires_at is not None and credential.expires_at <= now):
        return None
    if name is not None and credential.user.get_username() != name:
        return None
    if not credential.user.is_active:
        return None
    if credential.last_used_at is None or now - credential.last_used_at > LAST_USED_EVERY:
        Credential.objects.filter(pk=credential.pk).update(last_used_at=now)
    return Verified(credential.user_id, credential.pk, None, time.monotonic() + LIFETIME)


def _by_password(basic: headers.Basic, address: str, known: Verified | None) -> Verified | None:
    """The user with that password. Raises TooManyFailures.

    ``known`` is what the process remembers of the same header from other addresses: a device on the move is not hashed
    again, and what strangers do to the name does not stop it.
    """
    is_known = known is not None and known.credential_key is None and known.until > time.monotonic()
    under_way = attempt(basic.name, address, of_name=not is_known)
    if known is not None and is_known:
        under_way.succeeded()
        return Verified(known.user_key, None, known.password, known.until)
    request = HttpRequest()
    request.META["REMOTE_ADDR"] = address
    user = authenticate(request, username=basic.name, password=basic.password)
    if user is None:
        return None
    under_way.succeeded()
    return Verified(user.pk, None, user.password, time.monotonic() + LIFETIME)
