"""The Session object: what one principal may do here, and where (RFC 8620 §2).

Rules kept here:
- ``state`` is a digest of everything else, so it changes exactly when the content does;
- an account lists only capabilities that this principal may use in it;
- there is no eventSourceUrl where nothing serves push, and no capability whose value comes out as None.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from jmap.protocol.collation import COLLATIONS
from jmap.protocol.method import CORE
from jmap.protocol.ports import AccountInfo, Json, Limits, Principal
from jmap.protocol.registry import Registry


@dataclass(frozen=True, slots=True)
class Urls:
    """The four addresses of a server, absolute, templates as RFC 6570 level 1 (RFC 8620 §2)."""

    api: str
    upload: str
    download: str
    event_source: str | None = None
    capabilities: Mapping[str, Json] = field(default_factory=dict)
    """Values of capabilities that name addresses (RFC 8887 §3)."""


def core_capability(limits: Limits) -> dict[str, Json]:
    """The value of urn:ietf:params:jmap:core (RFC 8620 §2)."""
    return {
        "maxSizeUpload": limits.max_size_upload,
        "maxConcurrentUpload": limits.max_concurrent_upload,
        "maxSizeRequest": limits.max_size_request,
        "maxConcurrentRequests": limits.max_concurrent_requests,
        "maxCallsInRequest": limits.max_calls_in_request,
        "maxObjectsInGet": limits.max_objects_in_get,
        "maxObjectsInSet": limits.max_objects_in_set,
        "collationAlgorithms": list(COLLATIONS),
    }


def session(principal: Principal, registry: Registry, limits: Limits, urls: Urls) -> dict[str, Json]:
    """The Session object of a principal (RFC 8620 §2)."""
    declared = {uri: capability.for_session() for uri, capability in registry.capabilities.items()}
    capabilities = {uri: value for uri, value in declared.items() if value is not None} | dict(urls.capabilities)
    capabilities[CORE] = {**core_capability(limits), **capabilities[CORE]}
    content: dict[str, Json] = {
        "capabilities": capabilities,
        "accounts": {account.id: _account(account, registry) for account in principal.accounts.values()},
        "primaryAccounts": primary_accounts(principal, registry),
        "username": principal.username,
        "apiUrl": urls.api,
        "downloadUrl": urls.download,
        "uploadUrl": urls.upload,
    }
    if urls.event_source is not None:
        content["eventSourceUrl"] = urls.event_source
    content["state"] = _digest(content)
    return content


def primary_accounts(principal: Principal, registry: Registry) -> dict[str, str]:
    """For each capability the principal's own account that has it (RFC 8620 §2); never for the core."""
    primary: dict[str, str] = {}
    for account in principal.accounts.values():
        if account.is_personal:
            for uri in account.capabilities:
                if uri != CORE and uri in registry.capabilities:
                    primary.setdefault(uri, account.id)
    return primary


def _account(account: AccountInfo, registry: Registry) -> dict[str, Json]:
    return {
        "name": account.name,
        "isPersonal": account.is_personal,
        "isReadOnly": account.is_read_only,
        "accountCapabilities": {
            uri: capability.for_account(account)
            for uri, capability in registry.capabilities.items()
            if uri in account.capabilities
        },
    }


def _digest(content: Json) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(canonical).hexdigest()[:16]
