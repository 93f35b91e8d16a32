"""The ASGI edge: answers the protocol's resources itself and passes everything else to Django.

Rules kept here:
- a request that is answered costs the event loop parsing and bookkeeping, and one hand-over to a thread;
- octets move with back-pressure both ways: an upload goes to disk slice by slice as it comes, a download is read only as
  fast as the client takes it;
- credentials come before the body: nothing is read for a stranger;
- whatever a client sends, the answer is no 5xx; what the client hung up on is given up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import Refused, Verified, verifier
from jmap.blobs.spool import Spool
from jmap.blobs.transfer import refusal
from jmap.edge import encode, endpoint, gate, transfers
from jmap.edge.http import (
    NO_STORE,
    Head,
    Headers,
    Reply,
    common_headers,
    host_is_allowed,
    is_same_origin,
    preflight,
    proxies,
    request_id,
)
from jmap.edge.language import choose
from jmap.edge.options import edge_options, limits
from jmap.edge.problems import Problem, describe
from jmap.edge.session_cookie import verified_by_cookie
from jmap.edge.threads import WorkerPool
from jmap.limits import Lease, limit_store
from jmap.protocol.errors import RequestError
from jmap.protocol.request import limit_error

log = logging.getLogger("jmap.edge")

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIX = "/jmap"
UPLOAD_STEP = 256 * 1024
"""Octets of an upload that are gathered before they are written to disk in one go."""
RESPONSE_STEP = 64 * 1024
LOGIN_THREADS = 2
PATIENCE = 1.5
"""Seconds that a log-in from a known address is held rather than refused."""


class ClientGone(Exception):
    """The client hung up before it was answered."""


class Edge:
    """An ASGI application in front of Django's."""

    def __init__(self, django: Application) -> None:
        self.django = django
        self.pool: WorkerPool | None = None
        self.logins: WorkerPool | None = None
        self._under_way: dict[tuple[bytes, str], asyncio.Future[Verified]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            await self.django(scope, receive, send)
            return
        head = head_of(scope)
        handler = self.route(head)
        if handler is None:
            await self.django(_as_the_client_sees_it(scope, head), receive, send)
            return
        self._start()
        await Exchange(self, head, receive, send).run(handler)

    def route(self, head: Head) -> Callable[[Exchange], Awaitable[None]] | None:
        """What answers a path, or None where Django does."""
        path = head.path
        if path == "/jmap/api" or path == "/jmap/api/":
            return Exchange.api
        if path in {"/.well-known/jmap", "/jmap/session", "/jmap/session/"}:
            return Exchange.session
        if path.startswith("/jmap/upload/"):
            return Exchange.upload
        if path.startswith("/jmap/download/"):
            return Exchange.download
        return None

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self.pool is None or self.pool.loop is not loop:
            self.pool = WorkerPool(edge_options().threads, "jmap-work")
            self.logins = WorkerPool(LOGIN_THREADS, "jmap-login")
            self._under_way = {}

    async def login(self, header: bytes, address: str) -> Verified:
        """Verify credentials that are not remembered; the same ones from one address only once at a time.

        Raises Refused, TooManyFailures, Problem.
        """
        key = (header, address)
        running = self._under_way.get(key)
        if running is None:
            if len(self._under_way) >= gate.MAX_LOGINS_WAITING:
                raise Problem(503, "Too many log-ins are waiting.", [(b"retry-after", b"5")])
            assert self.logins is not None
            running = self.logins.run(address, endpoint.verify, header, address)
            self._under_way[key] = running
            running.add_done_callback(
                lambda done: (self._under_way.pop(key, None), done.cancelled() or done.exception())
            )
        return await asyncio.shield(running)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self._start()
                await send({"type": "lifespan.startup.complete"})
            else:
                for pool in (self.pool, self.logins):
                    if pool is not None:
                        pool.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


class Exchange:
    """One request and its answer."""

    __slots__ = ("_receive", "_send", "edge", "head", "language", "started")

    def __init__(self, edge: Edge, head: Head, receive: Receive, send: Send) -> None:
        self.edge = edge
        self.head = head
        self._receive = receive
        self._send = send
        self.started = False
        self.language = choose(head.text(b"accept-language"))

    async def run(self, handler: Callable[[Exchange], Awaitable[None]]) -> None:
        """Answer, with an error document where the handler raises."""
        try:
            if not host_is_allowed(self.head.host):
                raise Problem(400, "This server does not answer to that host name.")
            if self.head.method == "OPTIONS":
                await self.reply(preflight(self.head))
                return
            await handler(self)
        except ClientGone:
            log.debug("%s: the client hung up", self.head.request_id)
        except (RequestError, Refused, TooManyFailures, Problem) as error:
            await self._fail(describe(error, self.head))
        except Exception as error:
            endpoint.report(error, f"{self.head.request_id}: {handler.__name__}")
            await self._fail(describe(Problem(500, "An unexpected error occurred."), self.head))

    async def _fail(self, reply: Reply) -> None:
        log.info("%s: %d for %s", self.head.request_id, reply.status, self.head.address)
        if self.started:
            # The head of another answer is out: only a broken connection can tell the client.
            raise ConnectionAbortedError(self.head.request_id)
        await self.reply(reply)

    # -------------------------------------------------------------------------------------------------------- resources

    async def session(self) -> None:
        """The Session resource (RFC 8620 §2)."""
        self._allow("GET", "HEAD")
        text: endpoint.SessionText = await self._work(endpoint.sessions.text, self.site)
        headers = [(b"content-type", b"application/json"), NO_STORE, (b"etag", text.etag)]
        if text.etag in [tag.strip() for tag in self.head.headers.get(b"if-none-match", b"").split(b",")]:
            await self.reply(Reply(304, headers))
            return
        await self.reply(self._packed(Reply(200, headers, text.body)))

    async def api(self) -> None:
        """The API resource (RFC 8620 §3)."""
        self._allow("POST")
        verified = await self._verified()
        if self.head.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != b"application/json":
            raise RequestError("notJSON", "The content type of the request is not application/json.", 415)
        bound = limits()
        lease, rate = await self._enter(gate.enter_api, verified.user_key, bound.max_concurrent_requests)
        try:
            body = await self._body(bound.max_size_request)
        except BaseException:
            self._release(lease)
            raise
        try:
            octets = await self._work_as(verified, endpoint.api, body, self.site, finished=lambda: self._release(lease))
        except (RequestError, Problem) as error:
            if isinstance(error, Problem):
                error.headers += rate
            raise
        headers = [
            (b"content-type", b"application/json"),
            (b"content-language", self.language.encode()),
            NO_STORE,
            *rate,
        ]
        await self.reply(self._packed(Reply(200, headers, octets)))

    async def upload(self) -> None:
        """The upload resource (RFC 8620 §6.1)."""
        self._allow("POST")
        account_id = self.head.path.removeprefix("/jmap/upload/").rstrip("/")
        verified = await self._verified()
        bound = limits()
        lease = await self._enter(gate.enter_upload, verified.user_key, bound.max_concurrent_upload)
        try:
            octets = await self._take_upload(verified, account_id, bound.max_size_upload)
        finally:
            self._release(lease)
        await self.reply(Reply(200, [(b"content-type", b"application/json"), NO_STORE], octets))

    async def download(self) -> None:
        """The download resource (RFC 8620 §6.2)."""
        self._allow("GET", "HEAD")
        parts = self.head.path.removeprefix("/jmap/download/").split("/", 2)
        if len(parts) < 2:
            raise Problem(404, "A download needs an account, a blob and a name.")
        path = transfers.BlobPath(parts[0], parts[1], parts[2] if len(parts) == 3 else "")
        verified = await self._verified()
        lease = await self._enter(gate.enter_download, verified.user_key)
        try:
            await self._give_download(verified, path)
        finally:
            self._release(lease)

    # ---------------------------------------------------------------------------------------------------------- octets

    async def _take_upload(self, verified: Verified, account_id: str, limit: int) -> bytes:
        if self._declared_length() > limit:
            await self._work_as(verified, transfers.may_upload, account_id)
            raise limit_error("maxSizeUpload", "The upload is larger than maxSizeUpload.", 413)
        content_type = self.head.headers.get(b"content-type")
        type_ = None if content_type is None else content_type.decode("latin-1")
        gathered, more = await self._gather()
        if not more:
            octets: bytes = await self._work_as(verified, transfers.whole_upload, account_id, type_, gathered, limit)
            return octets
        await self._work_as(verified, transfers.may_upload, account_id)
        with Spool(limit) as spool:
            while gathered:
                await self._spool(verified, spool, gathered)
                gathered, more = await self._gather() if more else (b"", False)
            octets = await self._work_as(verified, transfers.finish_upload, account_id, type_, spool)
        return octets

    async def _spool(self, verified: Verified, spool: Spool, data: bytes) -> None:
        assert self.edge.pool is not None
        try:
            await self.edge.pool.run(verified.user_key, spool.write, data)
        except Exception as error:
            raise refusal(error) from error

    async def _gather(self) -> tuple[bytes, bool]:
        """The next octets of the body, and whether more follow."""
        slices: list[bytes] = []
        size = 0
        while size < UPLOAD_STEP:
            message = await self._next()
            slices.append(message.get("body", b""))
            size += len(slices[-1])
            if not message.get("more_body", False):
                return b"".join(slices), False
        return b"".join(slices), True

    async def _give_download(self, verified: Verified, path: transfers.BlobPath) -> None:
        assert self.edge.pool is not None
        download, octets, data = await self._work_as(verified, transfers.open_download, path, self.head)
        try:
            headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in download.headers]
            headers += [pair for pair in common_headers(self.head) if pair[0] not in {name for name, _value in headers}]
            await self._put({"type": "http.response.start", "status": download.status, "headers": headers})
            while data:
                following = await self.edge.pool.run(verified.user_key, transfers.read_some, octets)
                for start in range(0, len(data), RESPONSE_STEP):
                    step = data[start : start + RESPONSE_STEP]
                    is_last = not following and start + RESPONSE_STEP >= len(data)
                    await self._put({"type": "http.response.body", "body": step, "more_body": not is_last})
                if not following:
                    return
                data = following
            await self._put({"type": "http.response.body", "body": b""})
        finally:
            download.close()

    async def _body(self, limit: int) -> bytes:
        """The whole body. Raises RequestError past the limit, ClientGone."""
        if self._declared_length() > limit:
            raise limit_error("maxSizeRequest", "The request is larger than maxSizeRequest.")
        message = await self._next()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) and len(body) <= limit:
            return body
        slices, size = [body], len(body)
        while message.get("more_body", False) and size <= limit:
            message = await self._next()
            slices.append(message.get("body", b""))
            size += len(slices[-1])
        if size > limit:
            raise limit_error("maxSizeRequest", "The request is larger than maxSizeRequest.")
        return b"".join(slices)

    async def _next(self) -> dict[str, Any]:
        try:
            async with asyncio.timeout(edge_options().read_timeout):
                message = await self._receive()
        except TimeoutError:
            raise Problem(408, "The request did not arrive in time.", [(b"connection", b"close")]) from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    def _declared_length(self) -> int:
        value = self.head.headers.get(b"content-length", b"")
        return int(value) if value.isdigit() and len(value) < 19 else 0

    # ------------------------------------------------------------------------------------------------------------ who

    async def _verified(self) -> Verified:
        """Who asks. Raises Refused, TooManyFailures, Problem."""
        header = self.head.headers.get(b"authorization")
        if header is not None:
            return verifier.remembered(header, self.head.address) or await self._login(header)
        if b"cookie" not in self.head.headers:
            raise Refused
        if not is_same_origin(self.head):
            raise Problem(403, "A request that is signed in by a cookie must come from this site's own pages.")
        assert self.edge.logins is not None
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

    async def _work(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await self._work_as(await self._verified(), work, *arguments)

    async def _work_as(
        self,
        verified: Verified,
        work: Callable[..., Any],
        *arguments: Any,
        finished: Callable[[], None] | None = None,
    ) -> Any:
        """Run work with the principal in a thread; credentials that have changed are looked at anew, once."""
        pool = self.edge.pool
        assert pool is not None
        try:
            return await pool.run(
                verified.user_key, endpoint.as_principal, verified, self.language, work, *arguments, finished=finished
            )
        except Refused:
            header = self.head.headers.get(b"authorization")
            if header is None:
                raise
            verifier.forget(header)
            again = await self._login(header)
            return await pool.run(again.user_key, endpoint.as_principal, again, self.language, work, *arguments)

    async def _enter(self, enter: Callable[..., Any], *arguments: Any) -> Any:
        """Pass a gate; a store that may wait for the network is asked in a thread."""
        if not limit_store().blocking:
            return enter(*arguments)
        assert self.edge.pool is not None
        return await self.edge.pool.run(arguments[0], enter, *arguments)

    def _release(self, lease: Lease) -> None:
        if limit_store().blocking:
            asyncio.get_running_loop().run_in_executor(None, lease.release)
        else:
            lease.release()

    # ---------------------------------------------------------------------------------------------------------- answer

    @property
    def site(self) -> str:
        """Scheme, host and prefix, which every address of the Session object starts with."""
        return self.head.base + self.head.prefix

    def _allow(self, *methods: str) -> None:
        if self.head.method not in methods:
            allow = ", ".join([*methods, "OPTIONS"]).encode()
            raise Problem(405, "This resource does not take that method.", [(b"allow", allow)])

    def _packed(self, reply: Reply) -> Reply:
        """The reply, compressed where the client asks and it pays."""
        reply.headers.append((b"vary", b"Accept-Encoding"))
        accepted = self.head.headers.get(b"accept-encoding")
        if (
            accepted is not None
            and len(reply.body) >= edge_options().compress_from
            and self.head.address not in {"127.0.0.1", "::1"}
            and encode.wants_gzip(accepted.decode("latin-1"))
        ):
            reply.body = encode.gzip(reply.body)
            reply.headers.append((b"content-encoding", b"gzip"))
        return reply

    async def reply(self, reply: Reply) -> None:
        """Send a whole answer; a long one in steps, so that no server has to hold it twice."""
        body = reply.body
        headers: Headers = [*reply.headers, *common_headers(self.head)]
        if reply.status not in {204, 304}:
            headers.append((b"content-length", b"%d" % len(body)))
        if self.head.method == "HEAD":
            body = b""
        await self._put({"type": "http.response.start", "status": reply.status, "headers": headers})
        if len(body) <= 2 * RESPONSE_STEP:
            await self._put({"type": "http.response.body", "body": body})
            return
        for start in range(0, len(body), RESPONSE_STEP):
            more = start + RESPONSE_STEP < len(body)
            step = body[start : start + RESPONSE_STEP]
            await self._put({"type": "http.response.body", "body": step, "more_body": more})

    async def _put(self, message: dict[str, Any]) -> None:
        self.started = True
        if not message.get("more_body", False):
            await self._send(message)
            return
        try:
            async with asyncio.timeout(edge_options().write_timeout):
                await self._send(message)
        except TimeoutError:
            raise ConnectionAbortedError("the client takes nothing") from None


def edge(django_application: Application) -> Edge:
    """The ASGI application to serve: the protocol's resources, and Django for everything else."""
    return Edge(django_application)


def head_of(scope: Scope) -> Head:
    """The head of a request in ASGI's terms."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b", " + value if name in headers else value
    client = scope.get("client")
    peer = client[0] if client else ""
    origin = proxies().origin(peer, scope.get("scheme", "http"), headers)
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    trusted = bool(peer) and proxies().trusts(peer)
    return Head(
        scope["method"],
        path,
        scope["query_string"].decode("latin-1"),
        headers,
        origin.address,
        origin.scheme,
        origin.host,
        root + PREFIX,
        request_id(headers.get(b"x-request-id"), trusted),
    )


def _as_the_client_sees_it(scope: Scope, head: Head) -> Scope:
    """The scope for Django, with the address, scheme and host that trusted proxies told."""
    client = scope.get("client")
    host = head.host.encode("latin-1")
    if client is not None and client[0] == head.address and scope.get("scheme", "http") == head.scheme:
        if head.headers.get(b"host", b"") == host:
            return scope
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    return {**scope, "client": (head.address, 0), "scheme": head.scheme, "headers": [*headers, (b"host", host)]}
