"""DKIM signatures over a message that streams (RFC 6376 §5).

Rules kept here:
- headers are canonicalised "relaxed" by dkimpy, bodies "simple", which is hashing them as they are, once for all keys;
- what a reader sees or acts on is signed once more than it occurs, so that nobody can add another (RFC 6376 §8.15);
- keys are used through ``cryptography``: dkimpy's own RSA takes 12 ms a signature, this 0.7.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import rsa
from dkim import fold, select_headers
from dkim.canonicalization import Relaxed

from submission.dkim.keys import PrivateKey, signature
from submission.smtp import content

OVERSIGNED = (
    b"from", b"sender", b"reply-to", b"to", b"cc", b"subject", b"date", b"message-id", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"content-transfer-encoding", b"content-disposition",
)  # fmt: skip
"""Signed as often as they occur and once more."""
SIGNED = (
    b"resent-date", b"resent-from", b"resent-to", b"resent-cc", b"resent-message-id", b"list-id", b"list-help",
    b"list-unsubscribe", b"list-unsubscribe-post", b"list-subscribe", b"list-post", b"list-owner", b"list-archive",
    b"autocrypt",
)  # fmt: skip
"""Signed as often as they occur: others may add theirs on the way."""


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and where its public half is found."""

    domain: str
    selector: str
    key: PrivateKey


class BodyHash:
    """SHA-256 of a body in "simple" form: without the empty lines at its end (RFC 6376 §3.4.3)."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._held = 0

    def update(self, chunk: bytes) -> None:
        """Take octets whose lines end in CRLF, none of them cut in two by the end of the chunk."""
        kept = chunk.rstrip(b"\r\n")
        if kept:
            self._hash.update(b"\r\n" * self._held)
            self._hash.update(kept)
            self._held = 0
        self._held += chunk.count(b"\n", len(kept))

    def digest(self) -> bytes:
        """The hash of the body, which ends in CRLF in any case."""
        whole = self._hash.copy()
        whole.update(b"\r\n")
        return whole.digest()


def hash_body(chunks: Iterable[bytes]) -> bytes:
    """The hash of a body that begins after the empty line; the first chunk begins with that line."""
    body = BodyHash()
    first = True
    for chunk in chunks:
        body.update(chunk.removeprefix(b"\r\n") if first else chunk)
        first = False
    return body.digest()


def signature_fields(signers: Sequence[Signer], header: bytes, body_hash: bytes, now: float | None = None) -> bytes:
    """The DKIM-Signature fields to put in front of the header section, one for each signer.

    ``header`` is the header section as it will travel, lines ending in CRLF.
    """
    fields = [_cut(field) for name, field in content.fields(header) if name]
    canonical = Relaxed.canonicalize_headers(fields)
    names = _signed_names([name.lower() for name, _value in fields])
    moment = int(time.time() if now is None else now)
    return b"".join(_field(signer, canonical, names, body_hash, moment) for signer in signers)


def _cut(field: bytes) -> tuple[bytes, bytes]:
    name, _, value = field.partition(b":")
    return name.rstrip(), value


def _signed_names(present: Sequence[bytes]) -> list[bytes]:
    names = []
    for name in OVERSIGNED:
        names += [name] * (present.count(name) + 1)
    for name in SIGNED:
        names += [name] * present.count(name)
    return names


def _field(
    signer: Signer, canonical: list[tuple[bytes, bytes]], names: Sequence[bytes], body_hash: bytes, moment: int
) -> bytes:
    algorithm = b"rsa-sha256" if isinstance(signer.key, rsa.RSAPrivateKey) else b"ed25519-sha256"
    tags = [
        (b"v", b"1"),
        (b"a", algorithm),
        (b"c", b"relaxed/simple"),
        (b"d", signer.domain.encode()),
        (b"s", signer.selector.encode()),
        (b"t", str(moment).encode()),
        (b"h", b" : ".join(names)),
        (b"bh", base64.b64encode(body_hash)),
        (b"b", b""),
    ]
    unsigned = fold(b" " + b"; ".join(b"=".join(tag) for tag in tags), namelen=len("DKIM-Signature"))
    (own,) = Relaxed.canonicalize_headers([(b"DKIM-Signature", unsigned)])
    signed = [*select_headers(canonical, names), (own[0], own[1].removesuffix(b"\r\n"))]
    made = base64.b64encode(signature(signer.key, b"".join(name + b":" + value for name, value in signed)))
    lines = b"\r\n ".join(made[at : at + 72] for at in range(0, len(made), 72))
    return b"DKIM-Signature:" + unsigned + b"\r\n " + lines + b"\r\n"
