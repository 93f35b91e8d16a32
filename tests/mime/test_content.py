"""Contents: charsets, transfer encodings, and slices of both (RFC 2045 §6, RFC 8621 §4.1.4)."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.mime.charset import codec_for, decode_text
from mail.mime.decode import SLICE, decode_range, decoded
from mail.mime.index import parse


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("raw", "declared", "text", "problem"),
    [
        (b"plain", None, "plain", False),
        (b"plain", "us-ascii", "plain", False),
        (b"plain", "x-unknown", "plain", True),
        ("naïve".encode(), "utf-8", "naïve", False),
        ("naïve".encode(), None, "naïve", False),
        ("naïve".encode(), "us-ascii", "naïve", False),
        ("naïve".encode(), "iso-8859-1", "naïve", False),
        ("naïve".encode(), "unknown-8bit", "naïve", True),
        ("naïve".encode("latin-1"), "iso-8859-1", "naïve", False),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”", False),
        ("Привет".encode("koi8-r"), "KOI8-R", "Привет", False),
        ("Привет".encode("cp1251"), "windows-1251", "Привет", False),
        ("你好㐀".encode("gb18030"), "gb2312", "你好㐀", False),
        ("模".encode("gbk"), "gb2312", "模", False),
        ("日本語".encode("iso-2022-jp"), "iso-2022-jp", "日本語", False),
        ("日本語".encode("iso-2022-jp"), None, "日本語", False),
        ("日本語①".encode("cp932"), "shift_jis", "日本語①", False),
        ("한국어".encode("euc-kr"), "ks_c_5601-1987", "한국어", False),
        ("häß".encode("utf-7"), "unicode-1-1-utf-7", "häß", False),
        ("wide".encode("utf-16"), "utf-16", "wide", False),
        (b"\xef\xbb\xbfbom", "utf-8", "bom", False),
        (b"\x1b[31mred\x1b[0m", "us-ascii", "\x1b[31mred\x1b[0m", False),
        (b"bad \xff utf-8 with caf\xc3\xa9 and \xe2\x82\xac", "utf-8", "bad � utf-8 with café and €", True),
        (b"a\0b", "utf-8", "ab", False),
    ],
)
def test_text_is_decoded_by_what_it_is_and_then_by_what_it_says(raw, declared, text, problem):
    assert decode_text(raw, declared) == (text, problem)


@pytest.mark.rfc(8621, "4.1.4")
def test_an_undeclared_charset_is_detected_and_said_to_be_a_guess():
    original = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 4

    assert decode_text(original.encode("koi8-r"), None) == (original, True)


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize("label", ["rot13", "hex", "idna", "punycode", "unicode_escape", "undefined", "mbcs", "", None])
def test_a_codec_that_is_no_charset_is_never_used(label):
    assert codec_for(label) is None


@pytest.mark.rfc(8621, "4.1.4")
@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(
        [None, "utf-7", "utf-16", "utf-32", "gb18030", "iso-2022-jp", "hz", "big5", "cp1252", "x", "utf-8"]
    ),
)
def test_no_octets_give_nul_or_lone_surrogates(raw, declared):
    text, _ = decode_text(raw, declared)

    assert "\0" not in text
    text.encode()


def message(encoding, body):
    """A message of one binary part in a transfer encoding."""
    return b"Content-Type: application/x\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body


@pytest.mark.rfc(2045, "6")
@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        (b"base64", b"QUJD", b"ABC"),
        (b"Base64 (comment)", b"QU\r\n JD!\x80", b"ABC"),
        (b"base64", b"QUI", b"AB"),
        (b"base64", b"QQ", b"A"),
        (b"base64", b"Q", b""),
        (b"base64", b"QUI=\r\n--\r\nlist footer", b"AB"),
        (b"quoted-printable", b"a=3Db=\r\nc  \r\nd=\n=e9", b"a=bc\r\nd\xe9"),
        (b"quoted-printable", b"50% = =ZZ ==41", b"50% = =ZZ =A"),
        (b"quoted-printable", b"soft= \t\r\nbreak=", b"softbreak"),
        (b'"quoted-printable"', b"=41", b"A"),
        (b"7bit", b"a=41", b"a=41"),
        (b"8bit", b"\xff", b"\xff"),
        (b"binary", b"\r\n\0", b"\r\n\0"),
        (b"x-uuencode", b"junk\r\nbegin 644 a.txt\r\n#86)C\r\n`\r\nend\r\nmore", b"abc"),
        (b"x-unheard-of", b"=41", b"=41"),
    ],
)
def test_each_transfer_encoding_is_decoded_and_measured(encoding, body, content):
    raw = message(encoding, body)

    part = parse(raw).root

    assert decoded(raw, part) == content
    assert part.size == len(content)
    assert part.encoding_problem == (encoding == b"x-unheard-of")


def encoded_samples():
    """The same large content in every encoding, with line lengths that no slice is a multiple of."""
    content = bytes(range(256)) * 3000
    as_uu = b"".join(binascii.b2a_uu(content[i : i + 45]) for i in range(0, len(content), 45))
    return [
        (b"base64", base64.encodebytes(content), content),
        (b"quoted-printable", quopri.encodestring(content), content),
        (b"x-uuencode", b"begin 644 x\n" + as_uu + b"`\nend\n", content),
        (b"binary", content, content),
    ]


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(("encoding", "body", "content"), encoded_samples(), ids=lambda value: str(value[:8]))
def test_a_range_counts_decoded_octets(encoding, body, content):
    raw = message(encoding, body)
    part = parse(raw).root
    size = part.size
    ranges = [(0, None), (0, 0), (0, 1), (size - 1, size), (100_000, 500_001), (size, size + 5), (5, size + 5)]

    def read(offset, length):
        assert length <= SLICE
        return raw[offset : offset + length]

    assert size == len(decoded(raw, part))
    assert decoded(raw, part) == (content if encoding != b"quoted-printable" else decoded(raw, part))
    for start, stop in ranges:
        assert b"".join(decode_range(read, part, start, stop)) == decoded(raw, part)[start:stop]


@pytest.mark.rfc(8621, "4.1.4")
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([b"base64", b"quoted-printable", b"x-uuencode", b"7bit", b"odd"]),
    st.lists(
        st.sampled_from([b"=", b"=4", b"41", b"\r\n", b"\n", b"\r", b" ", b"QUJD", b"\xff", b"begin 6 x\n", b"#86)C"])
    ),
    st.integers(1, 9),
)
def test_the_result_does_not_depend_on_the_slices_that_are_read(encoding, pieces, slice_size):
    raw = message(encoding, b"".join(pieces))
    part = parse(raw).root

    def read(offset, length):
        return raw[offset : offset + min(length, slice_size)]

    assert b"".join(decode_range(read, part)) == decoded(raw, part)
    assert part.size == len(decoded(raw, part))
