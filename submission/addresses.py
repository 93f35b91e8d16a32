"""Mailboxes as SMTP knows them: what may stand in MAIL FROM and RCPT TO (RFC 5321 §4.1.2, RFC 6531 §3.3).

Rules kept here:
- an address is judged as it is written; nothing is trimmed, so what would break a command line never gets near one;
- domains compare and travel as lowercase A-labels; local parts compare in the form in which this site stores its own.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from mail.services.accounts import normalized_domain, normalized_local
from mail.services.errors import InvalidAddress

MAX_LOCAL, MAX_DOMAIN = 64, 255
"""Octets of a local part and of a domain (RFC 5321 §4.5.3.1)."""

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"(?:[ !#-\[\]-~\u0080-\U0010ffff]|\\[ -~])*"')
_NAME = re.compile(r"[A-Za-z0-9_\-\u0080-\U0010ffff]+(?:\.[A-Za-z0-9_\-\u0080-\U0010ffff]+)*")
_UNSEEN = re.compile(r"[\u0080-\u00a0\u2028\u2029\ud800-\udfff\ufeff]")
"""Characters of C1 and kin, which look like nothing or like a line end."""


class BadAddress(ValueError):
    """Not a Mailbox of RFC 5321."""


@dataclass(frozen=True, slots=True)
class SmtpMailbox:
    """A Mailbox: the local part as written, and the domain as a lowercase A-label, or an address literal."""

    local: str
    domain: str

    @property
    def key(self) -> str:
        """What two spellings of one address have in common."""
        return f"{normalized_local(self.local)}@{self.domain}"

    def without_tag(self, separator: str) -> SmtpMailbox:
        """The address that ``ada+news@example.org`` is a tagged form of; itself where there is no tag."""
        base = self.local.partition(separator)[0] if separator else self.local
        return SmtpMailbox(base or self.local, self.domain)

    @property
    def needs_smtputf8(self) -> bool:
        """Whether it can only be named to a server that knows RFC 6531."""
        return not self.local.isascii()


def parse_mailbox(address: str) -> SmtpMailbox:
    """Read a Mailbox. Raises BadAddress."""
    local, at, domain = address.rpartition("@")
    if not at or _UNSEEN.search(address) or len(local.encode()) > MAX_LOCAL:
        raise BadAddress(address)
    if not _DOT_STRING.fullmatch(local) and not _QUOTED.fullmatch(local):
        raise BadAddress(address)
    return SmtpMailbox(local, _domain(domain))


def _domain(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        return _literal(text)
    if not _NAME.fullmatch(text):
        raise BadAddress(text)
    try:
        return normalized_domain(text)
    except InvalidAddress:
        raise BadAddress(text) from None


def _literal(text: str) -> str:
    inner = text[1:-1]
    try:
        if inner.lower().startswith("ipv6:"):
            return f"[IPv6:{ipaddress.IPv6Address(inner[5:])}]"
        return f"[{ipaddress.IPv4Address(inner)}]"
    except ValueError:
        raise BadAddress(text) from None
