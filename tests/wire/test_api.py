"""The API resource: what it takes, what it refuses and how it says so."""

import gettext
import gzip
import json
import re
from typing import Any

import httpx
import pytest

from tests.running import ROOT
from tests.wire.conftest import CORE, LAB, Edge, Person, call, echo

ERROR = "urn:ietf:params:jmap:error:"


def post(client: httpx.Client, body: bytes, content_type: str | None = "application/json") -> httpx.Response:
    """POST octets to the API."""
    headers = {} if content_type is None else {"Content-Type": content_type}
    return client.post("/jmap/api", content=body, headers=headers)


@pytest.mark.rfc(8620, "4")
def test_echo_comes_back_as_it_went(client: httpx.Client) -> None:
    arguments = {"text": "é😀", "whole": 2**53 - 1, "half": 0.5, "list": [None, True, {}]}

    response = call(client, ("Core/echo", arguments, "c1"))

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.json()["methodResponses"] == [["Core/echo", arguments, "c1"]]


@pytest.mark.rfc(8620, "3.1")
@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON;jmapVersion=rfc-8621"])
def test_parameters_of_the_content_type_do_not_matter(client: httpx.Client, content_type: str) -> None:
    body = json.dumps({"using": [CORE], "methodCalls": []}).encode()

    assert post(client, body, content_type).status_code == 200


@pytest.mark.rfc(8620, "3.6.1")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/mixed"])
def test_a_body_that_is_not_sent_as_json_is_refused(client: httpx.Client, content_type: str | None) -> None:
    response = post(client, b'{"using": [], "methodCalls": []}', content_type)

    assert response.status_code == 415
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["type"] == ERROR + "notJSON"


@pytest.mark.rfc(8620, "3.6.1")
@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", "notJSON"),
        (b"{", "notJSON"),
        (b'{"a": 1, "a": 2}', "notJSON"),
        (b'{"a": "\xff"}', "notJSON"),
        (b'{"a": "\\ud800"}', "notJSON"),
        (b'{"a": 1e999}', "notJSON"),
        (b"[" * 90_000, "notJSON"),
        (b'{"a": NaN}', "notJSON"),
        (b"\xef\xbb\xbf{}", "notJSON"),
        (b"null", "notRequest"),
        (b"[]", "notRequest"),
        (b"{}", "notRequest"),
        (b'{"using": "x", "methodCalls": []}', "notRequest"),
        (b'{"using": [], "methodCalls": [["Core/echo", {}]]}', "notRequest"),
        (b'{"using": ["urn:no:such"], "methodCalls": []}', "unknownCapability"),
    ],
)
def test_what_is_no_request_is_named_and_never_a_server_error(client: httpx.Client, body: bytes, error: str) -> None:
    response = post(client, body)

    problem = response.json()
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == ERROR + error
    assert problem["status"] == 400
    assert problem["detail"]


@pytest.mark.rfc(8620, "3.6.1")
def test_a_request_past_the_size_limit_is_refused_and_the_connection_lives(client: httpx.Client) -> None:
    response = post(client, b" " * 100_001)

    assert response.status_code == 400
    assert response.json()["type"] == ERROR + "limit"
    assert response.json()["limit"] == "maxSizeRequest"
    assert echo(client).status_code == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_a_request_that_grows_past_the_size_limit_is_refused_while_it_comes(client: httpx.Client, edge: Edge) -> None:
    if not edge.streams:
        pytest.skip("WSGI knows no body without a length")

    def body() -> Any:
        for _ in range(30):
            yield b" " * 10_000

    response = client.post("/jmap/api", content=body(), headers={"Content-Type": "application/json"})

    assert response.status_code == 400
    assert response.json()["limit"] == "maxSizeRequest"
    assert echo(client).status_code == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_a_request_of_the_very_size_is_taken(client: httpx.Client) -> None:
    start = b'{"using": ["' + CORE.encode() + b'"], "methodCalls": []'

    assert post(client, start + b" " * (100_000 - len(start) - 1) + b"}").status_code == 200


@pytest.mark.rfc(8620, "3.6.1")
def test_too_many_calls_are_refused(client: httpx.Client) -> None:
    response = call(client, *[("Core/echo", {}, str(number)) for number in range(17)])

    assert response.status_code == 400
    assert response.json()["limit"] == "maxCallsInRequest"


@pytest.mark.rfc(8620, "3.3")
def test_an_empty_using_opens_no_method_and_any_other_all(client: httpx.Client) -> None:
    body = {"using": [], "methodCalls": [["Core/echo", {}, "c"]]}
    closed = client.post("/jmap/api", json=body).json()
    opened = call(client, ("Lab/repeat", {"accountId": "x", "times": 1}, "c"), using=[CORE]).json()

    assert closed["methodResponses"][0][1]["type"] == "unknownMethod"
    assert opened["methodResponses"][0][1]["type"] != "unknownMethod"


@pytest.mark.rfc(8620, "3.1")
@pytest.mark.parametrize("accept", ["image/png", "text/event-stream", "application/json;jmapVersion=rfc-8621", "x"])
def test_whatever_is_accepted_an_answer_comes(client: httpx.Client, accept: str) -> None:
    assert echo(client, headers={"Accept": accept}).status_code == 200
    assert client.get("/jmap/session", headers={"Accept": accept}).status_code == 200


@pytest.mark.rfc(8620, "3.6.2")
def test_an_unexpected_failure_is_one_calls_and_tells_nobodys_words(client: httpx.Client, edge: Edge) -> None:
    response = call(client, ("Lab/fail", {"secret": "Tulip"}, "c1"), ("Core/echo", {}, "c2"))

    failed, echoed = response.json()["methodResponses"]
    assert response.status_code == 200
    assert failed[1]["type"] == "serverFail"
    assert echoed[0] == "Core/echo"
    assert "Tulip" not in response.text
    assert "Tulip" not in edge.log.read_text()
    assert "RuntimeError" in edge.log.read_text()


@pytest.mark.rfc(8620, "3.6.2")
def test_a_lost_database_connection_costs_one_call_and_no_more(client: httpx.Client) -> None:
    lost = [call(client, ("Lab/hangUp", {}, "c1")) for _ in range(10)]
    after = [echo(client) for _ in range(20)]

    assert {response.status_code for response in lost} <= {200, 503}
    assert {response.status_code for response in after} == {200}


@pytest.mark.rfc(8620, "3.4")
def test_ready_json_stands_in_the_answer_as_it_is(client: httpx.Client) -> None:
    response = call(client, ("Lab/repeat", {"times": 3}, "c1"))

    assert response.json()["methodResponses"][0][1]["list"] == ["mix", "mix", "mix"]


@pytest.mark.rfc(8620, "3.8")
def test_the_language_of_an_answer_is_said_and_chosen_among_those_there_are(client: httpx.Client) -> None:
    plain = echo(client)
    unknown = echo(client, headers={"Accept-Language": "tlh, *;q=0.1"})
    problem = post(client, b"{")

    assert {response.headers["content-language"] for response in (plain, unknown, problem)} == {"en"}


@pytest.mark.rfc(8620, "3.8")
def test_an_error_comes_in_the_first_language_there_is(client: httpx.Client) -> None:
    wanted = {"Accept-Language": "fr-CH, fr;q=0.9, de;q=0.8, en;q=0.7, *;q=0.5"}

    translated = client.get("/jmap/session", headers=wanted, auth=None)
    untranslated = client.post("/jmap/api", content=b"{", headers={**wanted, "Content-Type": "application/json"})
    answer = call(client, ("Lab/repeat", {"times": 1}, "c1"), headers=wanted)

    assert translated.headers["content-language"] == "de"
    assert translated.json()["detail"].startswith("Melden Sie sich")
    assert untranslated.headers["content-language"] == "en"
    assert answer.headers["content-language"] == "de"
    assert answer.json()["methodResponses"][0][1]["language"] == "de"


@pytest.mark.rfc(8620, "3.8")
def test_the_compiled_messages_are_those_of_the_catalogue() -> None:
    folder = ROOT / "jmap" / "locale" / "de" / "LC_MESSAGES"
    with open(folder / "django.mo", "rb") as file:
        compiled = gettext.GNUTranslations(file)

    pairs = re.findall(r'^msgid "(.+)"\nmsgstr "(.+)"$', (folder / "django.po").read_text(), re.MULTILINE)
    assert pairs
    assert {source: compiled.gettext(source) for source, _text in pairs} == dict(pairs)


@pytest.mark.rfc(8620, "3.1")
def test_a_long_answer_is_compressed_for_a_distant_client_that_asks(edge: Edge, person: Person) -> None:
    headers = {"X-Forwarded-For": "203.0.113.5", "Accept-Encoding": "gzip"}
    with edge.client(person, address="127.0.0.2") as client:
        with client.stream(
            "POST",
            "/jmap/api",
            json={"using": [LAB], "methodCalls": [["Lab/repeat", {"times": 5_000}, "c1"]]},
            headers=headers,
        ) as response:
            raw = b"".join(response.iter_raw())
        short = echo(client, headers=headers)
        refusing = {**headers, "Accept-Encoding": "gzip;q=0"}
        unasked = call(client, ("Lab/repeat", {"times": 5_000}, "c1"), headers=refusing)

    assert response.headers["content-encoding"] == "gzip"
    assert len(json.loads(gzip.decompress(raw))["methodResponses"][0][1]["list"]) == 5_000
    assert "content-encoding" not in short.headers
    assert "content-encoding" not in unasked.headers


@pytest.mark.rfc(8620, "3.6.1")
def test_the_rate_is_told_and_held(edge: Edge, person: Person) -> None:
    with edge.client(person) as client:
        first, second = echo(client), echo(client)
        statuses = [echo(client).status_code for _ in range(98)]
        refused = echo(client)

    assert first.headers["ratelimit-policy"] == '"requests";q=100;w=100000'
    assert first.headers["ratelimit"].startswith('"requests";r=99')
    assert second.headers["ratelimit"].startswith('"requests";r=98')
    assert statuses == [200] * 98
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-type"] == "application/problem+json"
