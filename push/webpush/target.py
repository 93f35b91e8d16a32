"""Where a push subscription sends to, and the keys of the device, as they are stored (RFC 8620 §7.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from push.secrets import seal, unseal
from push.webpush.encryption import decode_point, decode_secret, encode


@dataclass(frozen=True, slots=True)
class Target:
    """An address at a push service; keys are None where messages go out readable."""

    url: str
    p256dh: bytes | None = None
    auth: bytes | None = None

    def sealed(self) -> bytes:
        """The stored form."""
        value = {"url": self.url}
        if self.p256dh is not None and self.auth is not None:
            value |= {"p256dh": encode(self.p256dh), "auth": encode(self.auth)}
        return seal(json.dumps(value).encode())

    @classmethod
    def unsealed(cls, sealed: bytes | memoryview) -> Target:
        """What was stored. Raises secrets.Unreadable."""
        value = json.loads(unseal(sealed))
        if "p256dh" not in value:
            return cls(value["url"])
        return cls(value["url"], decode_point(value["p256dh"]), decode_secret(value["auth"]))
