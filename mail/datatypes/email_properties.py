"""The value types that the properties of an Email are made of (RFC 8621 §4.1).

Rules kept here:
- ``header:…`` properties are typed by the form they name, on an Email and on a body part alike;
- a keyword is checked and turned into lowercase where it enters, so that no other code sees another case;
- whatever a client may leave out may also be null: an absent header field is null when it is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jmap.protocol.ports import Json
from jmap.protocol.primitives import Invalid
from jmap.protocol.properties import (
    Boolean,
    Date,
    Id,
    ListOf,
    Object,
    PatchPathError,
    Property,
    String,
    UnsignedInt,
)
from mail.mime.body import check_body_properties
from mail.mime.headers import HeaderProperty, parse_header_property

_KEYWORD = re.compile(r"[!#$&'+-\[^-z|}~]{1,255}", re.ASCII)
"""%x21-7e without ( ) { ] % * " and backslash (RFC 8621 §4.1.1)."""


class Keyword(String):
    """A keyword; upper case is taken and turned into lower case (RFC 8621 §4.1.1)."""

    def _check(self, value: Json, resolve: Any) -> Json:
        text = super()._check(value, resolve)
        if not _KEYWORD.fullmatch(text):
            raise Invalid('must be 1 to 255 printable ASCII characters other than ( ) { ] % * " and backslash')
        return text.lower()


class HeaderedObject(Object):
    """An object that takes ``header:…`` properties beside its declared members (RFC 8621 §4.1.3, §4.1.4)."""

    def __init__(self, members: Any, **options: Any) -> None:
        super().__init__(members, open=True, **options)

    def _check(self, value: Json, resolve: Any) -> Json:
        checked = super()._check(value, resolve)
        for name in checked.keys() - self.members.keys():
            declaration = header_declaration(name)
            if declaration is None:
                raise Invalid("is not a known property", (name,))
            try:
                checked[name] = declaration.check(checked[name], resolve)
            except Invalid as error:
                raise error.under(name) from None
        return checked

    def step(self, key: str, resolve: Any) -> tuple[str, Property]:
        raise PatchPathError("a body part cannot be changed")


def email_addresses(**options: Any) -> ListOf:
    """``EmailAddress[]`` (RFC 8621 §4.1.2.3)."""
    return ListOf(Object({"name": String(nullable=True), "email": String()}), **options)


def email_address_groups(**options: Any) -> ListOf:
    """``EmailAddressGroup[]`` (RFC 8621 §4.1.2.4)."""
    return ListOf(Object({"name": String(nullable=True), "addresses": email_addresses()}), **options)


def email_headers(**options: Any) -> ListOf:
    """``EmailHeader[]`` (RFC 8621 §4.1.3)."""
    return ListOf(Object({"name": String(), "value": String()}), **options)


def _form(form: str, **options: Any) -> Property:
    match form:
        case "Addresses":
            return email_addresses(**options)
        case "GroupedAddresses":
            return email_address_groups(**options)
        case "MessageIds" | "URLs":
            return ListOf(String, **options)
        case "Date":
            return Date(**options)
        case _:
            return String(**options)


@lru_cache(2048)
def header_property(name: str) -> HeaderProperty | None:
    """What a property ``header:…`` asks for, or None where it is no such property or names a forbidden form."""
    if not name.startswith("header:"):
        return None
    try:
        return parse_header_property(name)
    except ValueError:
        return None


@lru_cache(2048)
def header_declaration(name: str) -> Property | None:
    """The declaration of a property ``header:…``, or None where there is no such property (RFC 8621 §4.1.3)."""
    wanted = header_property(name)
    if wanted is None:
        return None
    if wanted.all:
        return ListOf(_form(wanted.form), nullable=True, optional=True, immutable=True, name=name)
    return _form(wanted.form, nullable=True, optional=True, immutable=True, name=name)


def _absent(**options: Any) -> dict[str, Any]:
    return {"nullable": True, "optional": True, **options}


def _part_members() -> Mapping[str, Property]:
    return {
        "partId": String(**_absent()),
        "blobId": Id(**_absent()),
        "size": UnsignedInt(**_absent()),
        "headers": email_headers(**_absent()),
        "name": String(**_absent()),
        "type": String(**_absent()),
        "charset": String(**_absent()),
        "disposition": String(**_absent()),
        "cid": String(**_absent()),
        "language": ListOf(String, **_absent()),
        "location": String(**_absent()),
        "subParts": ListOf(BODY_PART, **_absent()),
    }


BODY_PART = HeaderedObject(_part_members)
"""EmailBodyPart, which nests in itself (RFC 8621 §4.1.4)."""


def body_part(**options: Any) -> HeaderedObject:
    """``EmailBodyPart``."""
    return HeaderedObject(_part_members, **options)


def body_value() -> Object:
    """``EmailBodyValue`` (RFC 8621 §4.1.4)."""
    return Object(
        {"value": String(), "isEncodingProblem": Boolean(default=False), "isTruncated": Boolean(default=False)}
    )


BODY_ARGUMENTS: Mapping[str, Property] = {
    "bodyProperties": ListOf(String, nullable=True, validate=check_body_properties),
    "fetchTextBodyValues": Boolean(default=False, nullable=True),
    "fetchHTMLBodyValues": Boolean(default=False, nullable=True),
    "fetchAllBodyValues": Boolean(default=False, nullable=True),
    "maxBodyValueBytes": UnsignedInt(default=0, nullable=True),
}
"""What Email/get and Email/parse take besides the standard arguments (RFC 8621 §4.2, §4.9)."""
