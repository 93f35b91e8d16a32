"""Where a push subscription sends to, and the keys of the device, as they are stored (RFC 8620 §7.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from push.secrets import seal, unseal
from push.webpush.encryption import decode_point, decode_secret, encode


@dataclass(frozen=True, slots=True)
class Target:
    """An address at a push service; keys are None where messages go out readable."""

    url: str
    p256dh: bytes | None = None
    auth: bytes | None = None

    def as_sent(self) -> dict[str, Any]:
        """As a client sent it; for nobody's eyes."""
        if self.p256dh is None or self.auth is None:
            return {"url": self.url, "keys": None}
        return {"url": self.url, "keys": {"p256dh": encode(self.p256dh), "auth": encode(self.auth)}}

    def sealed(self) -> bytes:
        """The stored form."""
        return seal(json.dumps(self.as_sent()).encode())

    @classmethod
    def unsealed(cls, sealed: bytes | memoryview) -> Target:
        """What was stored. Raises secrets.Unreadable."""
        value = json.loads(unseal(sealed))
        keys = value["keys"]
        if keys is None:
            return cls(value["url"])
        return cls(value["url"], decode_point(keys["p256dh"]), decode_secret(keys["auth"]))
