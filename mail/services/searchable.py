"""What of a message can be found by search (RFC 8621 §4.4.1).

Rules kept here:
- of a header field every instance is searched, and the names of groups with the addresses in them;
- of the body, what a reader sees comes first, so that it is the last to be cut where an index is full; then attached
  texts, and the subjects and texts of attached messages;
- HTML is searched as text, together with what its `alt` and `title` attributes say;
- what is attached is read up to a bound, so that a delivery never waits for a huge file to be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from mail.mime.body import body_lists, text_of
from mail.mime.decode import decode_range
from mail.mime.headers import EmailAddress, as_grouped_addresses, as_text
from mail.mime.index import MessageIndex, Octets, Part, parse, part_fields
from mail.mime.text import html_to_searchable_text
from mail.search.tokenizer import MAX_TEXT, SearchFields

MAX_TEXT_PARTS = 50
"""Texts of one message that are read."""
MAX_SHOWN_OCTETS = MAX_TEXT
"""Octets of a text that a reader sees of which the words are looked for: what a message costs in memory is bounded."""
MAX_ATTACHED_OCTETS = 200_000
"""Octets of attached texts and messages that are read, all together."""
MAX_NESTING = 3
"""How deep messages attached to attached messages are read."""

_FIELDS = ("subject", "from", "to", "cc", "bcc")


def search_fields(data: Octets, index: MessageIndex) -> SearchFields:
    """The searchable text of a message."""
    values: dict[str, list[bytes]] = {name: [] for name in _FIELDS}
    for name, value in part_fields(data, index.root):
        if (lower := name.lower()) in values:
            values[lower].append(value)
    subjects = values.pop("subject")
    from_, to, cc, bcc = (_addresses(index, name, instances) for name, instances in values.items())
    return SearchFields(
        subject="\n".join(map(as_text, subjects)),
        from_=from_,
        to=to,
        cc=cc,
        bcc=bcc,
        body=tuple(_texts(data, index)),
        attachment_names=tuple(part.name for part in index.parts if part.name),
    )


def _addresses(index: MessageIndex, name: str, instances: list[bytes]) -> list[str]:
    # What was parsed already is all there is, but for groups and fields that stand there twice.
    if len(instances) == 1 and b";" not in instances[0]:
        return [_address(one) for one in index.headers[name]]
    found: list[str] = []
    for group in (group for value in instances for group in as_grouped_addresses(value)):
        found += [group["name"] or "", *map(_address, group["addresses"])]
    return found


def _address(one: EmailAddress) -> str:
    return f"{one['name'] or ''} {one['email']}".strip()


def _texts(data: Octets, index: MessageIndex) -> Iterator[str]:
    text, html, _ = body_lists(index)
    shown = list({id(part): part for part in (*text, *html) if part.type.startswith("text/")}.values())
    for part in shown[:MAX_TEXT_PARTS]:
        yield _text(data, part, MAX_SHOWN_OCTETS)
    is_shown = {id(part) for part in shown}
    attached = [
        part for part in index.parts if id(part) not in is_shown and part.type.startswith(("text/", "message/"))
    ]
    budget = [MAX_TEXT_PARTS, MAX_ATTACHED_OCTETS]
    yield from _attached(data, attached, budget, MAX_NESTING)


def _attached(data: Octets, parts: list[Part], budget: list[int], nesting: int) -> Iterator[str]:
    """The texts of parts and of the messages among them; ``budget``: how many texts and octets may still be read."""
    for part in parts:
        if min(budget) <= 0:
            return
        size = min(part.size, budget[1])
        budget[0] -= 1
        budget[1] -= size
        if part.type.startswith("text/"):
            yield _text(data, part, size)
        elif part.type in ("message/rfc822", "message/global") and nesting:
            octets = b"".join(decode_range(lambda at, length: data[at : at + length], part, 0, size))
            inner = parse(octets)
            yield inner.headers["subject"] or ""
            # What is inside was counted with the message around it.
            budget[1] += size
            texts = [one for one in inner.parts if one.type.startswith(("text/", "message/"))]
            yield from _attached(octets, texts, budget, nesting - 1)
        elif part.type.startswith("message/"):
            yield _text(data, part, size)


def _text(data: Octets, part: Part, limit: int) -> str:
    value = text_of(data, part, limit)[0]
    return html_to_searchable_text(value) if part.type == "text/html" else value
