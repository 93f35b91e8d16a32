"""Who a stream is served to: the credentials that it was opened with, which have to hold for as long as it is open.

Rules kept here:
- a header, a cookie of this site's own pages, or a ticket, in that order; a ticket is never taken for more than push;
- whether credentials still hold is asked of the database alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

from django.conf import settings

from jmap.auth.session_cookie import verified_by_cookie
from jmap.auth.verify import Refused, Verified
from jmap.edge import endpoint
from jmap.edge.caller import Caller
from push import tickets


@dataclass(slots=True)
class Visitor:
    """``accounts`` are the keys of those that the visitor may read."""

    verified: Verified
    cookie: str | None = None
    ticket: tickets.Held | None = None
    accounts: frozenset[int] = field(default_factory=frozenset)

    def check(self) -> frozenset[int]:
        """Ask the database whether all this still holds; the accounts as they are now. Raises Refused."""
        if self.cookie is not None:
            found = verified_by_cookie(self.cookie)
            if found is None or found.user_key != self.verified.user_key:
                raise Refused
        if self.ticket is not None:
            self.ticket.renew()
        return account_keys(self.verified.current_principal())


def account_keys(principal: Any) -> frozenset[int]:
    """The keys of a principal's accounts."""
    return frozenset(account.key for account in principal.accounts.values())


async def welcome(caller: Caller, ticket: str | None, kind: tickets.Kind) -> Visitor:
    """Know who opens a stream. Raises Refused, TooManyFailures, Problem."""
    has_header = b"authorization" in caller.head.headers
    if ticket is not None and not has_header:
        verified, held = await caller.edge.logins.run(
            caller.head.address, endpoint.looked_up, tickets.redeem, ticket, kind
        )
        visitor = Visitor(verified, ticket=held)
    else:
        visitor = Visitor(await caller.verified(), None if has_header else caller.head.text(b"cookie"))
        # The session's own cookie alone is kept: all others are none of our business.
        if visitor.cookie is not None:
            visitor.cookie = _session_cookie(visitor.cookie)
    visitor.accounts = await caller.work(visitor.verified, account_keys)
    return visitor


def _session_cookie(field_value: str) -> str:
    morsel = SimpleCookie(field_value).get(settings.SESSION_COOKIE_NAME)
    return "" if morsel is None else f"{settings.SESSION_COOKIE_NAME}={morsel.value}"
