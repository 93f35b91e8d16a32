"""Uploads, downloads and requests over both edges with hostile paths, names, types and ranges: never a 5xx."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.conftest import Target
from tests.fuzz.edges import Answer, AsgiEdge, Question, ViewsEdge, open_edge

pytestmark = pytest.mark.django_db(transaction=True)
RELAXED = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}
pick = st.sampled_from
SEGMENTS = pick(
    ("@account", "@other", "@museum", "nobody", "@b0", "@b1", "@ob", "@b0-1", "@b0-99", "@b0-", "b", "", ".", "..",
     "a b.txt", "é", "\U0001f680", "\r\nX-A: b", '"', "\\", "%00", "\0", "x" * 3_000, "?", "#", "@b0/x/y", "b" * 14)
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)  # fmt: skip
ROOTS = pick(["/jmap/download", "/jmap/upload", "/jmap/api", "/jmap/session", "/.well-known/jmap", "/jmap"])
PATHS = st.one_of(
    st.tuples(pick(["@account", "@other", "nobody"]), pick(["@b0", "@b1", "@b0-1", "@ob"]), SEGMENTS).map(
        lambda three: "/jmap/download/" + "/".join(three)
    ),
    st.tuples(SEGMENTS).map(lambda one: f"/jmap/upload/{one[0]}/"),
    st.tuples(ROOTS, st.lists(SEGMENTS, max_size=4)).map(lambda two: "/".join([two[0], *two[1]])),
)
OCTETS = st.binary(max_size=20).map(lambda data: data.translate(None, b"\r\n\0"))
QUERIES = st.one_of(
    st.just(b""),
    pick([b"type=text/plain", b"type=", b"type=a/b%0d%0aX:%20y", b"accept=image/png", b"type=%ff%fe", b"type=%00/x"]),
    pick([b"type=" + b"x" * 5_000, b"&" * 2_000, b"a=1&" * 50 + b"type=text/html", b"type=text/html;%20charset=utf-8"]),
    OCTETS,
)
RANGES = pick(
    (b"bytes=0-0", b"bytes=5-", b"bytes=-5", b"bytes=-0", b"bytes=9-5", b"bytes=0-99999999999999999999", b"bytes=-",
     b"bytes=0-1,3-4", b"bytes", b"octets=0-1", b"bytes=a-b", b"bytes= 0 - 1 ", b"bytes=0-1," * 500, b"bytes=\xb2-",
     b"bytes=99999999-", b"bytes=1-1", b"bytes=" + b"9" * 5_000 + b"-")
) | OCTETS  # fmt: skip
HEADERS = st.lists(
    st.one_of(
        st.tuples(st.just(b"range"), RANGES),
        st.tuples(pick([b"if-range", b"if-none-match"]), pick([b"*", b'"x"', b'W/"x"', b"", b"," * 50]) | OCTETS),
        st.tuples(st.just(b"content-type"), pick([b"application/json", b"", b"text/plain", b"a/b;" * 500]) | OCTETS),
        st.tuples(st.just(b"content-length"), pick([b"5", b"-1", b"x", b"9" * 30, b"\xb2"])),
        st.tuples(pick([b"accept", b"accept-language", b"accept-encoding", b"origin", b"x-request-id"]), OCTETS),
        st.tuples(
            st.just(b"accept-language"), pick([b"de;q=x", b"*" * 500, b"en-" * 99, b";;,,=", b"zh-Hant-TW;q=0.1"])
        ),
    ),
    max_size=3,
)
METHODS = pick(["GET", "GET", "GET", "POST", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get", "X"])
QUESTIONS = st.builds(Question, METHODS, PATHS, QUERIES, HEADERS, st.binary(max_size=50) | st.just(b'{"using":[]}'))


@pytest.fixture(params=["asgi", "views"])
def edge(
    request: pytest.FixtureRequest, target: Target, monkeypatch: pytest.MonkeyPatch
) -> Iterator[AsgiEdge | ViewsEdge]:
    """Each edge, signed in."""
    user = get_user_model().objects.get(username=target.person.username)
    user.set_password("secret")
    user.save()
    with open_edge(request.param, user.username, "secret", monkeypatch) as edge:
        yield edge


def ask(target: Target, edge: AsgiEdge | ViewsEdge, question: Question) -> Answer:
    """Send a question with its placeholders filled, and judge the answer by what holds for every one."""
    target.reports.clear()
    question.path = target.fill(question.path)
    answer = edge.ask(question)
    if target.reports:
        raise target.reports[0]
    assert 200 <= answer.status < 500
    for name, value in answer.headers.items():
        assert not set(value) & set(b"\r\n\0"), name
    if "content-length" in answer.headers and question.method != "HEAD":
        assert int(answer.headers["content-length"]) == len(answer.body)
    is_problem = answer.headers.get("content-type", b"") == b"application/problem+json"
    if is_problem and question.method != "HEAD":
        assert isinstance(json.loads(answer.body)["type"], str)
    return answer


@pytest.mark.rfc(8620, "6")
@settings(max_examples=150, **RELAXED)
@given(question=QUESTIONS)
def test_no_path_and_no_header_makes_an_edge_fail(
    target: Target, edge: AsgiEdge | ViewsEdge, question: Question
) -> None:
    ask(target, edge, question)


@pytest.mark.rfc(8620, "6.2")
@settings(max_examples=40, **RELAXED)
@given(name=SEGMENTS, wanted=RANGES, query=QUERIES)
def test_a_download_gives_the_octets_or_the_range_asked_for(
    target: Target, edge: AsgiEdge | ViewsEdge, name: str, wanted: bytes, query: bytes
) -> None:
    octets = target.person.octets(target.names["@b0"])
    answer = ask(target, edge, Question("GET", f"/jmap/download/@account/@b0/{name}", query, [(b"range", wanted)]))

    assert answer.status in (200, 206, 416), answer.body
    if answer.status == 200:
        assert answer.body == octets
    elif answer.status == 206:
        start, _, stop = answer.headers["content-range"].removeprefix(b"bytes ").partition(b"/")[0].partition(b"-")
        assert answer.body == octets[int(start) : int(stop) + 1]
        assert answer.headers["content-range"].endswith(b"/%d" % len(octets))
    assert b"sandbox" in answer.headers["content-security-policy"]


@pytest.mark.rfc(8620, "6.1")
@settings(max_examples=40, **RELAXED)
@given(data=st.binary(max_size=200), content_type=OCTETS | pick([b"", b"text/plain", b"message/rfc822; x=y"]))
def test_an_upload_of_any_octets_and_type_can_be_fetched_again(
    target: Target, edge: AsgiEdge | ViewsEdge, data: bytes, content_type: bytes
) -> None:
    answer = ask(target, edge, Question("POST", "/jmap/upload/@account/", b"", [(b"content-type", content_type)], data))
    said: dict[str, Any] = json.loads(answer.body)

    assert answer.status == 200
    assert said["size"] == len(data)
    assert target.person.octets(said["blobId"]) == data


@pytest.mark.scale
@pytest.mark.rfc(8620, "6")
@settings(max_examples=5_000, **RELAXED)
@given(question=QUESTIONS)
def test_no_path_and_no_header_makes_an_edge_fail_however_many_are_tried(
    target: Target, edge: AsgiEdge | ViewsEdge, question: Question
) -> None:
    ask(target, edge, question)
