"""Where a request comes from, by what proxies say that are trusted, and by nothing else.

Rules kept here:
- TRUSTED_PROXIES alone decides: a header of any other peer is ignored, whatever the server in front of us was told;
- of X-Forwarded-For (or Forwarded, RFC 7239) the last address that is no trusted proxy is the client's;
- the name and scheme that the client used come from the nearest trusted proxy.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jmap.conf import IPNetwork

_FORWARDED = re.compile(r'\s*([a-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",;\s]*))\s*', re.IGNORECASE)
_MAX_CACHED = 4_096


class Origin(NamedTuple):
    """The client's address, the scheme and the Host that it used."""

    address: str
    scheme: str
    host: str


@dataclass
class Proxies:
    """The trusted networks, with their verdicts on addresses remembered."""

    networks: tuple[IPNetwork, ...]

    def __post_init__(self) -> None:
        self._verdicts: dict[str, bool] = {}

    def trusts(self, address: str) -> bool:
        """Whether the address is a trusted proxy's."""
        verdict = self._verdicts.get(address)
        if verdict is None:
            verdict = self._judge(address)
            if len(self._verdicts) >= _MAX_CACHED:
                self._verdicts.clear()
            self._verdicts[address] = verdict
        return verdict

    def origin(self, peer: str, scheme: str, headers: Mapping[bytes, bytes]) -> Origin:
        """Who asks. ``headers`` have lowercase names; fields given twice are joined by commas."""
        host = headers.get(b"host", b"").decode("latin-1")
        if not self.networks or not self.trusts(peer):
            return Origin(peer, scheme, host)
        if b"forwarded" in headers:
            return self._forwarded(peer, scheme, host, headers[b"forwarded"].decode("latin-1"))
        chain = _words(headers.get(b"x-forwarded-for", b""))
        proto = _words(headers.get(b"x-forwarded-proto", b""))[-1:]
        named = _words(headers.get(b"x-forwarded-host", b""))[-1:]
        return Origin(
            self._client(peer, chain),
            proto[0].lower() if proto and proto[0].lower() in {"http", "https"} else scheme,
            named[0] if named else host,
        )

    def _forwarded(self, peer: str, scheme: str, host: str, field: str) -> Origin:
        chain: list[str] = []
        for element in field.split(","):
            pairs = {
                name.lower(): quoted or plain
                for name, quoted, plain in (match.groups() for match in _FORWARDED.finditer(element))
            }
            chain.append(pairs.get("for", ""))
            if pairs.get("proto", "").lower() in {"http", "https"}:
                scheme = pairs["proto"].lower()
            host = pairs.get("host") or host
        return Origin(self._client(peer, chain), scheme, host)

    def _client(self, peer: str, chain: list[str]) -> str:
        """The last address of the chain that is no trusted proxy; what is no address ends the chain."""
        client = peer
        for word in reversed(chain):
            address = _bare(word)
            if address is None:
                break
            client = address
            if not self.trusts(address):
                break
        return client

    def _judge(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        mapped = getattr(parsed, "ipv4_mapped", None)
        return any((mapped or parsed) in network or parsed in network for network in self.networks)


def _words(value: bytes) -> list[str]:
    return [word for word in (part.strip() for part in value.decode("latin-1").split(",")) if word]


def _bare(word: str) -> str | None:
    """The address in ``192.0.2.1``, ``192.0.2.1:80``, ``[2001:db8::1]:80``; None where there is none."""
    word = word.strip()
    if word.startswith("["):
        word = word[1:].partition("]")[0]
    elif word.count(":") == 1:
        word = word.partition(":")[0]
    try:
        return str(ipaddress.ip_address(word))
    except ValueError:
        return None
