"""The capability that names the key of Web Push (RFC 9749)."""

from __future__ import annotations

from jmap.protocol.ports import Json
from jmap.registry import registry
from push.webpush import vapid

VAPID = "urn:ietf:params:jmap:webpush-vapid"


def session_value() -> dict[str, Json]:
    """The key that a browser subscribes with."""
    return {"applicationServerKey": vapid.current_key().public}


registry.capability(VAPID, session_value=session_value, account_value=lambda _account: None)
