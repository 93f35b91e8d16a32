"""Encryption of a push message for one device (RFC 8291), in the aes128gcm coding (RFC 8188).

Rules kept here: a new key pair and a new salt for each message; one record, so a message has a largest size.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

RECORD_SIZE = 4_096
MAX_PLAINTEXT = 3_993
"""What every push service has to take (RFC 8291 §4)."""

CURVE = ec.SECP256R1()
POINT_OCTETS, SECRET_OCTETS = 65, 16


def decode_point(text: str) -> bytes:
    """The uncompressed P-256 point in URL-safe base64. Raises ValueError for what is no point of the curve."""
    octets = decode(text)
    if len(octets) != POINT_OCTETS or octets[0] != 4:
        raise ValueError("must be an uncompressed P-256 point of 65 octets in URL-safe base64")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, octets)
    except ValueError:
        raise ValueError("is no point of the curve P-256") from None
    return octets


def decode_secret(text: str) -> bytes:
    """The authentication secret in URL-safe base64. Raises ValueError."""
    octets = decode(text)
    if len(octets) != SECRET_OCTETS:
        raise ValueError("must be 16 octets in URL-safe base64")
    return octets


def decode(text: str) -> bytes:
    """The octets of URL-safe base64, padded or not (RFC 4648 §5). Raises ValueError."""
    bare = text.rstrip("=")
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is no URL-safe base64") from None


def encode(octets: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def encrypt(
    plaintext: bytes,
    p256dh: bytes,
    auth: bytes,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """The body of a push message; ``sender`` and ``salt`` are given by test vectors alone.

    Raises ValueError for a plaintext longer than MAX_PLAINTEXT.
    """
    if len(plaintext) > MAX_PLAINTEXT:
        raise ValueError(f"a push message has room for {MAX_PLAINTEXT} octets")
    sender = sender or ec.generate_private_key(CURVE)
    salt = salt or secrets.token_bytes(16)
    own = sender.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = sender.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, p256dh))
    keying = _derive(shared, auth, b"WebPush: info\0" + p256dh + own, 32)
    content_key = _derive(keying, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derive(keying, salt, b"Content-Encoding: nonce\0", 12)
    header = salt + struct.pack("!IB", RECORD_SIZE, len(own)) + own
    # The octet 2 ends the last record (RFC 8188 §2).
    return header + AESGCM(content_key).encrypt(nonce, plaintext + b"\x02", None)


def _derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)
