"""Upload and download as HTTP sees them, without a framework: the edges only move octets (RFC 8620 §6.1, §6.2).

Rules kept here:
- octets from users never act on our origin: sandboxed, not sniffed, not for other origins' pages, saved and not shown;
- the answer to a download never changes, so it is cached for a year and has a strong ETag;
- a body is an iterator of slices, opened before the head is made, so a missing object is never a broken 200.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from jmap.blobs import ranges, uploads
from jmap.blobs.errors import BlobGone, ObjectMissing, OverQuota, ReadOnly, TooLarge
from jmap.blobs.service import FoundBlob
from jmap.blobs.spool import Spool
from jmap.blobs.uploads import DEFAULT_TYPE
from jmap.ids import encode
from jmap.protocol.errors import RequestError
from jmap.protocol.ports import AccountInfo, Principal

CACHE_CONTROL = "private, immutable, max-age=31536000"

SANDBOX = (
    ("Content-Security-Policy", "sandbox; default-src 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
)

_NAME = r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
_ESSENCE = re.compile(rf"({_NAME}/{_NAME})[ \t]*(?:;.*)?", re.ASCII)
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_FULL_TYPE = re.compile(
    rf'{_NAME}/{_NAME}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|"(?:[ !#-\[\]-~\t]|\\[ -~\t])*"))*[ \t]*', re.ASCII
)
_MAX_TYPE = 255
_PLAIN_NAME = re.compile(r"[ !#$&'()*+,.0-9:;<=>?@A-Z\[\]^_`a-z{|}~-]+", re.ASCII)
_UNSAFE_IN_FALLBACK = re.compile(r"[^ !#$&'()*+,.0-9:;<=>?@A-Z\[\]^_`a-z{|}~-]", re.ASCII)
_ATTR_CHARS = "!#$&+-.^_`|~"


# -------------------------------------------------------------------------------------------------------------- upload


def upload_type(content_type: str | None) -> str:
    """The media type of an upload, without parameters; what is none or no media type is octets (RFC 6838 §4.2)."""
    match = _ESSENCE.fullmatch((content_type or "").strip())
    return match[1] if match and len(match[1]) <= _MAX_TYPE else DEFAULT_TYPE


def accept_upload(
    principal: Principal, account: AccountInfo, content_type: str | None, spool: Spool
) -> dict[str, str | int]:
    """Keep what arrived in a spool: the object to answer, with status 200 (RFC 8620 §6.1).

    The spool stays the caller's to close. Raises RequestError.
    """
    try:
        upload = uploads.upload(principal, account, upload_type(content_type), spool)
    except (TooLarge, OverQuota, ReadOnly, BlobGone, OSError) as error:
        raise refusal(error) from error
    return {
        "accountId": account.id,
        "blobId": encode("b", upload.blob_id),
        "type": upload.type,
        "size": spool.size,
    }


def refusal(error: Exception) -> RequestError:
    """How an upload that could not be kept is answered (RFC 8620 §6.1, RFC 7807). Takes errors of ``Spool`` too."""
    match error:
        case TooLarge():
            return RequestError("limit", "The upload is larger than maxSizeUpload.", 413, limit="maxSizeUpload")
        case OverQuota():
            return RequestError("about:blank", "The upload is larger than all your uploads may be together.", 413)
        case ReadOnly():
            return RequestError("about:blank", "You may only read this account.", 403)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return RequestError("about:blank", "The server has no room left.", 507)
        case _:
            return RequestError("about:blank", "The upload could not be kept; try again.", 503)


# ------------------------------------------------------------------------------------------------------------ download


@dataclass(slots=True)
class Download:
    """An HTTP response; whoever sends it calls ``close`` at the end, also when the reader goes away."""

    status: int
    headers: list[tuple[str, str]]
    body: Iterable[bytes] = field(default=())

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)

    @property
    def length(self) -> int:
        """How many octets the body has."""
        return next((int(value) for name, value in self.headers if name.lower() == "content-length"), 0)

    def close(self) -> None:
        """Let go of the object."""
        close: Any = getattr(self.body, "close", None)
        if close is not None:
            close()


def download(
    found: FoundBlob,
    *,
    type: str,
    name: str,
    method: str = "GET",
    range: str | None = None,
    if_range: str | None = None,
    if_none_match: str | None = None,
) -> Download:
    """The response to a download (RFC 8620 §6.2); ``type`` and ``name`` as the URL has them, decoded.

    ``range``, ``if_range`` and ``if_none_match`` are the headers of these names. Raises RequestError 404 where the
    octets are gone, 503 where the blob store is away.
    """
    etag = etag_of(found)
    lasting = [("ETag", etag), ("Cache-Control", CACHE_CONTROL)]
    if _matches(if_none_match, etag):
        return Download(304, lasting)
    wanted: tuple[int, int] | None = None
    if method == "GET" and if_range in (None, etag):
        try:
            wanted = ranges.parse(range, found.size)
        except ranges.NotSatisfiable:
            return _not_satisfiable(found.size)
    start, stop = wanted or (0, found.size)
    headers = [
        ("Content-Type", download_type(type, found)),
        ("Content-Length", str(stop - start)),
        ("Content-Disposition", disposition(name)),
        ("Accept-Ranges", "bytes"),
        *lasting,
        *SANDBOX,
    ]
    if wanted:
        headers.append(("Content-Range", f"bytes {start}-{stop - 1}/{found.size}"))
    try:
        body = found.open_range(start, stop) if method == "GET" else ()
    except ObjectMissing:
        raise RequestError("about:blank", "The octets of this blob are gone.", 404) from None
    except OSError as error:
        raise RequestError("about:blank", "The octets cannot be read at the moment; try again.", 503) from error
    return Download(206 if wanted else 200, headers, body)


def _not_satisfiable(size: int) -> Download:
    """416 with a problem document (RFC 9110 §15.5.17, RFC 7807)."""
    problem = json.dumps({"type": "about:blank", "status": 416, "detail": f"The blob has {size} octets."}).encode()
    headers = [
        ("Content-Type", "application/problem+json"),
        ("Content-Length", str(len(problem))),
        ("Content-Range", f"bytes */{size}"),
        ("Accept-Ranges", "bytes"),
        *SANDBOX,
    ]
    return Download(416, headers, [problem])


def download_type(type: str, found: FoundBlob) -> str:
    """The Content-Type to send: exactly what was asked for, if it is a media type at all (RFC 8620 §6.2)."""
    if len(type) <= _MAX_TYPE and _FULL_TYPE.fullmatch(type):
        return type
    if found.type and len(found.type) <= _MAX_TYPE and _FULL_TYPE.fullmatch(found.type):
        return found.type
    return DEFAULT_TYPE


def disposition(name: str) -> str:
    """Content-Disposition with the file's name, UTF-8 where it needs to be (RFC 6266 §4, RFC 8187 §3.2)."""
    if not name:
        return "attachment"
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    encoded = quote(name.encode("utf-8", "replace"), safe=_ATTR_CHARS)
    return f"attachment; filename=\"{_UNSAFE_IN_FALLBACK.sub('_', name)}\"; filename*=UTF-8''{encoded}"


def etag_of(found: FoundBlob) -> str:
    """A strong validator: the octets and, for a part, which one."""
    part = "" if found.part is None else f"-{found.part}"
    return f'"{bytes(found.blob.digest).hex()[:40]}{part}"'


def _matches(if_none_match: str | None, etag: str) -> bool:
    if not if_none_match:
        return False
    given = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    return "*" in given or etag in given
