"""What makes an Email object one that a message can be made of (RFC 8621 §4.6).

Rules kept here:
- whatever could be read in two ways is refused, with every property at fault named and said why;
- what a client merely leaves out has its plain meaning: a body part of textBody without a type is text/plain, an
  address list that is empty is no header field;
- nothing here needs the database: blobs are looked up later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jmap.protocol.errors import SetErrorException
from jmap.protocol.patch import invalid_properties
from jmap.protocol.ports import Json
from mail.datatypes.email_properties import header_property
from mail.mime.headers import CONVENIENCE, unfold
from mail.mime.index import MAX_DEPTH, MAX_PARTS
from mail.mime.params import parse_parameters

_PART_FIELDS = {
    "type": ("content-type",),
    "charset": ("content-type",),
    "disposition": ("content-disposition",),
    "name": ("content-disposition",),
    "cid": ("content-id",),
    "language": ("content-language",),
    "location": ("content-location",),
}
"""The header fields that stand behind the properties of an EmailBodyPart."""

_LISTS = {"textBody": "text/plain", "htmlBody": "text/html"}
_OURS = ("mime-version",)
"""Fields that the server alone writes."""

Part = Mapping[str, Json]


def check(given: Mapping[str, Json]) -> None:
    """Raise SetErrorException invalidProperties where no message can be made of an Email object (RFC 8621 §4.6)."""
    faults: dict[str, str] = {}
    for name, fault in _faults(given):
        faults.setdefault(name, fault)
    if faults:
        raise invalid_properties(faults)


def refusal(faults: Mapping[str, str]) -> SetErrorException:
    """An invalidProperties SetError out of property names and what is wrong with each."""
    return invalid_properties(faults)


def type_of(part: Part, default: str = "text/plain") -> str:
    """The media type of a body part, by its type or its Content-Type, in lowercase."""
    if part.get("type"):
        return str(part["type"]).lower()
    for name, value in part.items():
        wanted = header_property(name)
        if wanted is not None and wanted.name == "content-type" and isinstance(value, str):
            return parse_parameters(unfold(value))[0].lower() or default
    return default


def parts_of(given: Mapping[str, Json]) -> Iterator[Part]:
    """Every body part of an Email object, those inside of others too."""
    waiting: list[Part] = [given["bodyStructure"]] if given.get("bodyStructure") else []
    for name in ("textBody", "htmlBody", "attachments"):
        waiting += given.get(name) or ()
    while waiting:
        part = waiting.pop(0)
        yield part
        waiting += part.get("subParts") or ()


def fields_of(given: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """(property, header field in lowercase) for each property of an Email object that sets a header field."""
    for name, value in given.items():
        wanted = CONVENIENCE.get(name) or header_property(name)
        if wanted is not None and value is not None:
            yield name, wanted.name


def part_fields_of(part: Part) -> Iterator[tuple[str, str]]:
    """The same for an EmailBodyPart."""
    for name, value in part.items():
        if value is None:
            continue
        if name in _PART_FIELDS:
            for field in _PART_FIELDS[name]:
                yield name, field
        elif (wanted := header_property(name)) is not None:
            yield name, wanted.name


def _faults(given: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    if given.get("headers") is not None:
        yield "headers", "set each header field as a property of its own"
    yield from _header_faults(given)
    yield from _list_faults(given)
    for name, value in (given.get("bodyValues") or {}).items():
        if value["isEncodingProblem"] or value["isTruncated"]:
            yield "bodyValues", f"{name}: isEncodingProblem and isTruncated must be false"
    for name in ("bodyStructure", "textBody", "htmlBody", "attachments"):
        roots = given.get(name) or ()
        budget = [MAX_PARTS]
        for root in [roots] if isinstance(roots, Mapping) else roots:
            for fault in _part_faults(root, given, name == "bodyStructure", 1, budget):
                yield name, fault


def _header_faults(given: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    owner: dict[str, str] = {}
    for name, field in fields_of(given):
        if field.startswith("content-"):
            yield name, "a header field of a body part is set on the part"
        elif field in _OURS:
            yield name, "this header field is set by the server"
        elif field in owner:
            yield name, f"sets the same header field as {owner[field]}"
            yield owner[field], f"sets the same header field as {name}"
        owner.setdefault(field, name)
    structure = given.get("bodyStructure")
    if structure:
        for name, field in part_fields_of(structure):
            if field in owner or field in _OURS:
                yield "bodyStructure", f"{name}: sets a header field that is set already"


def _list_faults(given: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    if given.get("bodyStructure") is not None:
        for name in ("textBody", "htmlBody", "attachments"):
            if given.get(name) is not None:
                yield name, "may not be given together with bodyStructure"
    for name, media_type in _LISTS.items():
        parts = given.get(name)
        # An empty list says as little as null, and clients send it.
        if parts and len(parts) != 1:
            yield name, "must hold exactly one body part"
        elif parts and type_of(parts[0], media_type) != media_type:
            yield name, f"must be of type {media_type}"


def _part_faults(
    part: Part, given: Mapping[str, Json], is_structure: bool, depth: int, budget: list[int]
) -> Iterator[str]:
    """What is wrong with one body part and those inside of it; ``budget`` is how many more there may be."""
    budget[0] -= 1
    if depth > MAX_DEPTH or budget[0] < 0:
        yield f"has more than {MAX_PARTS} parts or {MAX_DEPTH} levels"
        return
    if part.get("headers") is not None:
        yield "headers: set each header field as a property of its own"
    yield from _part_header_faults(part)
    is_multipart = type_of(part).startswith("multipart/")
    sub_parts = part.get("subParts")
    if is_multipart and is_structure:
        if part.get("partId") is not None or part.get("blobId") is not None:
            yield "a multipart has subParts and neither partId nor blobId"
        if not sub_parts:
            yield "subParts: a multipart holds at least one part"
    elif is_multipart:
        yield "type: a multipart can only be given in bodyStructure"
    else:
        yield from _content_faults(part, given)
    if sub_parts and not is_multipart:
        yield "subParts: only a multipart holds parts"
    for sub_part in sub_parts or ():
        yield from _part_faults(sub_part, given, is_structure, depth + 1, budget)


def _part_header_faults(part: Part) -> Iterator[str]:
    owner: dict[str, str] = {}
    for name, field in part_fields_of(part):
        wanted = header_property(name)
        if field == "content-transfer-encoding":
            yield f"{name}: the transfer encoding is chosen by the server"
        elif field in owner and (wanted is not None or header_property(owner[field]) is not None):
            yield f"{name}: sets the same header field as {owner[field]}"
        owner.setdefault(field, name)


def _content_faults(part: Part, given: Mapping[str, Json]) -> Iterator[str]:
    part_id, blob_id = part.get("partId"), part.get("blobId")
    if (part_id is None) == (blob_id is None):
        yield "a part has either a partId or a blobId"
    if part_id is None:
        return
    if part_id not in (given.get("bodyValues") or {}):
        yield f"partId: {part_id} is not among the bodyValues"
    for name in ("charset", "size"):
        if part.get(name) is not None:
            yield f"{name}: must be omitted where a partId is given"
