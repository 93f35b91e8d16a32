"""Return paths that carry a proof: bounces name the message they are about, and forwarded mail finds its way back.

Rules kept here:
- ``ada+b=<message>=<mac>@example.org`` is the return path of one message of ada's; it reaches her as ``ada+…`` does,
  and nobody can make one up, so that what comes to it is about that message (VERP, BATV);
- ``SRS0=<mac>=<day>=<domain>=<local>@…`` is the return path of what an alias sends on (the Sender Rewriting Scheme);
  one that is forwarded again becomes SRS1, which leads back to the first hop and grows no more;
- a proof is bound to its address and, for SRS, to the day: it is worth nothing after MAX_DAYS.
"""

from __future__ import annotations

import re
from datetime import datetime

from submission import secrets

MAX_LOCAL = 64
"""Octets of a local part (RFC 5321 §4.5.3.1.1)."""
MAX_DAYS = 21

_MAC = 5
"""Octets of a MAC: 40 bits, guessed once in a trillion."""
_BASE = "abcdefghijklmnopqrstuvwxyz234567"
_BOUNCE = re.compile(r"b=([a-z2-7]{1,13})=([a-z2-7]{8})", re.IGNORECASE)
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([a-z2-7]{2})=([^=]+)=(.+)", re.IGNORECASE | re.DOTALL)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=(.*)", re.IGNORECASE | re.DOTALL)


class NotOurs(ValueError):
    """An address that looks like one of ours and is none, or is too old."""


# ------------------------------------------------------------------------------------------------------------- bounces


def for_message(mail_from: str, message_key: int, separator: str) -> str:
    """The return path of a message; the plain one where there is no room in the local part, or no separator."""
    local, at, domain = mail_from.rpartition("@")
    if not at or not separator or separator in local or local.startswith('"'):
        return mail_from
    name = _number(message_key)
    tagged = f"{local}{separator}b={name}={secrets.sign('bounce', name, _MAC)}"
    return f"{tagged}@{domain}" if len(tagged.encode()) <= MAX_LOCAL else mail_from


def message_of(recipient: str) -> int | None:
    """The key of the message whose return path an address is, or None where it proves none."""
    found = _BOUNCE.search(recipient.rpartition("@")[0])
    if found is None or not secrets.is_signed("bounce", found[1].lower(), found[2], _MAC):
        return None
    return _key(found[1].lower())


def envelope_id(message_key: int) -> str:
    """An ENVID that names the message, for when its sender gave none (RFC 3461 §4.4)."""
    name = _number(message_key)
    return f"{name}.{secrets.sign('envid', name, _MAC)}"


def message_of_envelope(envid: str) -> int | None:
    """The key of the message that an ENVID of ours names."""
    name, _, mac = envid.strip().lower().partition(".")
    if not re.fullmatch(r"[a-z2-7]{1,13}", name) or not secrets.is_signed("envid", name, mac, _MAC):
        return None
    return _key(name)


# ----------------------------------------------------------------------------------------------------------------- SRS


def rewrite(sender: str, domain: str, now: datetime) -> str:
    """The return path with which a domain of ours sends on what came from a sender; "" stays "".

    Raises NotOurs where the result would be no address.
    """
    if not sender:
        return ""
    local, at, host = sender.rpartition("@")
    if not at:
        raise NotOurs(sender)
    if again := _SRS1.fullmatch(local):
        return _srs1(again[2], again[3], domain)
    if _SRS0.fullmatch(local):
        return _srs1(host, local[4:], domain)
    day = _day(now)
    made = f"SRS0={secrets.sign('srs', f'{day}={host}={local}'.lower(), _MAC)}={day}={host}={local}"
    return f"{made}@{domain}"


def is_rewritten(address: str) -> bool:
    """Whether an address has the form of a rewritten return path."""
    return address[:4].upper() in ("SRS0", "SRS1")


def unwrap(address: str, now: datetime) -> str:
    """Where a bounce to a rewritten return path goes. Raises NotOurs."""
    local = address.rpartition("@")[0]
    if found := _SRS1.fullmatch(local):
        mac, host, rest = found.groups()
        if not secrets.is_signed("srs", f"{host}={rest}".lower(), mac, _MAC):
            raise NotOurs(address)
        return f"SRS0{rest}@{host}"
    if found := _SRS0.fullmatch(local):
        mac, day, host, rest = found.groups()
        if not secrets.is_signed("srs", f"{day}={host}={rest}".lower(), mac, _MAC):
            raise NotOurs(address)
        if (_days(now) - _BASE.index(day[0].lower()) * 32 - _BASE.index(day[1].lower())) % 1_024 > MAX_DAYS:
            raise NotOurs(address)
        return f"{rest}@{host}"
    raise NotOurs(address)


def _srs1(host: str, rest: str, domain: str) -> str:
    return f"SRS1={secrets.sign('srs', f'{host}={rest}'.lower(), _MAC)}={host}={rest}@{domain}"


def _days(now: datetime) -> int:
    return int(now.timestamp()) // 86_400


def _day(now: datetime) -> str:
    """The day in two letters; they come again after 1,024 days."""
    days = _days(now) % 1_024
    return _BASE[days // 32] + _BASE[days % 32]


def _number(key: int) -> str:
    digits = ""
    while key or not digits:
        key, digit = divmod(key, 32)
        digits = _BASE[digit] + digits
    return digits


def _key(name: str) -> int:
    key = 0
    for letter in name:
        key = key * 32 + _BASE.index(letter)
    return key
