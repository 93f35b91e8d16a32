"""The arguments of MAIL and RCPT: a path in angle brackets and parameters (RFC 5321 §4.1.1.2, §4.1.1.3).

Rules kept here:
- what cannot be understood is refused with the code that says so; nothing is guessed or mended;
- octets outside ASCII are UTF-8, and only where the client asked for it (SMTPUTF8, RFC 6531 §3.4);
- source routes are passed over, as RFC 5321 §4.1.1.3 asks; whether an address is one is judged by the services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PATH = re.compile(
    r"""[ ]?<
    (?:@[^\x00-\x20:<>"]+:)?                                                            # a source route
    ((?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*" | [^\x00-\x20\x7f<>"\\])*)             # the path, with quoted strings
    >(?:[ ]+(.*))?""",
    re.VERBOSE,
)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?")
_MAX_PATH = 320
_IDENT = re.compile(r"[A-Za-z0-9._-]{1,64}")


class BadCommand(Exception):
    """A command that cannot be understood; the message is the reply line."""


@dataclass(frozen=True, slots=True)
class Sender:
    """MAIL FROM: the reverse-path, "" for the null one, and what is said of the message; ``size`` in octets."""

    address: str
    size: int | None = None
    body: str = ""
    smtputf8: bool = False


def parse_mail(argument: str | None) -> Sender:
    """The argument of MAIL. Raises BadCommand."""
    address, parameters = _parse("FROM:", argument)
    size: int | None = None
    body, smtputf8 = "", False
    for name, value in parameters:
        if name == "SIZE" and value is not None and value.isdigit() and len(value) <= 20:
            size = int(value)
        elif name == "BODY" and value is not None and value.upper() in ("7BIT", "8BITMIME"):
            body = value.upper()
        elif name == "SMTPUTF8" and value is None:
            smtputf8 = True
        elif name in ("SIZE", "BODY", "SMTPUTF8"):
            raise BadCommand(f"501 5.5.4 that is no value of the parameter {name}")
        else:
            raise BadCommand("555 5.5.4 a parameter of MAIL is not known here")
    _require_ascii(address, smtputf8)
    return Sender(address, size, body, smtputf8)


def parse_rcpt(argument: str | None, *, smtputf8: bool) -> str:
    """The argument of RCPT: the forward-path. Raises BadCommand."""
    address, parameters = _parse("TO:", argument)
    if parameters:
        raise BadCommand("555 5.5.4 a parameter of RCPT is not known here")
    if not address:
        raise BadCommand("501 5.1.3 the null path is no recipient")
    _require_ascii(address, smtputf8)
    return address


def parse_ident(argument: str | None) -> str:
    """The queue id among the attributes of XFORWARD, "" where there is none that could be one. Raises BadCommand."""
    found = ""
    for word in (argument or "").split():
        name, equals, value = word.partition("=")
        if not equals or not value:
            raise BadCommand("501 5.5.4 XFORWARD takes attributes with values")
        if name.upper() == "IDENT" and _IDENT.fullmatch(value):
            found = value
    return found


def _parse(keyword: str, argument: str | None) -> tuple[str, list[tuple[str, str | None]]]:
    given = argument or ""
    found = _PATH.fullmatch(given[len(keyword) :]) if given[: len(keyword)].upper() == keyword else None
    if found is None:
        raise BadCommand(f"501 5.5.4 what follows {keyword} must be a path in angle brackets")
    if len(found[1].encode("utf-8", "replace")) > _MAX_PATH:
        raise BadCommand("501 5.1.3 the path is too long")
    parameters = []
    for word in (found[2] or "").split():
        parameter = _PARAMETER.fullmatch(word)
        if parameter is None:
            raise BadCommand("501 5.5.4 the parameters cannot be understood")
        parameters.append((parameter[1].upper(), parameter[2]))
    return found[1], parameters


def _require_ascii(address: str, smtputf8: bool) -> None:
    try:
        address.encode("utf-8" if smtputf8 else "ascii")
    except UnicodeEncodeError:
        raise BadCommand("553 5.6.7 the address is not ASCII, and SMTPUTF8 was not asked for") from None
