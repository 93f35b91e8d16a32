"""Messages that break rules in every way we have met; each must be shown all the same."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus.shapes import Malformed

HEAD = b"From: Broken Sender <broken@odd.example>\r\nTo: reader@home.example\r\n"


def _message(number: int, *lines: bytes, body: bytes = b"", subject: bytes = b"oddity") -> bytes:
    own = b"Subject: %b number %d\r\nMessage-ID: <odd-%d@odd.example>\r\n" % (subject, number, number)
    return HEAD + own + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def messages() -> Iterator[Malformed]:
    """All of them, each different from any other."""
    yield Malformed(
        "multipart without a boundary",
        _message(1, b"Content-Type: multipart/mixed", body=b"unbounded rhubarb\r\n"),
        ("rhubarb",),
    )
    yield Malformed(
        "boundary that never comes",
        _message(2, b"Content-Type: multipart/mixed; boundary=never", body=b"lonely artichoke\r\n"),
    )
    yield Malformed(
        "last boundary is missing",
        _message(3, b"Content-Type: multipart/mixed; boundary=x", body=b"--x\r\n\r\nopen ended parsnip\r\n"),
        ("parsnip",),
        ("open ended parsnip\n",),
    )
    yield Malformed(
        "a date that is none",
        _message(4, b"Date: the day after tomorrow", body=b"dateless turnip\r\n"),
        ("turnip",),
        ("dateless turnip\n",),
    )
    yield Malformed(
        "a year far away", _message(5, b"Date: Mon, 99 Foo 20260 99:99:99 +9999", body=b"far radish\r\n"), ("radish",)
    )
    yield Malformed(
        "octets of Latin-1 in a header",
        _message(6, b"X-Note: caf\xe9 \xff\xfe", subject=b"gr\xfc\xdfe celeriac", body=b"eight bits\r\n"),
        ("celeriac", "eight"),
        ("eight bits\n",),
    )
    yield Malformed("NUL in header and body", _message(7, b"X-Nul: a\0b", body=b"zero\0 kohlrabi\r\n"), ("kohlrabi",))
    yield Malformed(
        "a huge header",
        _message(8, b"X-Huge: " + b"padding " * 30_000, body=b"after much salsify\r\n"),
        ("salsify",),
        ("after much salsify\n",),
    )
    yield Malformed(
        "thousands of references",
        _message(
            9, b"References: " + b"\r\n ".join(b"<ref-%d@odd.example>" % n for n in range(3_000)), body=b"many\r\n"
        ),
        ("many",),
    )
    for one, other in ((10, 11), (11, 10)):
        data = HEAD + (
            b"Subject: loop of references\r\nMessage-ID: <odd-%d@odd.example>\r\nReferences: <odd-%d@odd.example>\r\n"
            b"In-Reply-To: <odd-%d@odd.example>\r\n\r\nround and round %d\r\n" % (one, other, other, one)
        )
        yield Malformed(f"loop {one}", data, ("round",), thread="loop")
    yield Malformed("a reference to itself", _message(12, b"References: <odd-12@odd.example>", body=b"me\r\n"), ("me",))
    yield Malformed(
        "empty parts",
        _message(13, b"Content-Type: multipart/mixed; boundary=e", body=b"--e\r\n\r\n--e\r\n\r\n--e--\r\n"),
    )
    yield Malformed("nothing after the header", HEAD + b"Subject: only a header\r\nMessage-ID: <odd-14@odd.example>")
    yield Malformed("no header at all", b"\r\nheaderless fennel\r\n", ("fennel",), ("headerless fennel\n",))
    yield Malformed("one octet", b"\n")
    yield Malformed(
        "UTF-8 that says it is ASCII",
        _message(16, b"Content-Type: text/plain; charset=us-ascii", body="Straße mit Mangold\r\n".encode()),
        ("mangold",),
    )
    yield Malformed(
        "Latin-1 that says it is UTF-8",
        _message(17, b"Content-Type: text/plain; charset=utf-8", body=b"pur\xe9e of chervil\r\n"),
        ("chervil",),
    )
    yield Malformed(
        "a charset that nobody knows",
        _message(18, b"Content-Type: text/plain; charset=x-klingon", body=b"unknown lovage\r\n"),
        ("lovage",),
        ("unknown lovage\n",),
    )
    yield Malformed(
        "base64 that breaks off",
        _message(19, b"Content-Transfer-Encoding: base64", body=b"c29ycmVsIHNvdXA!gKysr*\r\nabc"),
    )
    yield Malformed(
        "an encoding that nobody knows",
        _message(20, b"Content-Transfer-Encoding: x-fold", body=b"plain tarragon\r\n"),
        ("tarragon",),
        ("plain tarragon\n",),
    )
    twice = (
        HEAD + b"Subject: first oregano\r\nSubject: second marjoram\r\nMessage-ID: <odd-21@odd.example>\r\n\r\nx\r\n"
    )
    yield Malformed("two subjects", twice)
    yield Malformed("bare CR as line end", _message(22, body=b"bare hyssop").replace(b"\r\n", b"\r"))
    same = b"--s\r\nContent-Type: multipart/mixed; boundary=s\r\n\r\n--s\r\n\r\ninner borage\r\n--s--\r\n--s--\r\n"
    yield Malformed("a boundary used twice", _message(23, b"Content-Type: multipart/mixed; boundary=s", body=same))
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=d%d\r\n\r\n--d%d\r\n" % (n, n) for n in range(200))
    yield Malformed("two hundred levels", HEAD + b"Subject: deep\r\nMessage-ID: <odd-24@odd.example>\r\n" + deep)
    broken = b'To: "unclosed <a@b>, Group: c@d, (comment, e@f;\r\nCc: ,,;,<>,@,=?utf-8?q?=ff=fe?= <x@y>\r\n'
    yield Malformed("addresses that are none", HEAD + broken + b"Message-ID: odd 25\r\n\r\nodd addresses\r\n", ("odd",))
    yield Malformed(
        "a header line that is none",
        HEAD + b"Subject: broken header\r\nthis is no field\r\nMessage-ID: <odd-26@odd.example>\r\n\r\nsavory\r\n",
    )
    words = b"Subject: =?utf-8?b?////?= =?x-none?q?abc?= =?utf-8?q?unclosed =?=\r\nMessage-ID: <odd-27@odd.example>\r\n"
    yield Malformed("encoded words that are broken", HEAD + words + b"\r\nburnet\r\n", ("burnet",), ("burnet\n",))
    html = b"<div " * 2_000 + b"<p hidden>no</p><!-- <p>angelica</p></table" + b"<td>" * 2_000
    yield Malformed("HTML without an end", _message(28, b"Content-Type: text/html", body=html))
    name = b"Content-Type: text/plain; name*0*=utf-8''%ff%zz; name*2=x; name*=; =;;"
    yield Malformed("parameters that are broken", _message(29, name, body=b"comfrey\r\n"))
