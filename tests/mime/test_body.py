"""What clients read of a body: part lists, values, previews, EmailBodyPart objects (RFC 8621 §4.1.4)."""

import time

import pytest

from mail.mime.body import (
    BODY_PROPERTIES,
    DEFAULT_BODY_PROPERTIES,
    body_lists,
    body_part_json,
    body_value,
    check_body_properties,
    has_attachment,
    needs_octets,
    preview,
)
from mail.mime.index import parse


def entity(content_type, *children, disposition="", name="", extra=""):
    """A MIME entity: a multipart of its children, or a leaf whose content is its only child."""
    header = f"Content-Type: {content_type}"
    if disposition:
        header += f"\r\nContent-Disposition: {disposition}"
    if name:
        header += f'; filename="{name}"' if disposition else f'; name="{name}"'
    if not content_type.startswith("multipart/"):
        return f"{header}\r\n{extra}\r\n{''.join(children)}"
    boundary = f"b{abs(hash(children))}"
    parts = "".join(f"--{boundary}\r\n{child}\r\n" for child in children)
    return f"{header}; boundary={boundary}\r\n\r\n{parts}--{boundary}--\r\n"


def lists(source):
    """The contents of textBody, htmlBody and attachments."""
    raw = source.encode()
    index = parse(raw)
    return tuple("".join(raw[part.body_start : part.body_end].decode() for part in kind) for kind in body_lists(index))


def attached(source):
    """hasAttachment of a message."""
    return has_attachment(parse(source.encode()))


@pytest.mark.rfc(8621, "4.1.4")
def test_the_example_of_the_rfc_is_decomposed_as_it_says():
    text = "text/plain"
    source = entity(
        "multipart/mixed",
        entity(text, "A", disposition="inline"),
        entity(
            "multipart/mixed",
            entity(
                "multipart/alternative",
                entity(
                    "multipart/mixed",
                    entity(text, "B", disposition="inline"),
                    entity("image/jpeg", "C", disposition="inline"),
                    entity(text, "D", disposition="inline"),
                ),
                entity("multipart/related", entity("text/html", "E"), entity("image/jpeg", "F")),
            ),
            entity("image/jpeg", "G", disposition="attachment"),
            entity("application/x-excel", "H"),
            entity("message/rfc822", "J"),
        ),
        entity(text, "K", disposition="inline"),
    )

    assert lists(source) == ("ABCDK", "AEK", "CFGHJ")


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (entity("text/plain", "T"), ("T", "T", "")),
        (entity("text/html", "H"), ("H", "H", "")),
        (entity("application/pdf", "P"), ("", "", "P")),
        (entity("text/plain", "T", disposition="attachment"), ("", "", "T")),
        (entity("multipart/alternative", entity("text/plain", "T"), entity("text/html", "H")), ("T", "H", "")),
        (entity("multipart/alternative", entity("text/html", "H")), ("H", "H", "")),
        (entity("multipart/alternative", entity("text/plain", "T"), entity("text/calendar", "C")), ("T", "T", "C")),
        (
            entity("multipart/mixed", entity("text/plain", "T"), entity("text/plain", "N", name="n.txt")),
            ("T", "T", "N"),
        ),
        (
            entity("multipart/mixed", entity("text/plain", "N", name="n.txt"), entity("image/png", "I")),
            ("NI", "NI", ""),
        ),
        (entity("multipart/related", entity("text/html", "H"), entity("text/html", "R")), ("H", "H", "R")),
    ],
)
def test_parts_are_sorted_into_body_and_attachments(source, expected):
    assert lists(source) == expected


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (entity("text/plain", "T"), False),
        (entity("multipart/mixed", entity("text/plain", "T"), entity("application/pdf", "P")), True),
        (entity("multipart/mixed", entity("text/plain", "T"), entity("a/b", "P", disposition="inline")), False),
        (entity("multipart/mixed", entity("text/plain", "T"), entity("message/rfc822", "M")), True),
        (entity("multipart/signed", entity("text/plain", "T"), entity("application/pgp-signature", "S")), False),
        (
            entity(
                "multipart/related", entity("text/html", "H"), entity("image/png", "I", extra="Content-ID: <i>\r\n")
            ),
            False,
        ),
        (entity("multipart/related", entity("text/html", "H"), entity("image/png", "I")), True),
    ],
)
def test_has_attachment_is_about_what_a_user_would_download(source, expected):
    assert attached(source) is expected


def value_of(content_type, content, max_bytes=0, encoding="8bit"):
    """The EmailBodyValue of a message of one part."""
    raw = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + content
    return body_value(raw, parse(raw).root, max_bytes)


@pytest.mark.rfc(8621, "4.1.4")
def test_a_value_has_lf_line_ends_and_decoded_characters():
    assert value_of("text/plain; charset=iso-8859-1", b"caf\xe9\r\nnoir\rx\n") == {
        "value": "café\nnoir\rx\n",
        "isEncodingProblem": False,
        "isTruncated": False,
    }


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("content_type", "content", "encoding"),
    [
        ("text/plain; charset=utf-8", b"\xff", "8bit"),
        ("text/plain; charset=nonsense", b"abc", "8bit"),
        ("text/plain", b"abc", "x-nonsense"),
    ],
)
def test_whatever_could_not_be_decoded_is_an_encoding_problem(content_type, content, encoding):
    assert value_of(content_type, content, encoding=encoding)["isEncodingProblem"] is True


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "text/html; charset=utf-8"])
def test_truncation_keeps_to_the_octets_asked_and_never_cuts_a_character(content_type):
    content = "aé€😀".encode() * 3000

    for limit in range(1, 40):
        value = value_of(content_type, content, limit)
        assert value["isTruncated"] is True
        assert value["isEncodingProblem"] is False
        assert limit - 4 < len(value["value"].encode()) <= limit
    assert value_of(content_type, content, len(content))["isTruncated"] is False


@pytest.mark.rfc(8621, "4.2")
def test_truncated_html_ends_in_no_broken_tag_comment_or_reference():
    html = "<p title=\"a>b\" class='c'>one &amp; two<!-- > -->three</p >1 < 2"
    whole = ["<p title=\"a>b\" class='c'>", "<!-- > -->", "</p >", "&amp;"]

    for limit in range(1, len(html)):
        value = value_of("text/html", html.encode(), limit)["value"]
        assert html.startswith(value)
        rest = value
        for token in whole:
            rest = rest.replace(token, "")
        assert "&" not in rest
        assert not any(opening in rest for opening in ("<p", "<!", "</"))
        assert not rest.endswith("<")


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    "html",
    [
        "<p don't>a</p>",
        "<p it's=1 'x'>a</p>",
        "<a href=it's>a</a>",
        "<p title=>a</p>",
        "<p ='>a</p>",
        "</p don't>a",
        "<!doctype it's>a",
        "<?php it's>a",
        "<!-->it's -- <!--->a<!-- b --!>c",
        "<style>p::before { content: '<p' }</style>a",
        "<SCRIPT>if (a<b && '</p') x</script >a",
        "<title>a <b &c</title>d",
    ],
)
def test_a_quote_or_sign_that_opens_nothing_cuts_nothing_off(html):
    value = value_of("text/html", (html + "x" * 100).encode(), len(html) + 50)

    assert value == {"value": html + "x" * 50, "isEncodingProblem": False, "isTruncated": True}


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    ("html", "kept"),
    [
        ("a<p title='x> y", "a"),
        ('a<p title = "x> y', "a"),
        ("a<!-- b > c", "a"),
        ("<style>p {} </sty", "<style>p {} "),
        ("<style>p {} </style", "<style>p {} "),
        ("<style>p { content: '&am", "<style>p { content: '&am"),
    ],
)
def test_what_a_browser_would_not_show_is_left_out_at_the_cut(html, kept):
    assert value_of("text/html", (html + "x" * 100).encode(), len(html))["value"] == kept


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize(
    "unit", ["<p a='", "<p ", "<!--", "<", "<a =", "<style>", "</style", "<p a=\"'", "<title>x</title>"]
)
def test_hostile_html_is_cut_in_linear_time(unit):
    content = (unit * 200_000).encode()

    started = time.process_time()
    value_of("text/html", content, len(content) - 1)
    assert time.process_time() - started < 2


@pytest.mark.rfc(8621, "4.2")
@pytest.mark.parametrize("charset", ["utf-8", "utf-16", "gb18030", "iso-2022-jp", "shift_jis"])
def test_a_large_part_is_truncated_without_reading_all_of_it_and_without_false_problems(charset):
    content = ("日本語" * 100_000).encode(charset)

    value = value_of(f"text/plain; charset={charset}", content, 100)

    assert value == {"value": "日本語" * 11, "isEncodingProblem": False, "isTruncated": True}


def preview_of(content, content_type="text/plain; charset=utf-8"):
    """The preview of a message of one part."""
    raw = f"Content-Type: {content_type}\r\n\r\n{content}".encode()
    return preview(raw, parse(raw))


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("  Hello\r\n\r\n\tworld  ", "Hello world"),
        ("On Monday, Joe wrote:\r\n> quoted\r\n> lines\r\n\r\nMy answer\r\n-- \r\nJoe Doe\r\n", "My answer"),
        ("> only\r\n> quoted", "> only > quoted"),
        ("==========\r\nTitle\r\n==========", "=== Title ==="),
        ("", ""),
    ],
)
def test_a_preview_shows_what_is_new_in_a_text(content, expected):
    assert preview_of(content) == expected


@pytest.mark.rfc(8621, "4.1.4")
def test_a_preview_of_html_shows_what_a_reader_sees():
    html = (
        "<html><head><title>t</title><style>p{}</style></head><body><div style='display:none'>secret</div>"
        "<p>Dear&nbsp;J&ouml;rg,</p><p>h<b>ell</b>o</p>\u200b \u200c \u200d</body></html>"
    )

    assert preview_of(html, "text/html; charset=utf-8") == "Dear Jörg, hello"


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize("content_type", ["text/plain; charset=utf-8", "text/html; charset=utf-8"])
def test_a_preview_is_never_longer_than_256_characters(content_type):
    assert len(preview_of("wörd " * 10_000, content_type)) in range(250, 257)


@pytest.mark.rfc(8621, "4.1.4")
def test_text_far_behind_a_large_style_sheet_is_found():
    html = "<html><style>" + "p { color: red }\n" * 10_000 + "</style><body>found</body></html>"

    assert preview_of(html, "text/html") == "found"


@pytest.mark.rfc(8621, "4.1.4")
def test_a_message_without_text_has_an_empty_preview():
    assert preview_of("PDF", "application/pdf") == ""


@pytest.mark.rfc(8621, "4.2")
def test_a_part_has_the_default_properties_and_no_others():
    raw = entity("text/plain; charset=utf-8", "T", disposition="inline", name="t.txt").encode()

    part = body_part_json(parse(raw).root, lambda part: f"blob-{part.part_id}")

    assert part == {
        "partId": "1", "blobId": "blob-1", "size": 1, "name": "t.txt", "type": "text/plain", "charset": "utf-8",
        "disposition": "inline", "cid": None, "language": None, "location": None,
    }  # fmt: skip
    assert tuple(part) == DEFAULT_BODY_PROPERTIES


@pytest.mark.rfc(8621, "4.1.4")
def test_a_multipart_has_sub_parts_and_neither_part_id_nor_blob_id():
    raw = entity("multipart/mixed", entity("text/plain", "T")).encode()

    part = body_part_json(parse(raw).root, lambda part: "blob", ("partId", "blobId", "type", "subParts"))

    assert part == {
        "partId": None,
        "blobId": None,
        "type": "multipart/mixed",
        "subParts": [{"partId": "1", "blobId": "blob", "type": "text/plain", "subParts": None}],
    }


@pytest.mark.rfc(8621, "4.1.4")
def test_header_fields_of_a_part_are_read_from_the_message():
    raw = entity("text/plain", "T", extra="X-A: =?utf-8?q?=C3=A9?=\r\n").encode()
    names = ("headers", "header:x-a:asText", "header:X-None", "header:X-A:all")

    part = body_part_json(parse(raw).root, lambda part: "blob", names, raw)

    assert part == {
        "headers": [
            {"name": "Content-Type", "value": " text/plain"},
            {"name": "X-A", "value": " =?utf-8?q?=C3=A9?="},
        ],
        "header:x-a:asText": "é",
        "header:X-None": None,
        "header:X-A:all": [" =?utf-8?q?=C3=A9?="],
    }
    assert needs_octets(names)
    assert not needs_octets(BODY_PROPERTIES - {"headers"})


@pytest.mark.rfc(8621, "4.1.4")
@pytest.mark.parametrize("name", ["bogus", "PartId", "header:", "header:From:asDate"])
def test_an_unknown_property_of_a_part_is_refused(name):
    with pytest.raises(ValueError, match=name.partition(":")[0]):
        check_body_properties([name])
