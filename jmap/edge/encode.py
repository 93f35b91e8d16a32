"""Answers to octets: JSON, with what is JSON already spliced in, and compression for those who ask.

Rules kept here: what leaves is I-JSON, whatever characters mail and names hold (RFC 8620 §1.5).
"""

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

_BEGINNINGS = (b"\xef\xb7", b"\xbf\xbe", b"\xbf\xbf")
"""Two octets that stand in every noncharacter; in most answers even their first ones do not occur."""
_NONCHARACTER = re.compile(rb"\xef\xb7[\x90-\xaf]|(?:\xef|[\xf0-\xf4][\x8f\x9f\xaf\xbf])\xbf[\xbe\xbf]")
_REPLACEMENT = "\ufffd".encode()

LOOPBACK = frozenset({"127.0.0.1", "::1"})


def dumps(value: Any) -> bytes:
    """The I-JSON text of an answer; RawJson is taken as it is. Raises TypeError for what is no JSON.

    Noncharacters, which I-JSON forbids, become U+FFFD (RFC 7493 §2.1).
    """
    text = orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME)
    if text.isascii() or not ((0xEF in text or 0xBF in text) and any(octets in text for octets in _BEGINNINGS)):
        return text
    return _NONCHARACTER.sub(_REPLACEMENT, text)


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
