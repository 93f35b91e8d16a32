"""The principal of a request: a Django user as the protocol core sees one (RFC 8620 §2).

Rules kept here: accounts are listed own first, then shared; a capability is listed for an account only where the user
may use its methods there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jmap.ids import encode
from jmap.protocol.ports import AccountInfo
from jmap.registry import registry


@dataclass(frozen=True, slots=True)
class UserPrincipal:
    """See ports.Principal; ``key`` is the user's primary key."""

    username: str
    key: Any
    accounts: Mapping[str, AccountInfo]
    login: str


def principal_from(user_key: Any, rows: list[tuple[Any, ...]], login: str) -> UserPrincipal:
    """The principal that rows of ``jmap.auth.sql.access_rows`` describe."""
    accounts: dict[str, AccountInfo] = {}
    for _name, _password, _active, _credential, key, name, own, is_read_only in rows:
        if key is None:
            continue
        wire_id = encode("u", key)
        if wire_id not in accounts:
            bare = AccountInfo(wire_id, key, name, bool(own), bool(is_read_only), {})
            accounts[wire_id] = replace(bare, capabilities=usable_capabilities(bare))
    return UserPrincipal(rows[0][0], user_key, accounts, login)


def usable_capabilities(account: AccountInfo) -> dict[str, dict[str, Any]]:
    """The capabilities that the user may use in an account: all whose ``account_value`` does not come out as None."""
    usable: dict[str, dict[str, Any]] = {}
    for uri, capability in registry.capabilities.items():
        value: Any = capability.account_value(account) if callable(capability.account_value) else {}
        if value is not None:
            usable[uri] = {}
    return usable
