"""Reports that come back: delivery status (RFC 3464), disposition (RFC 8098) and abuse (RFC 5965) notifications.

Rules kept here: only a well-formed multipart/report is read, and of it only what is needed; whatever else arrives is no
report and no error. Nothing that is read here is believed: who asks decides what it proves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32

from submission.smtp.replies import Reply, one_line

MAX_READ = 4 * 1024 * 1024
"""Octets of a message in which a report is looked for."""
MAX_RECIPIENTS = 1_000

_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_SMTP_CODE = re.compile(r"[45]\d\d(?=[ -]|$)|2\d\d(?=[ -]|$)")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True, slots=True)
class Told:
    """What a DSN says of one recipient: its address as given to the reporter, the action in lowercase, a reply."""

    recipient: str
    original: str
    action: str
    reply: Reply
    host: str


@dataclass(slots=True)
class Report:
    """A report; ``kind`` is "dsn", "mdn" or "arf". ``original_id`` is the Message-ID of what is reported on,
    ``returned`` the header fields of it that came back, by name in lowercase; ``own_id`` the report's own."""

    kind: str
    own_id: str = ""
    envid: str = ""
    original_id: str = ""
    told: list[Told] = field(default_factory=list)
    recipient: str = ""
    is_displayed: bool = False
    feedback: str = ""
    mail_from: str = ""
    returned: dict[str, str] = field(default_factory=dict)


def parse_report(data: bytes) -> Report | None:
    """The report that a message is, or None where it is none."""
    if b"report" not in data[:65_536].lower():
        return None
    try:
        message = BytesParser(policy=compat32).parsebytes(data[:MAX_READ])
        if message.get_content_type() != "multipart/report" or not message.is_multipart():
            return None
        return _read(message)
    except (MessageError, ValueError, LookupError, TypeError, AttributeError):
        # The library's parser has faults of its own with what it was never meant to see.
        return None


def _read(message: Message) -> Report | None:
    parts: list[Message] = [part for part in message.get_payload() if isinstance(part, Message)]
    report = None
    for part in parts:
        match part.get_content_type():
            case "message/delivery-status" | "message/global-delivery-status":
                report = _dsn(list(_blocks(part)))
            case "message/disposition-notification" | "message/global-disposition-notification":
                report = _mdn(list(_blocks(part)))
            case "message/feedback-report":
                report = _arf(list(_blocks(part)))
    if report is None:
        return None
    report.own_id = message_id(_text(message.get("Message-ID", "")))
    for part in parts[1:]:
        if part.get_content_type() in ("message/rfc822", "message/global"):
            nested = part.get_payload()
            if isinstance(nested, list) and nested and isinstance(nested[0], Message):
                _returned(report, nested[0])
        elif part.get_content_type() in ("text/rfc822-headers", "message/global-headers", "message/rfc822-headers"):
            _returned(report, BytesParser(policy=compat32).parsebytes(_octets(part), headersonly=True))
    return report


def _returned(report: Report, original: Message) -> None:
    report.returned = {name.lower(): _text(value) for name, value in reversed(original.items())}
    report.original_id = report.original_id or message_id(report.returned.get("message-id", ""))


def _dsn(blocks: list[dict[str, str]]) -> Report | None:
    if len(blocks) < 2:
        return None
    report = Report("dsn", envid=unxtext(blocks[0].get("original-envelope-id", "").strip()))
    for block in blocks[1 : MAX_RECIPIENTS + 1]:
        action = block.get("action", "").strip().lower()
        recipient = _typed(block.get("final-recipient", ""))
        if action and recipient:
            original = unxtext(_typed(block.get("original-recipient", "")))
            host = _typed(block.get("remote-mta", ""))
            report.told.append(Told(recipient, original, action, _reply(block, action), host))
    return report if report.told else None


def _reply(block: dict[str, str], action: str) -> Reply:
    words = one_line(_typed(block.get("diagnostic-code", "")))
    found = _ENHANCED.search(block.get("status", ""))
    enhanced = found[0] if found else ""
    code = _SMTP_CODE.match(words)
    default = {"failed": 550, "delayed": 451}.get(action, 250)
    if code is None:
        return Reply(default, enhanced, words)
    rest = words[3:].lstrip(" -")
    return Reply(int(code[0]), enhanced, rest.removeprefix(enhanced).strip() if enhanced else rest)


def _mdn(blocks: list[dict[str, str]]) -> Report | None:
    if not blocks or "disposition" not in blocks[0]:
        return None
    block = blocks[0]
    return Report(
        "mdn",
        original_id=message_id(block.get("original-message-id", "")),
        recipient=unxtext(_typed(block.get("original-recipient", ""))) or _typed(block.get("final-recipient", "")),
        is_displayed="displayed" in block["disposition"].partition(";")[2].lower(),
    )


def _arf(blocks: list[dict[str, str]]) -> Report | None:
    if not blocks or "feedback-type" not in blocks[0]:
        return None
    block = blocks[0]
    mail_from = block.get("original-mail-from", "").strip().strip("<>")
    return Report("arf", feedback=block["feedback-type"].strip().lower()[:20], mail_from=mail_from)


def _blocks(part: Message) -> Iterator[dict[str, str]]:
    """The groups of fields of a machine-readable part, names in lowercase."""
    payload = part.get_payload()
    if isinstance(payload, list):
        # What the library takes for messages within are the groups; one with a transfer encoding is not cut up.
        octets = b"\n\n".join(bytes(one) for one in payload if isinstance(one, Message))
    else:
        octets = _octets(part)
    for text in re.split(rb"\r?\n(?:[ \t]*\r?\n)+", octets.strip()):
        parsed = BytesParser(policy=compat32).parsebytes(text, headersonly=True)
        fields = {name.lower(): _text(value) for name, value in parsed.items()}
        if fields:
            yield fields


def _octets(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(value: object) -> str:
    octets = str(value).encode("ascii", "surrogateescape") if not isinstance(value, bytes) else value
    return re.sub(r"\s*\r?\n\s*", " ", octets.decode("utf-8", "replace"))


def _typed(value: str) -> str:
    """What follows the type: ``rfc822; ada@example.org``."""
    kind, separator, rest = value.partition(";")
    return (rest if separator else kind).strip().strip("<>")


def message_id(value: str) -> str:
    """A Message-ID without brackets, cut to what is stored."""
    return value.strip().strip("<>").strip()[:255]


def unxtext(text: str) -> str:
    """The text that was written as xtext (RFC 3461 §4)."""
    octets = _XTEXT.sub(lambda match: chr(int(match[1], 16)), text).encode("latin-1", "replace")
    return octets.decode("utf-8", "replace")
