"""DKIM keys: made here, kept by others (RFC 6376 §3.3, RFC 8463)."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

RSA, ED25519 = "rsa", "ed25519"
RSA_BITS = 2_048
"""RFC 8301 §3.2: at least 1024, 2048 is wise."""

_STRING = 255
"""Octets of one string in a TXT record (RFC 1035 §3.3.14)."""

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def generate(algorithm: str) -> str:
    """A new private key in PEM; ``algorithm`` is RSA or ED25519."""
    key: PrivateKey
    if algorithm == RSA:
        key = rsa.generate_private_key(public_exponent=65_537, key_size=RSA_BITS)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def load(pem: str) -> PrivateKey:
    """The key. Raises ValueError for what is none, or none that DKIM knows."""
    key = serialization.load_pem_private_key(pem.encode(), None)
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise ValueError("not an RSA or Ed25519 key")
    return key


def signature(key: PrivateKey, digest_input: bytes) -> bytes:
    """RSA-SHA256 over the octets, or Ed25519 over their SHA-256 (RFC 8463 §3)."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(digest_input, padding.PKCS1v15(), hashes.SHA256())
    digest = hashes.Hash(hashes.SHA256())
    digest.update(digest_input)
    return key.sign(digest.finalize())


def record(pem: str) -> str:
    """What the DNS record of the key says (RFC 6376 §3.6.1, RFC 8463 §4)."""
    key = load(pem)
    if isinstance(key, rsa.RSAPrivateKey):
        octets = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        kind = RSA
    else:
        octets = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        kind = ED25519
    return f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"


def zone_line(selector: str, domain: str, text: str) -> str:
    """The record as a line of a zone file, the text cut into strings that DNS can hold."""
    strings = " ".join(f'"{text[at : at + _STRING]}"' for at in range(0, len(text), _STRING))
    return f"{selector}._domainkey.{domain}. IN TXT ( {strings} )"
