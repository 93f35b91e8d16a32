"""The protocol's resources over ASGI, and the paths that they answer (RFC 8620 §2, §3, §6).

Rules kept here:
- credentials come before the body: nothing is read for a stranger;
- octets move with back-pressure both ways: an upload goes to disk as it comes, a download is read only as fast as the
  client takes it;
- a slot is given back before the answer is complete, so that a client which keeps to the limits is never refused.
"""

from __future__ import annotations

from jmap.auth.verify import Verified
from jmap.blobs.spool import Spool
from jmap.blobs.transfer import refusal
from jmap.edge import endpoint, extensions, gate, transfers
from jmap.edge.exchange import STEP, Exchange, Handler
from jmap.edge.http import NO_STORE, Reply, common_headers
from jmap.edge.options import limits
from jmap.edge.problems import Problem, too_large_upload

PREFIX = "/jmap"


async def session(exchange: Exchange) -> None:
    """The Session resource (RFC 8620 §2)."""
    exchange.allow("GET", "HEAD")
    text = await exchange.work(await exchange.verified(), endpoint.session_of, exchange.site)
    await exchange.reply(exchange.packed(endpoint.session_reply(text, exchange.head)))


async def api(exchange: Exchange) -> None:
    """The API resource (RFC 8620 §3)."""
    exchange.allow("POST")
    verified = await exchange.verified()
    endpoint.require_json(exchange.head)
    bound = limits()
    lease, rate = await exchange.enter(gate.enter_api, verified.user_key, bound.max_concurrent_requests)
    try:
        body = await exchange.body(bound.max_size_request)
    except BaseException:
        exchange.leave(lease)
        raise
    octets = await exchange.work(verified, endpoint.api, body, exchange.site, finished=lambda: exchange.leave(lease))
    await exchange.reply(exchange.packed(endpoint.api_reply(octets, exchange.language, rate)))


async def upload(exchange: Exchange) -> None:
    """The upload resource (RFC 8620 §6.1)."""
    exchange.allow("POST")
    account_id = exchange.head.path.removeprefix(f"{PREFIX}/upload/").rstrip("/")
    verified = await exchange.verified()
    bound = limits()
    lease = await exchange.enter(gate.enter_upload, verified.user_key, bound.max_concurrent_upload)
    try:
        octets = await _take(exchange, verified, account_id, bound.max_size_upload)
    finally:
        exchange.leave(lease)
    await exchange.reply(Reply(200, [(b"content-type", b"application/json"), NO_STORE], octets))


async def _take(exchange: Exchange, verified: Verified, account_id: str, limit: int) -> bytes:
    """Keep the octets of an upload; what to answer."""
    if exchange.declared_length > limit:
        await exchange.work(verified, transfers.may_upload, account_id)
        raise too_large_upload()
    content_type = exchange.head.optional(b"content-type")
    octets: bytes
    data, more = await exchange.gather(STEP)
    if not more:
        octets = await exchange.work(verified, transfers.whole_upload, account_id, content_type, data, limit)
        return octets
    await exchange.work(verified, transfers.may_upload, account_id)
    with Spool(limit) as spool:
        while data:
            try:
                await exchange.edge.pool.run(verified.user_key, spool.write, data)
            except Exception as error:
                raise refusal(error) from error
            data, more = await exchange.gather(STEP) if more else (b"", False)
        octets = await exchange.work(verified, transfers.finish_upload, account_id, content_type, spool)
    return octets


async def download(exchange: Exchange) -> None:
    """The download resource (RFC 8620 §6.2)."""
    exchange.allow("GET", "HEAD")
    account_id, _, rest = exchange.head.path.removeprefix(f"{PREFIX}/download/").partition("/")
    blob_id, slash, name = rest.partition("/")
    if not slash:
        raise Problem(404, "A download needs an account, a blob and a name.")
    verified = await exchange.verified()
    lease = await exchange.enter(gate.enter_download, verified.user_key, gate.MAX_DOWNLOADS)
    try:
        await _give(exchange, verified, transfers.BlobPath(account_id, blob_id, name))
    finally:
        exchange.leave(lease)


async def _give(exchange: Exchange, verified: Verified, path: transfers.BlobPath) -> None:
    """Send the octets of a blob; the next are read when these are taken."""
    found, octets, data = await exchange.work(verified, transfers.open_download, path, exchange.head)
    try:
        await exchange.start(found.status, transfers.headers_of(found, common_headers(exchange.head)))
        left = found.length - len(data)
        while data and left > 0:
            await exchange.put(data)
            data = await exchange.edge.pool.run(verified.user_key, transfers.read_some, octets)
            left -= len(data)
        await exchange.put(data, more=False)
    finally:
        found.close()


EXACT: dict[str, Handler] = {
    "/.well-known/jmap": session,
    f"{PREFIX}/session": session,
    f"{PREFIX}/session/": session,
    f"{PREFIX}/api": api,
    f"{PREFIX}/api/": api,
}
"""Resources by their whole path; an app that serves more of the protocol adds an extension."""

UNDER: dict[str, Handler] = {f"{PREFIX}/upload/": upload, f"{PREFIX}/download/": download}
"""Resources by what their path begins with."""


def find(path: str) -> Handler | None:
    """What answers a path, or None where Django does."""
    handler = EXACT.get(path)
    if handler is None:
        for beginning, candidate in UNDER.items():
            if path.startswith(beginning):
                return candidate
        handler = extensions.resource(path)
    return handler
