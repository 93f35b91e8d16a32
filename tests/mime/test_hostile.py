"""Malformed and hostile messages: always shown, never an exception, never more than linear work."""

import time
import tracemalloc

import pytest

from mail.mime.addresses import MAX_ADDRESSES, parse_groups
from mail.mime.body import body_lists, body_value, preview
from mail.mime.decode import decoded
from mail.mime.headers import as_addresses, as_date, as_message_ids, as_text, as_urls
from mail.mime.index import MAX_DEPTH, MAX_HEADER, MAX_PARTS, parse
from mail.mime.params import parse_parameters
from mail.mime.subject import base_subject
from mail.mime.text import html_to_searchable_text, html_to_text


def texts(raw):
    """The decoded content of every part that has content."""
    return [decoded(raw, part) for part in parse(raw).parts if not part.is_multipart]


def multipart(body, boundary=b"b"):
    """A multipart/mixed message of this body."""
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_line_that_is_no_field_ends_the_header():
    raw = b"Subject: x\r\nThis is the body\r\nwithout a blank line\r\n"

    index = parse(raw)

    assert index.headers["subject"] == "x"
    assert decoded(raw, index.root) == b"This is the body\r\nwithout a blank line\r\n"


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_stray_line_between_known_fields_is_passed_over():
    raw = b"From joe Mon Jan 1\r\nSubject: x\r\n>From mbox\r\nstray\r\nContent-Type: text/html\r\n\r\nbody"

    index = parse(raw)

    assert (index.headers["subject"], index.root.type, decoded(raw, index.root)) == ("x", "text/html", b"body")


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"\n\n\n", b":", b"just text", b"\0", b"\xff\xfe", b"Subject", b" folded"]
)
def test_what_is_hardly_a_message_is_one_text_part(raw):
    index = parse(raw)

    assert [part.type for part in index.parts] == ["text/plain"]
    assert index.root.body_end == len(raw)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_blank_lines_before_the_header_do_not_hide_it():
    assert parse(b"\r\n\r\nSubject: x\r\n\r\nbody").headers["subject"] == "x"


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize("line_end", [b"\r\n", b"\n", b"\r"])
def test_every_kind_of_line_end_is_understood(line_end):
    raw = multipart(b"--b\r\nContent-Type: text/html\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n").replace(
        b"\r\n", line_end
    )

    assert texts(raw) == [b"one", b"two"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_multipart_without_boundary_parameter_is_cut_at_the_delimiter_it_uses():
    raw = b"Content-Type: multipart/mixed\r\n\r\n--x1\r\nContent-Type: text/html\r\n\r\none\r\n--x1--\r\n"

    assert texts(raw) == [b"one"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize(
    "header", [b"multipart/mixed", b"multipart/mixed; boundary=nowhere", b'multipart/x; boundary=""']
)
def test_a_multipart_without_any_delimiter_shows_its_octets(header):
    raw = b"Content-Type: " + header + b"\r\n\r\nall of this\r\n"

    index = parse(raw)

    assert [(part.part_id, part.type) for part in index.parts] == [(None, index.root.type), ("1", "text/plain")]
    assert decoded(raw, index.parts[1]) == b"all of this\r\n"
    assert preview(raw, index) == "all of this"


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_an_empty_multipart_has_no_parts():
    assert parse(multipart(b"")).root.sub_parts == []


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_an_unterminated_part_reaches_to_the_end():
    assert texts(multipart(b"--b\r\n\r\none\r\n--b\r\n\r\ntwo")) == [b"one", b"two"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_an_outer_delimiter_ends_an_unterminated_inner_multipart():
    raw = multipart(
        b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n"
    )

    assert texts(raw) == [b"one", b"two"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_nested_multiparts_of_one_boundary_lose_no_part():
    raw = multipart(
        b"--b\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b--\r\n"
        b"--b\r\n\r\ntwo\r\n--b--\r\n"
    )

    assert texts(raw) == [b"one", b"two"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_delimiter_right_after_a_delimiter_is_an_empty_part():
    assert texts(multipart(b"--b\r\n--b\r\n\r\none\r\n--b--")) == [b"", b"one"]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_ten_thousand_parts_end_in_one_part_with_the_rest():
    raw = multipart(b"--b\r\n\r\nx\r\n" * 10_000)

    index = parse(raw)

    assert len(index.parts) == MAX_PARTS + 1
    assert index.parts[-1].body_end == len(raw)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_tower_of_multiparts_ends_in_one_part_with_the_rest():
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(2000)) + b"x"

    index = parse(raw)

    assert len(index.parts) == MAX_DEPTH + 2
    assert index.parts[-1].body_end == len(raw)
    assert body_lists(index)[0] == [index.parts[-1]]


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_a_header_larger_than_the_bound_is_shown_as_body():
    raw = b"Subject: x\r\n" + b"X-Filler: y\r\n" * (MAX_HEADER // 10)

    index = parse(raw)

    assert index.headers["subject"] == "x"
    assert index.root.header_end == MAX_HEADER
    assert index.root.body_end == len(raw)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_nul_and_raw_octets_leave_no_trace_that_json_or_a_database_refuses():
    raw = b'Subject: a\0b \xff\r\nContent-Type: text/plain; charset=utf-8; name="x\0\xff"\r\n\r\n\0\xed\xa0\x80body'

    index = parse(raw)
    value = body_value(raw, index.root)

    assert index.headers["subject"] == "ab �"
    assert index.root.name == "x�"
    assert "\0" not in value["value"]
    assert value["value"].endswith("body")
    assert value["isEncodingProblem"] is True


class CountingOctets(bytes):
    """Octets that count how many of them `find` has passed over."""

    passed = 0

    def find(self, needle, start=0, end=None):
        end = len(self) if end is None else end
        found = super().find(needle, start, end)
        self.passed += (found if found >= 0 else end) - start
        return found


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize(
    "make",
    [
        lambda n: multipart(b"--b\r\n\r\nx\r\n" * n),
        lambda n: multipart(b"--b\r\nContent-Type: multipart/mixed; boundary=gone\r\n\r\nx\r\n" * n),
        lambda n: multipart(b"--bx\r\n" * n),
        lambda n: multipart(b"--b" * n),
        lambda n: (
            b"".join(
                b"Content-Type: multipart/mixed; boundary=%s\r\n\r\n--%s\r\n" % (b"-" * i, b"-" * i)
                for i in range(1, 32)
            )
            + b"-" * n
        ),
        lambda n: b"A: b\r\n" * n,
        lambda n: b"x\r\n" * n,
    ],
    ids=["parts", "missing boundaries", "near delimiters", "no line ends", "dashes", "fields", "text"],
)
def test_the_search_for_delimiters_passes_each_octet_a_bounded_number_of_times(make):
    raw = CountingOctets(make(20_000))

    parse(raw)

    assert raw.passed <= 2 * (MAX_DEPTH + 2) * len(raw)


def cpu(function, argument):
    """The least processor time of three calls, in seconds."""
    times = []
    for _ in range(3):
        start = time.process_time()
        function(argument)
        times.append(time.process_time() - start)
    return min(times)


def whole(raw):
    """Everything that is derived from a message on arrival."""
    index = parse(raw)
    preview(raw, index)


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize(
    ("function", "pattern"),
    [
        (parse_groups, '"'),
        (parse_groups, '"\\'),
        (parse_groups, "("),
        (parse_groups, "(\\"),
        (parse_groups, "<"),
        (parse_groups, '<"\\'),
        (parse_groups, "a@b,"),
        (parse_groups, ":;"),
        (parse_groups, "=?utf-8?q?a?= "),
        (parse_groups, "=?"),
        (parse_groups, " "),
        (as_text, "=?utf-8?q?"),
        (as_text, "=?utf-8?q?a?= "),
        (as_text, "=?utf-8?b?4pyI?==?"),
        (as_text, "\u0315\u0300"),
        (as_text, "\r\n "),
        (as_message_ids, "<a@b>"),
        (as_message_ids, "<("),
        (as_urls, "<x>,"),
        (as_date, "1 Jan "),
        (as_date, "("),
        (parse_parameters, 'a/b; x="'),
        (parse_parameters, "; a=b"),
        (parse_parameters, " a=b"),
        (parse_parameters, "; a*1*=%41"),
        (parse_parameters, "("),
        (parse_parameters, '; a="\\'),
        (parse_parameters, " "),
        (base_subject, "re: "),
        (base_subject, "[a]"),
        (base_subject, "[fwd: "),
        (base_subject, "(fwd)"),
        (base_subject, "["),
        (html_to_text, "<div>"),
        (html_to_text, "<p><font>"),
        (html_to_text, "<a '\""),
        (html_to_text, "<!--"),
        (html_to_text, "<"),
        (html_to_text, "&"),
        (html_to_text, "&#9"),
        (html_to_text, "<div hidden>"),
        (html_to_text, "<style>"),
        (html_to_text, "<a b='"),
        (html_to_searchable_text, "<a title='"),
        (html_to_searchable_text, '<a title=\'" title="'),
        (html_to_searchable_text, "<img alt=x>"),
    ],
)
def test_reading_takes_time_in_proportion_to_length(function, pattern):
    size = 8192

    small = cpu(function, pattern * (size // len(pattern)))
    large = cpu(function, pattern * (8 * size // len(pattern)))

    # Eight times the work is linear, sixty-four times quadratic; the constant covers the clock's grain.
    assert large <= 24 * small + 0.02


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize(
    "pattern",
    [
        b"> quoted\r\n",
        b"On x wrote:\r\n",
        b"-- \r\n",
        b"----------",
        b"\xe2\x80\x8b ",
        b" ",
        b"\n",
    ],
)
def test_a_preview_takes_time_in_proportion_to_length(pattern):
    header = b"Content-Type: text/plain; charset=utf-8\r\n\r\n"

    small = cpu(whole, header + pattern * (65_536 // len(pattern)))
    large = cpu(whole, header + pattern * (524_288 // len(pattern)))

    assert large <= 24 * small + 0.02


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-uuencode"])
@pytest.mark.parametrize("pattern", [b"=", b"==\r\n", b"=\r", b" ", b" \t\r\n", b"QUJD", b"begin 644 x\r\nM\r\n"])
def test_decoding_takes_time_in_proportion_to_length(encoding, pattern):
    header = b"Content-Type: a/b\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n"

    small = cpu(whole, header + pattern * (32_768 // len(pattern)))
    large = cpu(whole, header + pattern * (262_144 // len(pattern)))

    assert large <= 24 * small + 0.02


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"x-uuencode", b"8bit"])
def test_an_attachment_is_measured_without_a_copy_of_it(encoding):
    header = b"Content-Type: a/b\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n"
    raw = header + b"QUJDREVGR0hJSktM\r\n" * 500_000

    tracemalloc.start()
    parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < len(raw) / 2


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
@pytest.mark.parametrize("unit", ["a@b.example,", "<>", "g:;", "g: a@b.example;", '"",', "(a),"])
def test_a_header_full_of_addresses_costs_little_memory(unit):
    raw = f"To: {unit * (400_000 // len(unit))}\r\n\r\n".encode()

    tracemalloc.start()
    parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 20_000_000


@pytest.mark.own("malformed mail is always shown, in linear time and bounded memory")
def test_addresses_beyond_all_measure_stand_as_text_after_the_others():
    written = [f"{number}@b.example" for number in range(MAX_ADDRESSES + 3)]

    read = [address["email"] for address in as_addresses(", ".join(written))]

    assert read[:MAX_ADDRESSES] == written[:MAX_ADDRESSES]
    assert read[MAX_ADDRESSES:] == [", ".join(written[MAX_ADDRESSES:])]
