"""The same resources as Django views, for WSGI or inside any host site: ``path("jmap/", include("jmap.urls"))``.

Rules kept here:
- Django REST framework only says who asks: a host site may put its own authentication in front; what ``Accept`` says
  never leads to a 406, and bodies and answers never pass its parsers and renderers;
- the endpoint, the gates, the errors and the headers are those of the ASGI edge;
- octets are streamed where the server behind can: a body is read in slices, an answer sent in slices.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.transaction import non_atomic_requests
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView

from jmap.auth.headers import CHALLENGES
from jmap.auth.session_cookie import verified_by_cookie
from jmap.auth.throttle import TooManyFailures
from jmap.auth.verify import LIFETIME, Refused, Verified, verifier
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
from jmap.edge.options import limits
from jmap.edge.problems import Problem, describe, too_large_upload, wrong_method
from jmap.limits import Lease
from jmap.protocol.errors import RequestError
from jmap.protocol.request import limit_error

STEP = 64 * 1024


class CredentialAuthentication(BaseAuthentication):
    """User name and password, app password, token, or this site's session cookie; ``request.auth`` is a Verified."""

    def authenticate(self, request: Request) -> tuple[Any, Verified] | None:
        """Who asks. Raises Refused, TooManyFailures, Problem."""
        head = head_of(request._request)
        header = head.headers.get(b"authorization")
        if header is not None:
            found = verifier.remembered(header, head.address) or endpoint.verify(header, head.address)
            return found.user_key, found
        if b"cookie" not in head.headers:
            return None
        if not is_same_origin(head):
            raise Problem(403, "A request that is signed in by a cookie must come from this site's own pages.")
        cookie = verified_by_cookie(head.text(b"cookie"))
        return None if cookie is None else (cookie.user_key, cookie)

    def authenticate_header(self, request: Request) -> str:
        """The challenges of a 401."""
        return CHALLENGES


@method_decorator(non_atomic_requests, name="dispatch")
class ResourceView(APIView):
    """What the resources share."""

    authentication_classes = [CredentialAuthentication]
    permission_classes: list[Any] = []
    throttle_classes: list[Any] = []
    parser_classes: list[Any] = []
    allowed: tuple[str, ...] = ()

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, with an error document where anything is refused."""
        self.asked = head_of(request)
        self.language = choose(self.asked.text(b"accept-language"))
        if not host_is_allowed(self.asked.host):
            return self.send(describe(Problem(400, "This server does not answer to that host name."), self.asked))
        if request.method == "OPTIONS":
            return self.send(preflight(self.asked))
        return super().dispatch(request, *args, **kwargs)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever ``Accept`` says, the answer is the one there is."""
        return None, "application/json"

    def perform_authentication(self, request: Request) -> None:
        """Know who asks before the resource does anything."""
        user: Any = request.user
        if isinstance(request.auth, Verified):
            self.verified = request.auth
        elif getattr(user, "is_authenticated", False):
            # The host site's own authentication.
            self.verified = Verified(user.pk, None, user.password, time.monotonic() + LIFETIME)
        else:
            raise Refused

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """405, with what is allowed."""
        raise wrong_method(self.allowed)

    def handle_exception(self, exc: Exception) -> Any:
        """The same documents as the ASGI edge sends."""
        if isinstance(exc, NotAuthenticated):
            exc = Refused()
        if not isinstance(exc, RequestError | Refused | TooManyFailures | Problem):
            endpoint.report(exc, f"{self.asked.request_id}: {type(self).__name__}")
            exc = Problem(500, "An unexpected error occurred.")
        return self.send(describe(exc, self.asked))

    def work(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run ``function(principal, …)``; credentials that have changed are looked at anew, once."""
        try:
            return endpoint.as_principal(self.verified, self.language, function, *arguments)
        except Refused:
            header = self.asked.headers.get(b"authorization")
            if header is None:
                raise
            verifier.forget(header)
            self.verified = endpoint.verify(header, self.asked.address)
            return endpoint.as_principal(self.verified, self.language, function, *arguments)

    def send(self, reply: Reply) -> HttpResponse:
        """A whole answer."""
        response = HttpResponse(reply.body, status=reply.status)
        return _with_headers(response, [*reply.headers, *common_headers(self.asked)])


class SessionView(ResourceView):
    """The Session resource (RFC 8620 §2)."""

    allowed = ("GET", "HEAD")

    def get(self, request: Request) -> HttpResponse:
        """The Session object."""
        text = self.work(endpoint.session_of, self.asked.site)
        return self.send(encode.packed(endpoint.session_reply(text, self.asked), self.asked))


class ApiView(ResourceView):
    """The API resource (RFC 8620 §3)."""

    allowed = ("POST",)

    def post(self, request: Request) -> HttpResponse:
        """The Response to a Request."""
        endpoint.require_json(self.asked)
        _require_length(request, self.asked)
        bound = limits()
        lease, rate = gate.enter_api(self.verified.user_key, bound.max_concurrent_requests)
        try:
            body = _read(request._request, bound.max_size_request + 1)
            if len(body) > bound.max_size_request:
                raise limit_error("maxSizeRequest", "The request is larger than maxSizeRequest.")
            octets = self.work(endpoint.api, body, self.asked.site)
        finally:
            lease.release()
        return self.send(encode.packed(endpoint.api_reply(octets, self.language, rate), self.asked))


class UploadView(ResourceView):
    """The upload resource (RFC 8620 §6.1)."""

    allowed = ("POST",)

    def post(self, request: Request, account_id: str) -> HttpResponse:
        """Keep what is sent."""
        _require_length(request, self.asked)
        bound = limits()
        lease = gate.enter_upload(self.verified.user_key, bound.max_concurrent_upload)
        try:
            self.work(transfers.may_upload, account_id)
            length = self.asked.text(b"content-length")
            if length.isdigit() and int(length[:19]) > bound.max_size_upload:
                raise too_large_upload()
            with Spool(bound.max_size_upload) as spool:
                try:
                    while data := request._request.read(4 * STEP):
                        spool.write(data)
                except Exception as error:
                    raise refusal(error) from error
                content_type = self.asked.optional(b"content-type") or None
                octets = self.work(transfers.finish_upload, account_id, content_type, spool)
        finally:
            lease.release()
        return self.send(Reply(200, [(b"content-type", b"application/json"), NO_STORE], octets))


class DownloadView(ResourceView):
    """The download resource (RFC 8620 §6.2)."""

    allowed = ("GET", "HEAD")

    def get(self, request: Request, account_id: str, blob_id: str, name: str) -> HttpResponseBase:
        """The octets of a blob."""
        lease = gate.enter_download(self.verified.user_key, gate.MAX_DOWNLOADS)
        try:
            path = transfers.BlobPath(account_id, blob_id, name)
            found, octets, first = self.work(transfers.open_download, path, self.asked)
        except BaseException:
            lease.release()
            raise
        body: Any = Slices(first, octets, found.close, lease)
        if isinstance(request._request, ASGIRequest):
            body = _awaited(body)
        response = StreamingHttpResponse(body, status=found.status)
        return _with_headers(response, transfers.headers_of(found, common_headers(self.asked)))


class Slices:
    """The octets of a download; ``close`` is called by Django at the end, however it ends."""

    def __init__(self, first: bytes, octets: Iterator[bytes], close: Callable[[], None], lease: Lease) -> None:
        self._next = first
        self._octets = octets
        self._close = close
        self._lease = lease

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        data, self._next = self._next, b""
        data = data or transfers.read_some(self._octets)
        if not data:
            self.close()
            raise StopIteration
        return data

    def close(self) -> None:
        """Let go of the object and the slot."""
        self._close()
        self._lease.release()


async def _awaited(slices: Slices) -> AsyncIterator[bytes]:
    """The slices for Django's ASGI handler, which would read a plain iterator whole."""
    try:
        take = sync_to_async(lambda: next(slices, b""), thread_sensitive=False)
        while data := await take():
            yield data
    finally:
        slices.close()


def head_of(request: HttpRequest) -> Head:
    """The head of a request in Django's terms."""
    found: Head | None = getattr(request, "jmap_head", None)
    if found is not None:
        return found
    headers = {name.lower().encode(): value.encode("latin-1", "replace") for name, value in request.headers.items()}
    peer: str = request.META.get("REMOTE_ADDR") or ""
    headers.setdefault(b"host", request.META.get("SERVER_NAME", "").encode("latin-1"))
    origin = proxies().origin(peer, request.scheme or "http", headers)
    head = Head(
        method=request.method or "",
        path=request.path,
        query=request.META.get("QUERY_STRING", ""),
        headers=headers,
        address=origin.address,
        scheme=origin.scheme,
        host=origin.host,
        prefix=reverse("jmap:api").removesuffix("/api"),
        request_id=request_id(headers.get(b"x-request-id"), peer),
    )
    request.jmap_head = head  # type: ignore[attr-defined]
    return head


def _require_length(request: Request, head: Head) -> None:
    """Refuse a body of unknown length where Django would take it for an empty one, as it does under WSGI."""
    is_blind = not isinstance(request._request, ASGIRequest) and b"transfer-encoding" in head.headers
    if is_blind and not head.text(b"content-length"):
        raise Problem(411, "This server takes a body only with its length.")


def _read(request: HttpRequest, most: int) -> bytes:
    """The body, or its beginning."""
    slices: list[bytes] = []
    size = 0
    while size < most and (data := request.read(min(STEP, most - size))):
        slices.append(data)
        size += len(data)
    return b"".join(slices)


def _with_headers(response: Any, headers: Headers) -> Any:
    response.headers.pop("Content-Type", None)
    for name, value in headers:
        key, text = name.decode(), value.decode("latin-1")
        earlier = response.headers.get(key)
        response.headers[key] = text if earlier is None else f"{earlier}, {text}"
    return response
