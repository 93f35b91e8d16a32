"""Where DATA ends, and what it holds, however it is cut into chunks."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mail.lmtp.dots import Dots

pytestmark = pytest.mark.rfc(5321, "4.5.2")


def receive(wire: bytes, *sizes: int) -> tuple[bytes, bytes | None, bool]:
    """(content, what follows the end or None, whether a line end is bare) of octets that come in chunks."""
    dots, content, at = Dots(), b"", 0
    for size in (*sizes, len(wire)):
        chunk, at = wire[at : at + size], at + size
        content += dots.feed(chunk)
        if dots.rest is not None:
            return content, dots.rest + wire[at:], dots.has_bare_line_end
    return content, None, dots.has_bare_line_end


@pytest.mark.parametrize(
    ("wire", "content"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n..a\r\n.\r\n", b"..\r\n.a\r\n"),
        (b".a\r\n.\r\n", b"a\r\n"),
        (b"a.\r\n.\r\n", b"a.\r\n"),
    ],
)
def test_the_dot_in_front_of_a_line_is_taken_away(wire: bytes, content: bytes) -> None:
    assert receive(wire + b"RSET\r\n") == (content, b"RSET\r\n", False)
    assert receive(wire + b"RSET\r\n", *[1] * 40) == (content, b"RSET\r\n", False)


@pytest.mark.rfc(5321, "2.3.8")
@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\n\n.\r\n",
        b"\r\r\n.\r\r\n",
        b"\r\n\0.\r\n",
    ],
)
def test_nothing_but_a_dot_between_two_crlf_ends_a_message(end: bytes) -> None:
    smuggled = b"a" + end + b"MAIL FROM:<evil@x.test>\r\n"

    content, rest, is_bare = receive(smuggled + b".\r\nQUIT\r\n")

    assert b"MAIL FROM" in content
    assert rest == b"QUIT\r\n"
    assert is_bare == (b"\0" not in end)


LINES = st.lists(st.sampled_from([b".", b"..", b"a", b"", b"\0", b".a", b"\xff" * 3]).map(lambda line: line + b"\r\n"))


@given(LINES, st.lists(st.integers(0, 4)))
@example([b".\r\n"], [1, 1, 1, 1])
def test_what_a_client_stuffs_comes_out_as_it_was_wherever_it_is_cut(lines: list[bytes], sizes: list[int]) -> None:
    wire = b"".join(b"." + line if line.startswith(b".") else line for line in lines) + b".\r\nNOOP\r\n"

    assert receive(wire, *sizes) == (b"".join(lines), b"NOOP\r\n", False)


@given(
    st.binary(max_size=40).map(lambda data: bytes(b"\r\n.a"[octet % 4] for octet in data)), st.lists(st.integers(0, 4))
)
def test_chunks_change_nothing(wire: bytes, sizes: list[int]) -> None:
    whole, cut = receive(wire), receive(wire, *sizes)

    # Without an end a few octets stay behind, which are the same too.
    assert cut == whole
