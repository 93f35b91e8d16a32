"""Who asks, over HTTP or WebSocket: credentials, work done on somebody's behalf, and the gates before it.

Rules kept here:
- a cookie is believed from this site's own pages alone;
- work runs on the edge's bounded pool, and credentials that have changed meanwhile are looked at anew, once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jmap.auth.session_cookie import verified_by_cookie
from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused, Verified, verifier
from jmap.edge import endpoint
from jmap.edge.http import Head, is_same_origin
from jmap.edge.language import choose
from jmap.edge.problems import Problem
from jmap.limits import Lease, limit_store

if TYPE_CHECKING:
    from jmap.edge.asgi import Edge

PATIENCE = 1.5
"""Seconds that a log-in is held rather than refused: a user's own address never waits longer."""


class Caller:
    """Somebody at the other end of a connection, known by the head of their request."""

    __slots__ = ("edge", "head", "language")

    def __init__(self, edge: Edge, head: Head) -> None:
        self.edge = edge
        self.head = head
        self.language = choose(head.text(b"accept-language"))

    @property
    def site(self) -> str:
        """Scheme, host and prefix, which every address of the Session object starts with."""
        return self.head.site

    async def verified(self) -> Verified:
        """Who asks. Raises Refused, TooManyFailures, Problem."""
        header = self.head.headers.get(b"authorization")
        if header is not None:
            return verifier.remembered(header, self.head.address) or await self._login(header)
        if b"cookie" not in self.head.headers:
            raise Refused
        if not is_same_origin(self.head):
            raise Problem(403, "A request that is signed in by a cookie must come from this site's own pages.")
        found: Verified | None = await self.edge.logins.run(
            self.head.address, verified_by_cookie, self.head.text(b"cookie")
        )
        if found is None:
            raise Refused
        return found

    async def _login(self, header: bytes) -> Verified:
        try:
            return await self.edge.login(header, self.head.address)
        except TooManyFailures as error:
            if error.retry_after > PATIENCE:
                raise
            await asyncio.sleep(error.retry_after)
            return await self.edge.login(header, self.head.address)

    async def work(
        self,
        verified: Verified,
        function: Callable[..., Any],
        *arguments: Any,
        finished: Callable[[], None] | None = None,
    ) -> Any:
        """Run ``function(principal, …)`` in a thread; credentials that have changed are looked at anew, once.

        ``finished`` is called when the work has ended, before its result is looked at.
        """
        run = self.edge.pool.run
        try:
            return await run(
                verified.user_key,
                endpoint.as_principal,
                verified,
                self.language,
                function,
                *arguments,
                finished=finished,
            )
        except Refused:
            header = self.head.headers.get(b"authorization")
            if header is None:
                raise
            verifier.forget(header)
            again = await self._login(header)
            return await run(again.user_key, endpoint.as_principal, again, self.language, function, *arguments)

    async def enter(self, gate: Callable[..., Any], user_key: Any, limit: int) -> Any:
        """Pass a gate; a limit store that may wait for the network is asked in a thread."""
        if not limit_store().blocking:
            return gate(user_key, limit)
        return await self.edge.pool.run(user_key, gate, user_key, limit)

    def leave(self, lease: Lease) -> None:
        """Give a slot back."""
        if limit_store().blocking:
            asyncio.get_running_loop().run_in_executor(None, lease.release)
        else:
            lease.release()
