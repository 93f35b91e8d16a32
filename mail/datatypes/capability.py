"""The capability of mail and what it says of an account (RFC 8621 §1.3.1).

Every number here is enforced by the services or by the methods of this package; null means that there is no limit.
"""

from __future__ import annotations

from jmap.protocol.ports import AccountInfo, Json
from jmap.registry import registry
from mail.datatypes.email_query import SORTS
from mail.services.emails import MAX_MAILBOXES
from mail.services.mailboxes import MAX_DEPTH, MAX_NAME_OCTETS

MAIL = "urn:ietf:params:jmap:mail"

MAX_ATTACHMENTS_OCTETS = 50_000_000
"""Attachments of one email, decoded, all together."""

MAX_MESSAGE_OCTETS = 75_000_000
"""A whole message that is composed or imported; the attachments fit into it in base64."""


def account_value(account: AccountInfo) -> dict[str, Json]:
    """The value of the capability in accountCapabilities (RFC 8621 §1.3.1)."""
    return {
        "maxMailboxesPerEmail": MAX_MAILBOXES,
        "maxMailboxDepth": MAX_DEPTH,
        "maxSizeMailboxName": MAX_NAME_OCTETS,
        "maxSizeAttachmentsPerEmail": MAX_ATTACHMENTS_OCTETS,
        "emailQuerySortOptions": list(SORTS),
        "mayCreateTopLevelMailbox": not account.is_read_only,
    }


registry.capability(MAIL, account_value=account_value)
