"""The index of a message: structure, offsets, and the properties of its parts (RFC 8621 §4.1.4)."""

import json
import mmap

import pytest

from mail.mime.decode import decoded
from mail.mime.index import MessageIndex, parse, part_fields

MIXED = (
    b"From: joe@example.com\r\nSubject: hi\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="outer"\r\n\r\npreamble\r\n'
    b"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n"
    b"--inner\r\n\r\nplain\r\n"
    b"--inner\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>html</p>\r\n--inner--\r\n"
    b"--outer\r\nContent-Type: image/png (comment); name=a.png\r\nContent-Disposition: ATTACHMENT; filename=b.png\r\n"
    b"Content-ID: <cid@x>\r\nContent-Language: en, de\r\nContent-Location: http://x/\r\n y.png\r\n"
    b"Content-Transfer-Encoding: BASE64\r\n\r\niVBORw0K\r\n--outer--\r\nepilogue\r\n"
)


def shape(index):
    """(partId, type) of every part, depth first."""
    return [(part.part_id, part.type) for part in index.parts]


def part_of(header, body=b"x"):
    """The only part of a message that is made of these octets."""
    return parse(header + b"\r\n\r\n" + body).root


@pytest.mark.rfc(8621, "4.1.4")
def test_a_tree_of_parts_is_indexed_depth_first():
    index = parse(MIXED)

    assert shape(index) == [
        (None, "multipart/mixed"),
        (None, "multipart/alternative"),
        ("1.1", "text/plain"),
        ("1.2", "text/html"),
        ("2", "image/png"),
    ]
    assert [part.parent for part in index.parts] == [None, 0, 1, 1, 0]
    assert [decoded(MIXED, part) for part in index.parts[2:]] == [b"plain", b"<p>html</p>", b"\x89PNG\r\n"]
    assert [part.size for part in index.parts[2:]] == [5, 11, 6]


@pytest.mark.rfc(8621, "4.1.4")
def test_every_property_of_a_part_is_read():
    part = parse(MIXED).parts[4]

    assert (part.charset, part.disposition, part.cid, part.language, part.location, part.name) == (
        None,
        "attachment",
        "cid@x",
        ["en", "de"],
        "http://x/y.png",
        "b.png",
    )
    assert part_fields(MIXED, part)[0] == ("Content-Type", b" image/png (comment); name=a.png")


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("header", "content_type", "charset"),
    [
        (b"Subject: x", "text/plain", "us-ascii"),
        (b"Content-Type: text/html", "text/html", "us-ascii"),
        (b"Content-Type: Text/Plain; CHARSET=UTF-8", "text/plain", "UTF-8"),
        (b"Content-Type: text/plain; charset*=us-ascii''koi8%2Dr", "text/plain", "koi8-r"),
        (b"Content-Type: application/json", "application/json", None),
        (b"Content-Type: (a) text/plain (b) ; charset=utf-8 (c)", "text/plain", "utf-8"),
        (b"Content-Type: nonsense", "text/plain", "us-ascii"),
        (b"Content-Type:", "text/plain", "us-ascii"),
        (b"Content-Type: message/rfc822", "message/rfc822", None),
    ],
)
def test_type_and_charset_have_the_defaults_of_mime(header, content_type, charset):
    part = part_of(header)

    assert (part.type, part.charset) == (content_type, charset)


@pytest.mark.rfc(2046, "5.1.5")
def test_parts_of_a_digest_are_messages_by_default_and_not_descended_into():
    index = parse(b"Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n")

    assert shape(index) == [(None, "multipart/digest"), ("1", "message/rfc822")]
    assert index.parts[1].charset is None


@pytest.mark.rfc(2231, "3")
@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"Content-Disposition: attachment; filename=plain.txt", "plain.txt"),
        (b'Content-Disposition: attachment; filename="a \\"b\\".txt"', 'a "b".txt'),
        (b"Content-Disposition: attachment; filename*=utf-8'en'%e2%82%ac.txt", "€.txt"),
        (b"Content-Disposition: attachment; filename=old.txt; filename*=utf-8''new.txt", "new.txt"),
        (
            b"Content-Disposition: attachment;\r\n filename*1*=%AC; filename*0*=utf-8''%E2%82;\r\n filename*2=\" c\"",
            "€ c",
        ),
        (b"Content-Disposition: attachment; filename*0=a; filename*1=b", "ab"),
        (b"Content-Disposition: attachment; filename*=iso-8859-1''caf%E9", "café"),
        (b'Content-Disposition: attachment; filename="=?utf-8?q?caf=C3=A9?="', "café"),
        (b'Content-Type: a/b; name="=?iso-8859-1?Q?caf=E9?="', "café"),
        (b"Content-Type: a/b; name=type.txt\r\nContent-Disposition: inline; filename=disp.txt", "disp.txt"),
        (b"Content-Type: a/b; name=type.txt\r\nContent-Disposition: inline", "type.txt"),
        (b"Content-Disposition: attachment; filename=my holiday (1).jpg", "my holiday (1).jpg"),
        (b'Content-Disposition: attachment; filename="never closed', "never closed"),
        (b"Content-Type: a/b; charset=utf-8 name=x.txt", "x.txt"),
        (b"Content-Disposition: attachment; filename=caf\xc3\xa9.txt", "café.txt"),
        (b'Content-Disposition: attachment; filename=""', None),
    ],
)
def test_names_are_decoded_from_whatever_senders_write(header, name):
    assert part_of(header).name == name


@pytest.mark.rfc(2046, "5.1.1")
def test_a_boundary_that_another_one_begins_with_is_told_apart():
    index = parse(
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n"
        b"--ab\r\n\r\none\r\n--ab--\r\n--a  \r\n\r\ntwo\r\n--a--"
    )

    assert [part_id for part_id, _ in shape(index)] == [None, None, "1.1", "2"]


@pytest.mark.rfc(2046, "5.1.1")
def test_the_line_end_before_a_delimiter_belongs_to_the_delimiter():
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nbare\n\n--b\r\n\r\ncrlf\r\n\r\n--b--"
    index = parse(raw)

    assert [decoded(raw, part) for part in index.parts[1:]] == [b"bare\n", b"crlf\r\n"]


@pytest.mark.own("a message is parsed once and its index is stored")
def test_the_index_survives_storing_as_json():
    index = parse(MIXED)

    stored = json.loads(json.dumps(index.to_json()))

    assert MessageIndex.from_json(stored) == index
    assert shape(MessageIndex.from_json(stored)) == shape(index)
    assert index.part("1.2") is index.parts[3]
    assert index.part("9") is None


@pytest.mark.own("a message is parsed once and its index is stored")
def test_bytes_views_and_maps_give_the_same_index(tmp_path):
    path = tmp_path / "message"
    path.write_bytes(MIXED)

    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert parse(mapped) == parse(MIXED) == parse(memoryview(MIXED)) == parse(bytearray(MIXED))


@pytest.mark.rfc(8621, "4.9")
@pytest.mark.parametrize(("raw", "expected"), [(MIXED, True), (b"\x89PNG\r\n\x1a\n", False), (b"text", False)])
def test_octets_without_a_header_field_can_be_told_from_a_message(raw, expected):
    assert parse(raw).has_header is expected
