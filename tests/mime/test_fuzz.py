"""Mutated messages: no exception, offsets within bounds, strings that JSON and a database can hold."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.mime.body import BODY_PROPERTIES, body_lists, body_part_json, body_value, has_attachment, preview
from mail.mime.decode import decoded
from mail.mime.headers import FORMS, iterate_fields
from mail.mime.index import MessageIndex, parse

SEEDS = [
    b"From: Joe <joe@x>\r\nTo: A: b@c, d@e;\r\nSubject: =?utf-8?q?=C3=A9?=\r\nDate: 1 Jan 2020 10:00:00 +0100\r\n"
    b"Message-ID: <a@b>\r\nList-Post: <mailto:x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: text/html; charset=gb18030; name*0*=utf-8''%E2; name*1*=%82%AC\r\n"
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>a=3D=E9=\r\n</p>\r\n--b\r\n"
    b'Content-Type: multipart/alternative; boundary="c d"\r\n\r\n--c d\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    b"SGVsbG8=\r\n--c d--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n",
    b"Content-Type: text/plain; charset=iso-2022-jp\n\n\x1b$BF|K\\\x1b(B > quoted\n-- \nsig",
    b'Content-Transfer-Encoding: x-uuencode\r\nContent-Disposition: inline; filename="x\r\n y"\r\n\r\nbegin 6 x\r\n'
    b"#86)C\r\n`\r\nend",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\xed\xa0\x80", b"--b", b"--", b"boundary=", b": ", b"Content-Type: ",
    b"multipart/mixed", b"=?utf-8?q?", b"?=", b'"', b"\\", b"(", b")", b"<", b">", b";", b"=", b"*0*=", b"'", b"%",
    b" ", b"\t", b"&#", b"<!--", b"utf-7", b"utf-16", b"+2AA-", b"=00",
]  # fmt: skip


@st.composite
def messages(draw):
    """A seed message with some octets replaced, removed or doubled."""
    raw = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(raw)))
        stop = min(len(raw), start + draw(st.integers(0, 30)))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=5) | st.just(raw[start:stop] * 2))
        raw = raw[:start] + piece + raw[stop:]
    return raw


def check(raw):
    """Derive everything from a message and hold it to the rules that every message is held to."""
    index = parse(raw)
    stored = json.loads(json.dumps(index.to_json()))
    assert MessageIndex.from_json(stored) == index
    everything = [stored, preview(raw, index), has_attachment(index)]
    for number, part in enumerate(index.parts):
        assert 0 <= part.header_start <= part.header_end <= part.body_start <= part.body_end <= len(raw)
        assert (part.part_id is None) == part.is_multipart
        assert part.parent is None if number == 0 else index.parts[part.parent].is_multipart
        everything.append(body_part_json(part, lambda part: "b", sorted(BODY_PROPERTIES), raw))
        if not part.is_multipart:
            assert part.size == len(decoded(raw, part))
            whole = body_value(raw, part)["value"]
            short = body_value(raw, part, 20)["value"]
            assert len(short.encode()) <= 20
            everything += [whole, short]
    identifiers = [part.part_id for part in index.parts if part.part_id]
    assert len(set(identifiers)) == len(identifiers)
    text, html, attachments = body_lists(index)
    shown = {id(part) for part in (*text, *html, *attachments)}
    assert shown == {id(part) for part in index.parts if not part.is_multipart}
    for _, value in iterate_fields(raw, index.root.header_start, index.root.header_end):
        everything += [parse_form(value) for parse_form in FORMS.values()]
    flat = json.dumps(everything, ensure_ascii=False)
    flat.encode()
    assert "\\u0000" not in flat


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@settings(max_examples=400, deadline=None)
@given(messages())
def test_mutated_messages_are_always_shown(raw):
    check(raw)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300) | st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join))
def test_any_octets_are_a_message(raw):
    check(raw)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_real_messages_keep_every_rule(mail_corpus):
    files = [path for path in mail_corpus.rglob("*") if path.is_file()]

    for path in files:
        check(path.read_bytes())

    assert len(files) > 100
