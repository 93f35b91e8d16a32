"""Modified UTF-7: how IMAP, and Maildir++ after it, writes names that are not ASCII (RFC 3501 §5.1.3)."""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-")
_PLAIN = frozenset(map(chr, range(0x20, 0x7F))) - {"&"}


def decode(name: str) -> str:
    """The name that was meant; what is no modified UTF-7 stays as it is."""

    def shifted(match: re.Match[str]) -> str:
        if not match[1]:
            return "&"
        octets = match[1].replace(",", "/").encode()
        return a2b_base64(octets + b"=" * (-len(octets) % 4)).decode("utf-16-be")

    try:
        return _SHIFTED.sub(shifted, name)
    except ValueError:
        return name


def encode(name: str, also: str = "") -> str:
    """The name in ASCII; ``also`` are plain characters to hide as well, for instance a hierarchy delimiter."""
    out: list[str] = []
    waiting = ""
    for character in [*name, ""]:
        if character and (character not in _PLAIN or character in also) and character != "&":
            waiting += character
            continue
        if waiting:
            octets = b2a_base64(waiting.encode("utf-16-be", "surrogatepass"), newline=False)
            out.append("&" + octets.decode().rstrip("=").replace("/", ",") + "-")
            waiting = ""
        out.append("&-" if character == "&" else character)
    return "".join(out)
