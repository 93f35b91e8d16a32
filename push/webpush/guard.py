"""Which addresses this server may be made to send to (RFC 8620 §8.6).

Rules kept here:
- https only, and no credentials in the URL;
- every address that a name resolves to is of the public internet: none private, loopback, link-local (where clouds
  keep their metadata), multicast or reserved, nor an IPv6 form of one; networks of ``JMAP["PUSH"]["ALLOW"]`` excepted;
- what was judged is what is connected to, so an answer of the DNS that changes meanwhile changes nothing.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import urlsplit

from push.conf import push_options

MAX_URL = 2_000

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMBEDDED = tuple(ipaddress.IPv6Network(network) for network in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16"))
"""Forms of IPv6 that hold an IPv4 address: NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056)."""
_UNWANTED = (ipaddress.IPv6Network("2001::/32"), ipaddress.IPv6Network("fec0::/10"))
"""Teredo, which tunnels to anywhere, and the site-local addresses of old."""

_PRINTABLE = re.compile(r"[!-~]+")


class Forbidden(ValueError):
    """The server does not send there; the message says why."""


def split(url: str) -> tuple[str, int, str]:
    """Host, port, and path with query of a push resource's URL. Raises Forbidden."""
    if len(url) > MAX_URL:
        raise Forbidden(f"is longer than {MAX_URL} octets")
    if not _PRINTABLE.fullmatch(url):
        raise Forbidden("holds characters that have to be encoded")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError:
        raise Forbidden("is no URL") from None
    if parts.scheme.lower() != "https":
        raise Forbidden("must begin with https://")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("must not hold credentials")
    if not host or ":" in host:
        raise Forbidden("must name a host by its name")
    path = parts.path or "/"
    return host, port, f"{path}?{parts.query}" if parts.query else path


def resolve(host: str, port: int) -> list[str]:
    """The addresses of the host, all of them allowed. Raises Forbidden, and OSError where there is none."""
    found = [entry[4][0] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    addresses = [ipaddress.ip_address(str(address).partition("%")[0]) for address in found]
    for address in addresses:
        if not is_allowed(address):
            raise Forbidden("leads to an address that is not of the public internet")
    return list(dict.fromkeys(map(str, addresses)))


def is_allowed(address: IPAddress) -> bool:
    """Whether the server may send to an address."""
    networks = push_options().allow
    bare = _embedded(address)
    if any(each.version == network.version and each in network for network in networks for each in (address, bare)):
        return True
    if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _UNWANTED):
        return False
    return bare.is_global and not bare.is_multicast and not bare.is_reserved


def _embedded(address: IPAddress) -> IPAddress:
    """The IPv4 address inside an IPv6 one, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network in _EMBEDDED:
        if address in network:
            shift = 80 if network.prefixlen == 16 else 0
            return ipaddress.IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    return address
