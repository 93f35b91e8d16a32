"""Upload and download behind every edge: what runs in a thread, with the principal, around the octets (RFC 8620 §6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from jmap.blobs import service, transfer
from jmap.blobs.spool import Spool
from jmap.edge import encode
from jmap.edge.http import Head, Headers
from jmap.edge.problems import Problem
from jmap.protocol.ports import AccountInfo, Principal

BURST = 1 << 20
"""About how many octets of a download are read at once."""


@dataclass(slots=True)
class BlobPath:
    """The variables of a download URL (RFC 8620 §6.2)."""

    account_id: str
    blob_id: str
    name: str


def account_of(principal: Principal, account_id: str) -> AccountInfo:
    """An account of the principal. Raises Problem 404, whoever else has such an account."""
    account = principal.accounts.get(account_id)
    if account is None:
        raise Problem(404, "There is no such account, or you may not see it.")
    return account


def may_upload(principal: Principal, account_id: str) -> None:
    """Refuse an upload before its octets are read. Raises Problem."""
    if account_of(principal, account_id).is_read_only:
        raise Problem(403, "You may only read this account.")


def finish_upload(principal: Principal, account_id: str, content_type: str | None, spool: Spool) -> bytes:
    """Keep what arrived; the octets to answer with status 200 (RFC 8620 §6.1). Raises RequestError, Problem."""
    account = account_of(principal, account_id)
    return encode.dumps(transfer.accept_upload(principal, account, content_type, spool))


def whole_upload(principal: Principal, account_id: str, content_type: str | None, data: bytes, limit: int) -> bytes:
    """``finish_upload`` for octets that have all arrived."""
    may_upload(principal, account_id)
    with Spool(limit) as spool:
        try:
            spool.write(data)
        except Exception as error:
            raise transfer.refusal(error) from error
        return finish_upload(principal, account_id, content_type, spool)


def open_download(principal: Principal, path: BlobPath, head: Head) -> tuple[transfer.Download, Iterator[bytes], bytes]:
    """The head of a download, the iterator of its octets and the first of them. Raises Problem, RequestError."""
    account = account_of(principal, path.account_id)
    found = service.find(principal, account, path.blob_id)
    if found is None:
        raise Problem(404, "There is no such blob in this account, or you may not see it.")
    download = transfer.download(
        found,
        type=asked_type(head.query),
        name=path.name,
        method=head.method,
        range=head.optional(b"range"),
        if_range=head.optional(b"if-range"),
        if_none_match=head.optional(b"if-none-match"),
    )
    octets = iter(download)
    try:
        return download, octets, read_some(octets)
    except BaseException:
        download.close()
        raise


def asked_type(query: str) -> str:
    """The type that a download's URL asks for, empty for none.

    A plus sign in the name of the type is one, also where the client has not escaped it (``image/svg+xml``).
    """
    given = parse_qs(query, keep_blank_values=True)
    essence, semicolon, parameters = given.get("type", given.get("accept", [""]))[0].partition(";")
    return essence.strip().replace(" ", "+") + semicolon + parameters


def read_some(octets: Iterator[bytes]) -> bytes:
    """The next few slices, empty at the end."""
    slices: list[Any] = []
    size = 0
    for slice_ in octets:
        slices.append(slice_)
        size += len(slice_)
        if size >= BURST:
            break
    return slices[0] if len(slices) == 1 else b"".join(slices)


def headers_of(download: transfer.Download, common: Headers) -> Headers:
    """The header fields to send: the download's own, and the common ones that it does not set itself."""
    own = [(name.lower().encode(), value.encode("latin-1")) for name, value in download.headers]
    names = {name for name, _value in own}
    return [*own, *(pair for pair in common if pair[0] not in names)]
