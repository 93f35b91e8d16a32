"""Answers to octets: JSON, with what is JSON already spliced in, and compression for those who ask."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from jmap.edge.http import Head, Reply
from jmap.edge.options import edge_options
from jmap.protocol.ports import RawJson

LOOPBACK = frozenset({"127.0.0.1", "::1"})


def dumps(value: Any) -> bytes:
    """The JSON text of an answer; RawJson is taken as it is. Raises TypeError for what is no JSON."""
    return orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME)


def _plain(value: Any) -> Any:
    if isinstance(value, RawJson):
        return orjson.Fragment(value.data)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"{type(value).__name__} is no JSON")


_GZIP = re.compile(r"(?:^|,)\s*gzip\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?(?=,|$)", re.IGNORECASE)


@functools.lru_cache(maxsize=200)
def wants_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding value takes gzip (RFC 9110 §12.5.3)."""
    found = _GZIP.search(accept_encoding)
    return found is not None and (found[1] is None or float(found[1]) > 0)


def packed(reply: Reply, head: Head) -> Reply:
    """The reply, compressed where the client asks and it pays; on the way to this machine itself it never does."""
    reply.headers.append((b"vary", b"Accept-Encoding"))
    accepted = head.optional(b"accept-encoding")
    if (
        accepted is not None
        and len(reply.body) >= edge_options().compress_from
        and head.address not in LOOPBACK
        and wants_gzip(accepted)
    ):
        reply.body = gzip(reply.body)
        reply.headers.append((b"content-encoding", b"gzip"))
    return reply


def gzip(data: bytes) -> bytes:
    """The data as one gzip member, at the level that costs least."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()
