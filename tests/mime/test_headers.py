"""Header fields in every form of RFC 8621 §4.1.2, and the properties of §4.1.3 that name them."""

import pytest

from mail.mime.headers import (
    HeaderProperty,
    allowed_forms,
    as_addresses,
    as_date,
    as_grouped_addresses,
    as_message_ids,
    as_raw,
    as_text,
    as_urls,
    convenience_properties,
    header_value,
    iterate_fields,
    parse_header_property,
    to_utc,
)

RFC_EXAMPLE = (
    b'"  James Smythe" <james@example.com>, Friends:\r\n jane@example.com, =?UTF-8?Q?John_Sm=C3=AEth?=\r\n'
    b" <john@example.com>;"
)


@pytest.mark.rfc(8621, "4.1.2.1")
def test_raw_keeps_every_octet_but_nul_and_replaces_broken_utf8():
    assert as_raw(b" a\0b\r\n \xff caf\xc3\xa9") == " ab\r\n � café"


@pytest.mark.rfc(8621, "4.1.2.2")
@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" Hello\r\n world", "Hello world"),
        (b"   three spaces go", "three spaces go"),
        (b" =?utf-8?q?caf=C3=A9?=", "café"),
        (b" =?ISO-8859-1?B?Y2Fm6Q==?= noir", "café noir"),
        (b" =?utf-8?q?a?=  \r\n =?utf-8?q?b?=", "ab"),
        (b" =?utf-8?q?=E2=82?= =?utf-8?q?=AC?=", "€"),
        (b" =?utf-8*en?q?tagged?=", "tagged"),
        (b" =?utf-8?b?Y2Fm6Q?=", "caf�"),
        (b" =?utf-8?q?a=00=0D=0Ab=7F?=", "ab"),
        (b" caf\xc3\xa9 raw", "café raw"),
        (b" cafe\xcc\x81", "café"),
        (b" =?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?=", "日本語"),
    ],
)
def test_text_is_unfolded_decoded_and_normalized(raw, text):
    assert as_text(raw) == text


@pytest.mark.rfc(2047, "5")
@pytest.mark.parametrize(
    "text",
    [
        "a=?utf-8?q?b?=",
        "=?utf-8?q?b?=c",
        "=?utf-8?q?b?==?utf-8?q?c?=",
        "=?utf-8?q?b c?=",
        "=?utf-8?x?b?=",
        "=?no-such-charset?q?b?=",
        "=?utf-8?q?b",
    ],
)
def test_what_only_looks_like_an_encoded_word_stays(text):
    assert as_text(text) == text


@pytest.mark.rfc(2047, "6.2")
def test_white_space_beside_a_word_that_stays_is_kept():
    assert as_text("=?utf-8?q?a?= =?unknown?q?b?= =?utf-8?q?c?=") == "a =?unknown?q?b?= c"


@pytest.mark.rfc(8621, "4.1.2.3")
def test_addresses_of_the_example_in_the_rfc():
    assert as_addresses(RFC_EXAMPLE) == [
        {"name": "James Smythe", "email": "james@example.com"},
        {"name": None, "email": "jane@example.com"},
        {"name": "John Smîth", "email": "john@example.com"},
    ]


@pytest.mark.rfc(8621, "4.1.2.4")
def test_groups_of_the_example_in_the_rfc():
    assert as_grouped_addresses(RFC_EXAMPLE) == [
        {"name": None, "addresses": [{"name": "James Smythe", "email": "james@example.com"}]},
        {
            "name": "Friends",
            "addresses": [
                {"name": None, "email": "jane@example.com"},
                {"name": "John Smîth", "email": "john@example.com"},
            ],
        },
    ]


@pytest.mark.rfc(8621, "4.1.2.4")
def test_addresses_on_both_sides_of_a_group_are_collected_apart():
    groups = as_grouped_addresses(b"a@x, b@x, Team: c@x; d@x, Empty:;")

    assert [(group["name"], [a["email"] for a in group["addresses"]]) for group in groups] == [
        (None, ["a@x", "b@x"]),
        ("Team", ["c@x"]),
        (None, ["d@x"]),
        ("Empty", []),
    ]


@pytest.mark.rfc(8621, "4.1.2.3")
@pytest.mark.parametrize(
    ("raw", "name", "email"),
    [
        ("joe@x (Joe Doe)", "Joe Doe", "joe@x"),
        ("joe@x (=?utf-8?q?J=C3=B6?= (nested))", "Jö (nested)", "joe@x"),
        ("John Q. Public <a@b>", "John Q. Public", "a@b"),
        (r'"Joe \"J\" Doe" <a@b>', 'Joe "J" Doe', "a@b"),
        ('"folded\r\n name" <a@b>', "folded name", "a@b"),
        ('"=?utf-8?q?quoted?=" <a@b>', "=?utf-8?q?quoted?=", "a@b"),
        ("=?utf-8?q?J?= =?utf-8?q?K?= Doe <a@b>", "JK Doe", "a@b"),
        ("=?utf-8?Q?Doe,_Joe?= <a@b>", "Doe, Joe", "a@b"),
        ("Jörg <jörg@exämple.org>", "Jörg", "jörg@exämple.org"),
        ('"very odd" <"joe, doe"@x>', "very odd", '"joe, doe"@x'),
        ("<@relay,@other:joe@x>", None, "joe@x"),
        ("joe . doe @ x . org", None, "joe.doe@x.org"),
        ("Joe (the one) Doe <a@b>", "Joe Doe", "a@b"),
        ("joe@[192.0.2.1]", None, "joe@[192.0.2.1]"),
        ("not an address", None, "not an address"),
        ("Joe joe@x", "Joe", "joe@x"),
        ("Joe <joe@x", "Joe", "joe@x"),
        ("Joe <>", "Joe", ""),
        ('"unclosed <a@b>', '"unclosed', "a@b"),
    ],
)
def test_one_address_is_read_as_well_as_can_be(raw, name, email):
    assert as_addresses(raw) == [{"name": name, "email": email}]


@pytest.mark.rfc(5322, "4.4")
def test_empty_items_and_missing_commas_lose_no_address():
    emails = [address["email"] for address in as_addresses(", a@x,, <b@x> <c@x> Joe <d@x> e@x;")]

    assert emails == ["a@x", "b@x", "c@x", "d@x", "e@x"]


@pytest.mark.rfc(8621, "4.1.2.5")
@pytest.mark.parametrize(
    ("raw", "ids"),
    [
        (b" <a@b>", ["a@b"]),
        (b" <a@b> (c <no@no>)\r\n\t<c@d><e@f>", ["a@b", "c@d", "e@f"]),
        (b' Your message of "Mon <x@y>" <a@b>', ["a@b"]),
        (b" <folded\r\n @id>", ["folded@id"]),
        (b" no id here", None),
        (b"", None),
    ],
)
def test_message_ids_lose_brackets_and_comments(raw, ids):
    assert as_message_ids(raw) == ids


@pytest.mark.rfc(8621, "4.1.2.6")
@pytest.mark.parametrize(
    ("raw", "date"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T09:55:06-06:00"),
        ("21 Nov 97 09:55:06 GMT", "1997-11-21T09:55:06Z"),
        ("1 Jan 2020 00:00 +0000", "2020-01-01T00:00:00Z"),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "1997-11-21T09:55:06-06:00"),
        ("Thu, 1 Jan 2015 10:00:00 -0000", "2015-01-01T10:00:00-00:00"),
        ("Thu, 1 Jan 2015 10:00:00 EST", "2015-01-01T10:00:00-05:00"),
        ("Thu, 1 Jan 2015 10:00:00 +0530 (IST)", "2015-01-01T10:00:00+05:30"),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59Z"),
        ("31 Feb 2015 10:00:00 +0000", None),
        ("1 Jan 2015 25:00:00 +0000", None),
        ("2015-01-01T10:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates_keep_their_offset_and_bad_ones_are_null(raw, date):
    assert as_date(raw) == date


@pytest.mark.rfc(5256, "2.2")
def test_a_date_is_compared_in_utc():
    moment = to_utc(as_date("31 Dec 2000 16:01:33 -0800"))

    assert moment is not None
    assert moment.isoformat() == "2001-01-01T00:01:33+00:00"


@pytest.mark.rfc(8621, "4.1.2.7")
@pytest.mark.parametrize(
    ("raw", "urls"),
    [
        ("<mailto:a@b>", ["mailto:a@b"]),
        ("(FTP) <ftp://x/y>,\r\n <mailto:a@b?subject=go> (or mail)", ["ftp://x/y", "mailto:a@b?subject=go"]),
        ("<http://x/\r\n y>", ["http://x/y"]),
        ("<http://x>, junk <http://y>", ["http://x"]),
        ("NO (posting not allowed)", None),
        ("http://x", None),
    ],
)
def test_urls_follow_rfc_2369(raw, urls):
    assert as_urls(raw) == urls


@pytest.mark.rfc(8621, "4.1.2")
@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("Subject", {"Raw", "Text"}),
        ("FROM", {"Raw", "Addresses", "GroupedAddresses"}),
        ("References", {"Raw", "MessageIds"}),
        ("Resent-Date", {"Raw", "Date"}),
        ("List-Unsubscribe", {"Raw", "URLs"}),
        ("Received", {"Raw"}),
        ("List-Id", {"Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs"}),
        ("X-Own", {"Raw", "Text", "Addresses", "GroupedAddresses", "MessageIds", "Date", "URLs"}),
    ],
)
def test_each_field_has_its_forms(name, forms):
    assert allowed_forms(name) == forms


@pytest.mark.rfc(8621, "4.1.3")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("header:Subject", HeaderProperty("subject", "Raw", False)),
        ("header:Subject:asText", HeaderProperty("subject", "Text", False)),
        ("header:resent-to:asAddresses:all", HeaderProperty("resent-to", "Addresses", True)),
        ("header:X-Foo:all", HeaderProperty("x-foo", "Raw", True)),
        ("header:all:all", HeaderProperty("all", "Raw", True)),
    ],
)
def test_header_properties_are_parsed(text, expected):
    assert parse_header_property(text) == expected


@pytest.mark.rfc(8621, "4.1.3")
@pytest.mark.parametrize(
    "text",
    [
        "header:",
        "header::asText",
        "header:Sub ject",
        "header:Sübject",
        "header:Subject:all:asText",
        "header:Subject:astext",
        "header:Subject:asNothing",
        "header:Subject:asText:asText",
        "header:Subject:",
        "header:From:asDate",
        "header:Subject:asAddresses",
        "headers:Subject",
    ],
)
def test_bad_header_properties_are_refused(text):
    with pytest.raises(ValueError, match="header"):
        parse_header_property(text)


@pytest.mark.rfc(8621, "4.1.3")
def test_the_last_instance_counts_and_all_gives_every_one():
    fields = list(iterate_fields(b"Subject: one\r\nsubject: two\r\nTo: a@b\r\n"))

    assert header_value(fields, parse_header_property("header:SUBJECT:asText")) == "two"
    assert header_value(fields, parse_header_property("header:Subject:all")) == [" one", " two"]
    assert header_value(fields, parse_header_property("header:Cc")) is None
    assert header_value(fields, parse_header_property("header:Cc:asAddresses:all")) == []


@pytest.mark.rfc(8621, "4.1.3")
def test_convenience_properties_are_the_forms_of_their_fields():
    fields = iterate_fields(
        b"From: Joe <joe@x>\r\nSubject: =?utf-8?q?=C3=A9?=\r\nDate: 1 Jan 2020 10:00:00 +0100\r\n"
        b"Message-ID: <1@x>\r\nReferences: <2@x> <3@x>\r\n"
    )

    values = convenience_properties(fields)

    assert values["from"] == [{"name": "Joe", "email": "joe@x"}]
    assert values["subject"] == "é"
    assert values["sentAt"] == "2020-01-01T10:00:00+01:00"
    assert values["messageId"] == ["1@x"]
    assert values["references"] == ["2@x", "3@x"]
    assert values["cc"] is None
    assert len(values) == 11


@pytest.mark.rfc(5322, "2.2")
def test_fields_keep_their_capitals_and_their_raw_value():
    fields = list(iterate_fields(b"SubJect : a\r\n\tb\r\nX:\n  c\nnot a field\nY:d"))

    assert fields == [("SubJect", b" a\r\n\tb"), ("X", b"\n  c"), ("Y", b"d")]
