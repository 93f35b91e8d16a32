"""What a browser asks and must be told before a page of another origin may speak JMAP."""

import httpx
import pytest

from tests.wire.conftest import Edge, Person, echo

RESOURCES = ["/.well-known/jmap", "/jmap/session", "/jmap/api", "/jmap/upload/ub/", "/jmap/download/ub/bb/name"]
ORIGIN = {"Origin": "https://webmail.example"}


def words(field: str) -> set[str]:
    """The words of a list in a header field."""
    return {word.strip().lower() for word in field.split(",")}


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.parametrize("path", RESOURCES)
def test_a_preflight_passes_without_credentials(stranger: httpx.Client, path: str) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}

    response = stranger.options(path, headers=asked)

    assert response.is_success
    assert response.headers["access-control-allow-origin"] == "*"
    assert words(response.headers["access-control-allow-methods"]) >= {"get", "post", "options"}
    needed = {"authorization", "content-type", "accept", "last-event-id"}
    assert words(response.headers["access-control-allow-headers"]) >= needed


@pytest.mark.rfc(8620, "1.7")
@pytest.mark.parametrize("path", RESOURCES)
def test_even_a_refusal_can_be_read_by_the_page(stranger: httpx.Client, path: str) -> None:
    method = "POST" if "api" in path or "upload" in path else "GET"

    response = stranger.request(method, path, headers=ORIGIN)

    assert response.status_code == 401
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = words(response.headers["access-control-expose-headers"])
    assert exposed >= {"www-authenticate", "content-disposition", "ratelimit", "retry-after"}


@pytest.mark.rfc(8620, "1.7")
def test_answers_and_errors_can_be_read_by_the_page(client: httpx.Client, person: Person) -> None:
    answers = [
        client.get("/jmap/session", headers=ORIGIN),
        echo(client, headers=ORIGIN),
        client.post("/jmap/api", content=b"{", headers={**ORIGIN, "Content-Type": "application/json"}),
        client.post(f"/jmap/upload/{person.account}/", content=b"x", headers=ORIGIN),
        client.get(f"/jmap/download/{person.account}/bzzz/x", headers=ORIGIN),
        client.delete("/jmap/session", headers=ORIGIN),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 400, 200, 404, 405]
    assert {answer.headers["access-control-allow-origin"] for answer in answers} == {"*"}
    assert all("access-control-allow-credentials" not in answer.headers for answer in answers)


@pytest.mark.rfc(8620, "1.7")
def test_a_get_with_a_content_type_is_answered(client: httpx.Client) -> None:
    assert client.get("/jmap/session", headers={**ORIGIN, "Content-Type": "application/json"}).status_code == 200


@pytest.mark.rfc(8620, "8")
def test_no_answer_is_sniffed_or_shown_as_a_page(client: httpx.Client, edge: Edge) -> None:
    for response in (client.get("/jmap/session"), echo(client), client.get("/jmap/download/x/y/z")):
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-request-id"]
